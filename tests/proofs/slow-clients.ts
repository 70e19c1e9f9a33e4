import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { openServers } from '../end-to-end/support/servers.ts';
import { startGatewayProcess } from './support/gateway-process.ts';
import { load, quantile } from './support/load.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';
import { growth, watchMemory } from './support/resident-memory.ts';

const MEBIBYTE = 1024 * 1024;
const LIMIT_MEBIBYTES = 32;
const DAY_MS = 86_400_000;
const PAUSE_MS = 250;
const READ_BYTES = 8 * 1024;
const WRITTEN_BYTES = 512;

export const proof: Proof = {
  guarantee: 'Hundreds of clients that read or write slowly take a bounded memory and keep nobody else waiting.',
  async run({ isShort, progress }: ProofContext) {
    const each = isShort ? 30 : 300;
    const durationMs = isShort ? 1500 : 60_000;
    const servers = openServers();
    const url = await servers.listen(upstreamServer());
    const gateway = await startGatewayProcess(
      {
        server: { requestTimeoutMs: DAY_MS },
        // the upstream is one process with the clients: that it has no time is not what is looked at
        upstreams: {
          main: { targets: [{ url }], timeouts: { headersMs: DAY_MS, totalMs: DAY_MS }, connections: 2000 },
        },
        routes: [{ id: 'all', match: { path: '/*' }, upstream: 'main' }],
      },
      { OTEL_ENABLED: 'false' },
    );
    const clients = Array.from({ length: 2 * each }, (_, i) => slowClient(gateway.origin, i % 2 === 0));
    try {
      progress(`${each} slow readers and ${each} slow writers`);
      await Promise.all(clients.map(({ begun }) => begun));
      await sleep(durationMs / 6);
      const memory = watchMemory(gateway.pid);
      const times = await othersMeanwhile(gateway.origin, durationMs);
      memory.stop();
      const writers = await Promise.all(clients.map((client) => client.finish()));
      const right = writers.filter((isRight) => isRight).length;
      return {
        bars: [
          atMost('growth of the resident memory (MiB)', Math.round(growth(memory.samples) / MEBIBYTE), LIMIT_MEBIBYTES),
          atMost('others whose request was not answered', times.failed, 0),
          atLeast('slow clients that were served to the end', right, 2 * each),
        ],
        measurements: {
          slowReaders: each,
          slowWriters: each,
          seconds: durationMs / 1000,
          residentMebibytes: Math.round((memory.samples.at(-1) ?? 0) / MEBIBYTE),
          othersMs: { requests: times.all.length, p50: quantile(times.all, 0.5), p99: quantile(times.all, 0.99) },
        },
      };
    } finally {
      await gateway.stop();
      await servers.close();
    }
  },
};

/** Sends without an end what is read slowly, and counts what is written slowly. */
function upstreamServer(): http.Server {
  const piece = Buffer.alloc(64 * 1024, 'x');
  return http.createServer((req, res) => {
    if (req.url === '/endless') {
      const endless = new Readable({ read: () => void endless.push(piece) });
      res.on('close', () => endless.destroy());
      return void endless.pipe(res);
    }
    let bytes = 0;
    req.on('data', (chunk: Buffer) => (bytes += chunk.length));
    req.on('end', () => res.end(String(bytes)));
  });
}

interface SlowClient {
  readonly begun: Promise<unknown>;
  /** Stops being slow; resolves to whether it was served as it should be. */
  finish(): Promise<boolean>;
}

function slowClient(origin: string, isReader: boolean): SlowClient {
  const socket = net.connect(Number(new URL(origin).port), '127.0.0.1');
  let isOver = false;
  socket.on('error', () => undefined);
  socket.on('close', () => (isOver = true));
  return isReader ? slowReader(socket, () => isOver) : slowWriter(socket, () => isOver);
}

function slowReader(socket: net.Socket, isOver: () => boolean): SlowClient {
  let bytes = 0;
  socket.write('GET /endless HTTP/1.1\r\nHost: slow\r\n\r\n');
  const timer = setInterval(() => {
    bytes += ((socket.read(READ_BYTES) ?? socket.read()) as Buffer | null)?.length ?? 0;
  }, PAUSE_MS);
  return {
    begun: once(socket, 'readable'),
    finish: () => {
      clearInterval(timer);
      const isServed = !isOver() && bytes > READ_BYTES;
      socket.destroy();
      return Promise.resolve(isServed);
    },
  };
}

function slowWriter(socket: net.Socket, isOver: () => boolean): SlowClient {
  let bytes = 0;
  const size = WRITTEN_BYTES.toString(16);
  socket.write('PUT /written HTTP/1.1\r\nHost: slow\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n');
  const timer = setInterval(() => {
    bytes += WRITTEN_BYTES;
    socket.write(`${size}\r\n${'y'.repeat(WRITTEN_BYTES)}\r\n`);
  }, PAUSE_MS);
  return {
    begun: once(socket, 'connect'),
    async finish() {
      clearInterval(timer);
      if (isOver()) return false;
      socket.write('0\r\n\r\n');
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer.startsWith('HTTP/1.1 200 ') && answer.includes(`\r\n\r\n${bytes}`);
    },
  };
}

async function othersMeanwhile(origin: string, durationMs: number): Promise<{ all: number[]; failed: number }> {
  const endMs = performance.now() + durationMs;
  const all: number[] = [];
  let failed = 0;
  await load({
    origin,
    connections: 4,
    pauseMs: 40,
    next: () => (performance.now() < endMs ? { path: '/quick' } : undefined),
    onAnswer: ({ status, body, durationMs: ms }) => {
      all.push(ms);
      failed += Number(status !== 200 || body !== '0');
    },
  });
  return { all, failed };
}
