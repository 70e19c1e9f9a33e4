import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** What a receiver does with what it is sent. */
export type ReceiverMode = 'accept' | 'refuse' | 'hang';

/** One delivery. */
export interface Delivery {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A server on a free loopback port that keeps what it is sent. */
export interface Receiver {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** How many deliveries came, in any mode. */
  readonly deliveries: number;
  /** `refuse` answers 503; `hang` never answers. */
  setMode(mode: ReceiverMode): void;
  /** Resolves when the predicate gives something other than false or undefined; looks again at each delivery. */
  waitFor<T>(predicate: () => T | false | undefined, timeoutMs?: number): Promise<T>;
  close(): Promise<void>;
}

/**
 * Starts a receiver.
 *
 * @param accept keeps one delivery; may throw, which fails every `waitFor`
 */
export async function startReceiver(accept: (delivery: Delivery) => void): Promise<Receiver> {
  const waiters = new Set<() => void>();
  let mode: ReceiverMode = 'accept';
  let deliveries = 0;
  let failure: Error | undefined;
  const server = createServer((request, response) => {
    readBody(request)
      .then((body) => {
        deliveries++;
        if (mode === 'accept') accept({ path: request.url ?? '', headers: request.headers, body });
      })
      .catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        answer(request, response, mode);
        for (const check of [...waiters]) check();
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get deliveries() {
      return deliveries;
    },
    setMode: (next) => {
      mode = next;
    },
    waitFor: (predicate, timeoutMs = 50_000) => waitFor(waiters, () => failure, predicate, timeoutMs),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function waitFor<T>(
  waiters: Set<() => void>,
  failure: () => Error | undefined,
  predicate: () => T | false | undefined,
  timeoutMs: number,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      waiters.delete(check);
      end();
    };
    const check = (): void => {
      const broken = failure();
      if (broken) return settle(() => reject(broken));
      const found = predicate();
      if (found !== false && found !== undefined) settle(() => resolve(found));
    };
    const timer = setTimeout(
      () => settle(() => reject(new Error(`not received within ${timeoutMs} ms: ${predicate.toString()}`))),
      timeoutMs,
    );
    waiters.add(check);
    check();
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  switch (request.headers['content-encoding']) {
    case 'gzip':
      return gunzipSync(body);
    case 'br':
      return brotliDecompressSync(body);
    default:
      return body;
  }
}

/** An OTLP sender takes an empty body for an empty protobuf message; `{}` would be a warning. */
function answer(request: IncomingMessage, response: ServerResponse, mode: ReceiverMode): void {
  if (mode === 'hang') return;
  const isProtobuf = request.headers['content-type']?.includes('protobuf') ?? false;
  response.writeHead(mode === 'accept' ? 200 : 503, {
    'content-type': isProtobuf ? 'application/x-protobuf' : 'application/json',
  });
  response.end(isProtobuf ? '' : '{}');
}
