import path from 'node:path';
import { startGatewayOff, startGatewayOn, type GatewayOrder } from './gateway.ts';
import type { Options, ServerName } from './options.ts';
import { freePort, type Helpers } from './processes.ts';
import { untilItAnswers, type Server } from './server.ts';

/** Root of this checkout. */
export const ROOT = path.join(import.meta.dirname, '../..');

const PEERS: Partial<Record<ServerName, string>> = {
  bare: 'bare-forwarder.ts',
  'http-proxy-middleware': 'http-proxy-middleware.ts',
  'fastify-http-proxy': 'fastify-http-proxy.ts',
};

/** Starts the servers that the options name, all on one CPU and in front of one upstream. */
export async function startServers(
  options: Options,
  helpers: Helpers,
  at: { upstream: string; folder: string },
): Promise<Server[]> {
  const servers: Server[] = [];
  for (const name of options.servers) servers.push(await startServer(name, options, helpers, at));
  return servers;
}

function startServer(
  name: ServerName,
  options: Options,
  helpers: Helpers,
  at: { upstream: string; folder: string },
): Promise<Server> {
  const peer = PEERS[name];
  if (peer !== undefined) return startPeer(name, peer, at.upstream, helpers);
  const isBaseline = name.startsWith('baseline');
  const order: GatewayOrder = {
    name,
    root: isBaseline ? path.resolve(options.baseline ?? ROOT) : ROOT,
    variables: isBaseline ? options.baselineVariables : {},
    ...at,
    profileFolder: options.profile === undefined ? undefined : path.resolve(options.profile, name),
  };
  return name.endsWith('-on') ? startGatewayOn(order, helpers) : startGatewayOff(order, helpers);
}

async function startPeer(name: ServerName, file: string, upstream: string, helpers: Helpers): Promise<Server> {
  const port = await freePort();
  const child = helpers.startServer([path.join(ROOT, 'benchmarks/peers', file), String(port), upstream], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { NODE_ENV: 'production' },
  });
  await untilItAnswers(name, child, port);
  return { name, pid: child.pid, port };
}
