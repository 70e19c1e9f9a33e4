import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROUTES } from './answers.ts';
import type { ServerName } from './options.ts';
import { freePort, type Helpers } from './processes.ts';
import { untilItAnswers, type Server } from './server.ts';
import { openSinks } from './sinks.ts';

/** What a gateway is started from. */
export interface GatewayOrder {
  readonly name: ServerName;
  /** Root of the checkout whose build is started. */
  readonly root: string;
  readonly upstream: string;
  /** Settings beside those that all gateways get. */
  readonly variables: Readonly<Record<string, string>>;
  /** Takes the configuration. */
  readonly folder: string;
  /** Takes a CPU profile, when one is wanted. */
  readonly profileFolder: string | undefined;
}

const ENTRY = 'backend/api-gateway/dist/index.js';
/** Spans of one request: SERVER, and CLIENT of its one attempt. */
const SPANS_A_REQUEST = 2;
/** Nothing arrived for this long: longer than any exporter waits before it sends. */
const QUIET_MS = 1500;
const SETTLE_LIMIT_MS = 10_000;
/** What may be missing at a sink without being counted as dropped. */
const TOLERANCE = 0.01;

/** The file that gives the gateway a hundred routes to one upstream. */
function configuration(upstream: string): string {
  const routes = Array.from({ length: ROUTES }, (_, i) =>
    [`  - id: service-${i}`, `    match: { path: /service-${i}/items/:id }`, '    upstream: items'].join('\n'),
  );
  return `version: 1\nupstreams:\n  items:\n    targets: [{ url: ${upstream} }]\nroutes:\n${routes.join('\n')}\n`;
}

async function startGateway(order: GatewayOrder, helpers: Helpers, settings: Readonly<Record<string, string>>) {
  const file = path.join(order.folder, `${order.name}.yaml`);
  writeFileSync(file, configuration(order.upstream));
  const [port, adminPort] = [await freePort(), await freePort()];
  const profiling = order.profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${order.profileFolder}`];
  // with the flag that npm start and the image give it
  const child = helpers.startServer(['--max-semi-space-size=64', ...profiling, path.join(order.root, ENTRY)], {
    cwd: order.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    // nothing of the caller's: its variables would change what is measured
    env: {
      NODE_ENV: 'production',
      CLEARWAY_CONFIG: file,
      GATEWAY_PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DATA_DIRECTORY: path.join(order.folder, order.name),
      ...settings,
      ...order.variables,
    },
  });
  let lines = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
  });
  await untilItAnswers(order.name, child, port);
  return { pid: child.pid, port, adminUrl: `http://127.0.0.1:${adminPort}`, lines: () => lines };
}

/** The gateway with all that can be switched off switched off. Its counters cannot be. */
export async function startGatewayOff(order: GatewayOrder, helpers: Helpers): Promise<Server> {
  const { pid, port } = await startGateway(order, helpers, {
    OTEL_ENABLED: 'false',
    LOG_LEVEL: 'error',
    RECENT_RECORDS: '0',
    FLIGHT_RECORDER: 'false',
  });
  return { name: order.name, pid, port };
}

/** The gateway with every signal on, each with a receiver that takes it; what they got is checked. */
export async function startGatewayOn(order: GatewayOrder, helpers: Helpers): Promise<Server> {
  const sinks = await openSinks();
  helpers.onStop(() => sinks.close());
  const { pid, port, adminUrl, lines } = await startGateway(order, helpers, {
    OTEL_ENABLED: 'true',
    OTEL_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: sinks.otlpUrl,
    TRACE_SAMPLE_RATIO: '1',
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
    SENTRY_DSN: sinks.dsn,
  });
  const scrape = async (): Promise<string> => (await fetch(`${adminUrl}/metrics`)).text();
  return {
    name: order.name,
    pid,
    port,
    duringSlice: async () => void (await scrape()),
    settle: () => untilQuiet(() => sinks.spans() + lines()),
    async verify({ requests, cutOff }) {
      const metrics = await scrape();
      const counts = [
        { what: 'spans', each: SPANS_A_REQUEST, came: sinks.spans(), dropped: dropped(metrics, 'tracing') },
        { what: 'log lines', each: 1, came: lines(), dropped: dropped(metrics, 'logs') },
      ];
      return {
        facts: Object.fromEntries(
          counts.flatMap((c) => [
            [c.what, c.came],
            [`${c.what} dropped`, c.dropped],
          ]),
        ),
        problems: counts
          .filter(({ each, came, dropped }) => !isNear(came + dropped, requests * each, (requests + cutOff) * each))
          .map(
            ({ what, came, dropped }) => `${what}: ${came} came and ${dropped} were dropped, of ${requests} requests`,
          ),
      };
    },
  };
}

function isNear(count: number, least: number, most: number): boolean {
  return count >= least * (1 - TOLERANCE) && count <= most * (1 + TOLERANCE);
}

/** Resolves when a count has stood still for as long as an exporter may wait. */
async function untilQuiet(count: () => number): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
  let last = { count: count(), atMs: performance.now() };
  while (performance.now() - last.atMs < QUIET_MS && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (count() !== last.count) last = { count: count(), atMs: performance.now() };
  }
}

/** What the gateway says it dropped of one signal. */
function dropped(metrics: string, signal: string): number {
  const line = new RegExp(`^clearway_telemetry_dropped_total\\{signal="${signal}"\\} (\\d+)`, 'm').exec(metrics);
  return Number(line?.[1] ?? 0);
}
