import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { bytesOf, Passed, sink } from './support/byte-stream.ts';
import { startGatewayProcess } from './support/gateway-process.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';
import { residentBytes, watchMemory } from './support/resident-memory.ts';

const MEBIBYTE = 1024 * 1024;
const DAY_MS = 86_400_000;
/** With what `npm start` starts it. */
const AS_STARTED = '--max-semi-space-size=64';
const LIMIT_MEBIBYTES = 32;
/** After a short warm-up the heap still takes its size; a gateway that kept one body would exceed this all the same. */
const SHORT_LIMIT_MEBIBYTES = 64;

export const proof: Proof = {
  guarantee:
    'Bodies are streamed both ways with back-pressure: memory does not grow with them, nor with who does not read.',
  async run({ isShort, progress, signal }: ProofContext) {
    const sizes = isShort ? { warmUp: 48, body: 128 } : { warmUp: 512, body: 5 * 1024 };
    const stallMs = isShort ? 300 : 5000;
    const upstream = await startUpstream(stallMs);
    const gateway = await startGatewayProcess(
      {
        server: { maxBodyBytes: 2 ** 40, requestTimeoutMs: DAY_MS },
        upstreams: { main: { targets: [{ url: upstream.origin }], timeouts: { totalMs: DAY_MS } } },
        routes: [{ id: 'all', match: { path: '/*' }, upstream: 'main' }],
      },
      { OTEL_ENABLED: 'false', NODE_OPTIONS: AS_STARTED },
    );
    try {
      progress(`warm-up: ${sizes.warmUp} MiB each way`);
      await upload(gateway.origin, upstream, sizes.warmUp * MEBIBYTE);
      await download(gateway.origin, sizes.warmUp * MEBIBYTE, stallMs);
      const before = residentBytes(gateway.pid);
      const memory = watchMemory(gateway.pid);
      progress(`${sizes.body} MiB up, with an upstream that stops reading for ${stallMs} ms`);
      const up = await upload(gateway.origin, upstream, sizes.body * MEBIBYTE);
      signal.throwIfAborted();
      progress(`${sizes.body} MiB down, with a client that stops reading for ${stallMs} ms`);
      const down = await download(gateway.origin, sizes.body * MEBIBYTE, stallMs);
      memory.stop();
      const most = Math.max(...memory.samples);
      return {
        bars: [
          atMost(
            'highest resident memory during the bodies over that after the warm-up (MiB)',
            mebibytes(most - before),
            isShort ? SHORT_LIMIT_MEBIBYTES : LIMIT_MEBIBYTES,
          ),
          atLeast('bytes that arrived as they were sent, up (MiB)', up.arrived / MEBIBYTE, sizes.body),
          atLeast('bytes that arrived as they were sent, down (MiB)', down.arrived / MEBIBYTE, sizes.body),
        ],
        measurements: {
          residentBeforeMebibytes: mebibytes(before),
          residentMostMebibytes: mebibytes(most),
          residentAfterMebibytes: mebibytes(memory.samples.at(-1) ?? NaN),
          samples: memory.samples.length,
          upSeconds: round(up.seconds),
          downSeconds: round(down.seconds),
        },
      };
    } finally {
      await gateway.stop();
      upstream.close();
    }
  },
};

interface Transfer {
  /** Bytes that came as they were sent, or 0. */
  readonly arrived: number;
  readonly seconds: number;
}

async function upload(origin: string, upstream: Upstream, size: number): Promise<Transfer> {
  const startMs = performance.now();
  const sent = new Passed();
  // no length: in chunks, so that nobody knows where it ends
  const request = http.request(origin, { method: 'PUT', agent: false });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  await Promise.all([pipeline(bytesOf(size, sent), request), answered]);
  const [answer] = await answered;
  answer.resume();
  if (answer.statusCode !== 204) throw new Error(`an upload was answered with ${answer.statusCode}`);
  return transferred(sent, upstream.received, startMs);
}

async function download(origin: string, size: number, stallMs: number): Promise<Transfer> {
  const startMs = performance.now();
  const request = http.get(`${origin}/${size}`, { agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const got = new Passed();
  await pipeline(answer, sink(got, { stallAt: size / 2, stallMs }));
  const sent = new Passed();
  await pipeline(bytesOf(size, sent), sink(new Passed(), { stallAt: Infinity, stallMs: 0 }));
  return transferred(sent, got, startMs);
}

function transferred(sent: Passed, got: Passed, startMs: number): Transfer {
  const isSame = sent.bytes === got.bytes && sent.checksum === got.checksum;
  return { arrived: isSame ? got.bytes : 0, seconds: (performance.now() - startMs) / 1000 };
}

interface Upstream {
  readonly origin: string;
  /** What the last upload brought. */
  readonly received: Passed;
  close(): void;
}

/** Takes uploads of any size, and gives downloads of the size that their path names. */
async function startUpstream(stallMs: number): Promise<Upstream> {
  let received = new Passed();
  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (req.method !== 'PUT') return pipeline(bytesOf(Number(req.url?.slice(1)), new Passed()), res);
    received = new Passed();
    await pipeline(req, sink(received, { stallAt: 32 * MEBIBYTE, stallMs }));
    res.writeHead(204).end();
  };
  const server = http.createServer(
    { requestTimeout: 0 },
    (req, res) => void serve(req, res).catch(() => res.destroy()),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get received() {
      return received;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function mebibytes(bytes: number): number {
  return round(bytes / MEBIBYTE);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
