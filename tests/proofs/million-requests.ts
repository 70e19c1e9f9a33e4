import http from 'node:http';
import { openServers } from '../end-to-end/support/servers.ts';
import { startGatewayProcess, sumOf, type GatewayProcess } from './support/gateway-process.ts';
import { fastLoad, type FastAnswer } from './support/fast-load.ts';
import type { LoadRequest } from './support/load.ts';
import { atMost, type Proof, type ProofContext } from './support/proof.ts';
import { growth, watchMemory } from './support/resident-memory.ts';

const STANDSTILL_MS = 10_000;
const CONNECTIONS = 64;
const MEBIBYTE = 1024 * 1024;
const LIMIT_MEBIBYTES = 32;
const PARTS = 10;
/** With room for gigabytes the collector leaves garbage lie for long, and a leak could not be told from it. */
const SMALL_HEAP = '--max-old-space-size=128 --max-semi-space-size=8';

export const proof: Proof = {
  guarantee: 'A million requests are answered and told of, one by one, and memory stays where it was.',
  async run({ isShort, progress, signal }: ProofContext) {
    const total = isShort ? 3000 : 1_000_000;
    const warmUp = isShort ? 5000 : 100_000;
    const servers = openServers();
    const gateway = await startGatewayProcess(
      configuration(await servers.listen(echoServer())),
      // every signal on: what is queued for them is a part of the memory
      { OTEL_EXPORTER: 'local', OTEL_LOCAL_URL: await servers.listen(sinkServer()), NODE_OPTIONS: SMALL_HEAP },
    );
    try {
      // what a process that has just begun grows by is no leak
      await send(gateway, warmUp, () => undefined);
      const memory = watchMemory(gateway.pid);
      let wrong = 0;
      for (let part = 1; part <= PARTS; part++) {
        await send(gateway, total / PARTS, (answer) => (wrong += Number(!isRight(answer))));
        signal.throwIfAborted();
        progress(
          `${(total / PARTS) * part} requests, ${wrong} wrong, ${Math.round((memory.samples.at(-1) ?? 0) / MEBIBYTE)} MiB`,
        );
      }
      memory.stop();
      const sent = warmUp + total;
      const counted = await settled(async () => sumOf(await gateway.scrape(), 'clearway_requests_total'), sent);
      const lines = await settled(() => gateway.lines(), sent);
      return {
        bars: [
          atMost('answers that were missing or wrong', wrong, 0),
          atMost('growth of the resident memory (MiB)', Math.round(growth(memory.samples) / MEBIBYTE), LIMIT_MEBIBYTES),
          atMost('requests that the metrics do not count', sent - counted, 0),
          atMost('requests without a line in the log', Math.max(0, sent - lines), 0),
        ],
        measurements: {
          requests: total,
          connections: CONNECTIONS,
          residentMebibytes: {
            first: Math.round((memory.samples[0] ?? 0) / MEBIBYTE),
            last: Math.round((memory.samples.at(-1) ?? 0) / MEBIBYTE),
            most: Math.round(Math.max(...thinned(memory.samples)) / MEBIBYTE),
          },
        },
      };
    } finally {
      await gateway.stop();
      await servers.close();
    }
  },
};

function configuration(url: string): object {
  const routes = Array.from({ length: 20 }, (_, i) => ({
    id: `service-${i}`,
    match: { path: `/service-${i}/items/:id` },
    upstream: 'items',
    policies: { rateLimit: { limit: 1_000_000_000 } },
  }));
  return { upstreams: { items: { targets: [{ url }] } }, routes };
}

/** Answers with what it was asked: a mixed-up answer would be noticed. */
function echoServer(): http.Server {
  return http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => res.end(`${req.method} ${req.url} ${Buffer.concat(chunks).toString()}`));
  });
}

function sinkServer(): http.Server {
  return http.createServer((req, res) => req.resume().on('end', () => res.end()));
}

/** One in ten with a body, one in a hundred that no route takes. */
function requestOf(n: number): LoadRequest {
  const path = n % 100 === 0 ? `/nowhere/${n}` : `/service-${n % 20}/items/${n}?page=${n}`;
  return n % 10 === 1 ? { method: 'POST', path, body: `body of ${n}` } : { path };
}

function isRight({ request, status, body }: FastAnswer): boolean {
  const { method = 'GET', path } = request;
  if (path.startsWith('/nowhere')) return status === 404;
  return status === 200 && body === `${method} ${path} ${request.body ?? ''}`;
}

async function send(gateway: GatewayProcess, count: number, onAnswer: (answer: FastAnswer) => void): Promise<void> {
  let n = 0;
  await fastLoad({
    port: Number(new URL(gateway.origin).port),
    connections: CONNECTIONS,
    next: () => (n < count ? requestOf(n++) : undefined),
    onAnswer,
  });
}

/** Resolves to a count that still grows, once it is reached or stands still. */
async function settled(count: () => number | Promise<number>, goal: number): Promise<number> {
  let most = await count();
  for (let lastGrowthMs = Date.now(); most < goal && Date.now() - lastGrowthMs < STANDSTILL_MS;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await count();
    if (now > most) lastGrowthMs = Date.now();
    most = now;
  }
  return most;
}

/** Few enough to be arguments. */
function thinned(samples: readonly number[]): number[] {
  const step = Math.ceil(samples.length / 10_000);
  return samples.filter((_, i) => i % step === 0);
}
