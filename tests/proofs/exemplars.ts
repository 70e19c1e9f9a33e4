import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../end-to-end/support/processes.ts';
import { startGatewayProcess, sumOf, type GatewayProcess } from './support/gateway-process.ts';
import { load, quantile } from './support/load.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';

const CONNECTIONS = 32;
/** A port that nobody may take by chance while the proof runs. */
const NOBODY = 'http://127.0.0.1:1';
const PATHS = ['/fast', '/fast', '/fast', '/fast', '/slow', '/failing', '/broken', '/seldom', '/nowhere'];
/** Between two scrapes. */
const SCRAPE_MS = 200;
/** When the exemplars do not become enough. */
const GIVE_UP_MS = 20_000;

export const proof: Proof = {
  guarantee: 'Every exemplar on /metrics, scraped under load, leads to a trace that is in the trace store.',
  async run({ isShort, progress }: ProofContext) {
    const seconds = isShort ? 1 : 60;
    const enough = isShort ? 5 : 100;
    const upstream = await startUpstream();
    // no database answers: traces are kept without one
    const worker = startProcess('backend/worker/dist/index.js', {
      WORKER_PORT: '0',
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
      OTEL_ENABLED: 'false',
      LOG_LEVEL: 'info',
    });
    const listening = await worker.waitForLine((line) => line['message'] === 'worker listens');
    const store = `http://127.0.0.1:${Number(listening['port'])}`;
    const gateway = await startGatewayProcess(configuration(upstream.origin), {
      OTEL_EXPORTER: 'local',
      OTEL_LOCAL_URL: store,
    });
    const looks: Look[] = [];
    let requests = 0;
    const endMs = performance.now() + seconds * 1000;
    const isOver = (): boolean =>
      performance.now() > endMs && (different(looks) >= enough || performance.now() > endMs + GIVE_UP_MS);
    try {
      await Promise.all([
        load({
          origin: gateway.origin,
          connections: CONNECTIONS,
          next: () => (isOver() ? undefined : { path: PATHS[Math.floor(Math.random() * PATHS.length)] ?? '/fast' }),
          onAnswer: () => void requests++,
        }),
        lookUpAll(gateway, store, isOver, looks, progress),
      ]);
      const samples = await gateway.scrape();
      const dropped = sumOf(samples, 'clearway_telemetry_dropped_total', { signal: 'tracing' });
      return resultOf(looks, { seconds, requests, spansDropped: dropped }, enough);
    } finally {
      await Promise.all([gateway.stop(), worker.stop()]);
      upstream.close();
    }
  },
};

/** One look at an exemplar. */
interface Look {
  readonly traceId: string;
  readonly isFound: boolean;
  readonly lookupMs: number;
}

const different = (looks: readonly Look[]): number => new Set(looks.map(({ traceId }) => traceId)).size;

function resultOf(looks: readonly Look[], measurements: Record<string, number>, enough: number) {
  return {
    bars: [
      atMost('exemplars whose trace was not in the store', looks.filter(({ isFound }) => !isFound).length, 0),
      atLeast('different exemplars looked at', different(looks), enough),
    ],
    measurements: {
      ...measurements,
      connections: CONNECTIONS,
      exemplarsLookedAt: looks.length,
      different: different(looks),
      lookupP99Ms: quantile(
        looks.map(({ lookupMs }) => lookupMs),
        0.99,
      ),
    },
  };
}

/** Scrapes again and again, and looks each exemplar up at once. */
async function lookUpAll(
  gateway: GatewayProcess,
  store: string,
  isOver: () => boolean,
  looks: Look[],
  progress: (text: string) => void,
): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  let scrapes = 0;
  while (!isOver()) {
    const samples = await gateway.scrape();
    const ids = new Set(samples.flatMap(({ exemplar }) => (exemplar === undefined ? [] : [exemplar])));
    looks.push(...(await Promise.all([...ids].map((traceId) => lookUp(agent, store, traceId)))));
    if (++scrapes % 25 === 0) progress(`${scrapes} scrapes, ${looks.length} exemplars looked up`);
    await sleep(SCRAPE_MS);
  }
  agent.destroy();
}

async function lookUp(agent: http.Agent, store: string, traceId: string): Promise<Look> {
  const startMs = performance.now();
  const request = http.get(`${store}/api/traces/${traceId}`, { agent });
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return { traceId, isFound: answer.statusCode === 200, lookupMs: performance.now() - startMs };
}

function configuration(upstream: string): object {
  const route = (id: string, more: object = {}) => ({ id, match: { path: `/${id}` }, upstream: 'main', ...more });
  return {
    upstreams: { main: { targets: [{ url: upstream }] }, broken: { targets: [{ url: NOBODY }] } },
    routes: [
      route('fast'),
      route('slow'),
      route('failing'),
      route('broken', { upstream: 'broken' }),
      route('seldom', { tracing: { sampleRatio: 0.01 } }),
    ],
  };
}

async function startUpstream() {
  const server = http.createServer((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('slow'), Math.random() ** 3 * 1500);
    else if (req.url === '/failing') res.writeHead(500).end('failing');
    else res.end('fast');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
