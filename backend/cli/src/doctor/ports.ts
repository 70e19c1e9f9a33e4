import { connect } from 'node:net';
import type { CliContext } from '../context.ts';
import { embeddedDirectory } from './database.ts';
import { failed, ok, skipped, type Check } from './finding.ts';
import { ask } from './http.ts';

interface Port {
  readonly name: string;
  readonly variable: string;
  readonly standard: number;
}

const PORTS: readonly Port[] = [
  { name: 'gateway', variable: 'GATEWAY_PORT', standard: 8000 },
  { name: 'admin', variable: 'ADMIN_PORT', standard: 8001 },
  { name: 'worker', variable: 'WORKER_PORT', standard: 8002 },
  { name: 'example', variable: 'TRACKS_PORT', standard: 4000 },
  { name: 'database', variable: 'DATABASE_PORT', standard: 54_329 },
];

/** Whether each port of Clearway is free, or held by Clearway itself. */
export function portChecks(context: CliContext): Check[] {
  return PORTS.map((port) => ({
    name: `port ${port.name}`,
    async run(signal) {
      const number = Number(context.variables[port.variable] ?? port.standard);
      if (!Number.isInteger(number) || number < 0 || number > 65_535)
        return skipped(`${port.variable} is no port`, 'see environment');
      const isDatabase = port.name === 'database';
      if (isDatabase && context.variables['DATABASE_URL']) return skipped('DATABASE_URL names a database elsewhere');
      if (number === 0) return skipped(`${port.variable}=0: the system chooses one`);
      if (!(await isListening(number))) return ok(`${number} is free`);
      const isOurs = isDatabase ? await isEmbeddedDatabase(number, context) : await isClearway(number, signal);
      if (isOurs) return ok(`${number} is held by Clearway, which is running`);
      return failed(`${number} is taken by another program`, `end it, or set ${port.variable} to a free port`);
    },
  }));
}

/** Whether something accepts connections at a port of this machine. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
    // loading a package may keep the event loop busy for longer: an answer that is there already counts first
    socket.setTimeout(1000, () => setImmediate(settle, true));
  });
}

async function isEmbeddedDatabase(port: number, context: CliContext): Promise<boolean> {
  const { findEmbeddedPostgres } = await import('@clearway/database');
  return findEmbeddedPostgres(embeddedDirectory(context))?.port === port;
}

/** Clearway's processes answer their probes with a state, and everything unknown with a problem document of their own. */
async function isClearway(port: number, signal: AbortSignal): Promise<boolean> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(1500)]);
  const reply = await ask(`http://127.0.0.1:${port}/readyz`, { signal: limited }).catch(() => undefined);
  if (!reply || 'unreachable' in reply || typeof reply.body !== 'object' || reply.body === null) return false;
  const { status, type } = reply.body as { status?: unknown; type?: unknown };
  return typeof status === 'string' || (typeof type === 'string' && type.startsWith('urn:clearway:'));
}
