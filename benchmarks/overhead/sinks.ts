import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { countSpans } from './span-count.ts';

/** Where the gateway's signals go: a collector for spans and logs, and an error tracker, on one port. */
export interface Sinks {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpUrl: string;
  /** For `SENTRY_DSN`. */
  readonly dsn: string;
  /** Spans that came so far. */
  spans(): number;
  /** Envelopes of the error tracker that came so far: none, unless a request failed. */
  envelopes(): number;
  close(): Promise<void>;
}

/** Opens the receivers; `name` tells those of two gateways apart. */
export async function openSinks(): Promise<Sinks> {
  let spans = 0;
  let envelopes = 0;
  const server = createServer((req, res) => {
    readBody(req)
      .then((body) => {
        if (req.url === '/v1/traces') spans += countSpans(body);
        else if (req.url?.includes('/envelope') === true) envelopes++;
        res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? 'application/json' }).end();
      })
      .catch((error: unknown) => res.writeHead(400).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    otlpUrl: `http://${authority}`,
    dsn: `http://public@${authority}/1`,
    spans: () => spans,
    envelopes: () => envelopes,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  if (req.headers['content-encoding'] !== undefined) throw new Error('spans are counted only when not compressed');
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
