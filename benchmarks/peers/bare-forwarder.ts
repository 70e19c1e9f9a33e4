import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool, type Dispatcher } from 'undici';
import { listenAt } from './arguments.ts';

/**
 * The yardstick: the least that a correct forwarder on Node can do. Fields of the connection are dropped, bodies stream
 * both ways with back-pressure, and a client that goes away aborts its upstream request. Nothing else: no routes, no
 * time limits of its own, no ids, no records.
 */
const { port, upstream } = listenAt();
const pool = new Pool(upstream, { connections: 256, pipelining: 1 });
const CONNECTION_FIELDS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

class Exchange implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;
  #controller: Dispatcher.DispatchController | undefined;

  constructor(res: ServerResponse) {
    this.#res = res;
    res.once('close', () => {
      if (!res.writableFinished) this.#controller?.abort(new Error('the client is gone'));
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#res.destroyed) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200) this.#res.writeHead(status, endToEnd(controller.rawHeaders as (Buffer | string)[]));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#res.end();
  }

  onResponseError(): void {
    if (this.#res.headersSent) this.#res.destroy();
    else this.#res.writeHead(502).end();
  }
}

function endToEnd(raw: readonly (Buffer | string)[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i]);
    if (!CONNECTION_FIELDS.has(name.toLowerCase())) out.push(name, text(raw[i + 1]));
  }
  return out;
}

function text(part: Buffer | string | undefined): string {
  return typeof part === 'string' ? part : (part?.toString('latin1') ?? '');
}

function forward(req: IncomingMessage, res: ServerResponse): void {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers;
  pool.dispatch(
    {
      method: req.method as Dispatcher.HttpMethod,
      path: req.url ?? '/',
      headers: endToEnd(req.rawHeaders),
      body: coding !== undefined || (length !== undefined && length !== '0') ? req : null,
    },
    new Exchange(res),
  );
}

createServer(forward).listen(port, '127.0.0.1');
