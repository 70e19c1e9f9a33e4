import { Failure } from '@clearway/kernel';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { clientGone } from '../pipeline/client-gone.ts';

/** Whether a request announces a body (RFC 9112, 6.3). */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * A request's body on its way to an upstream: counted, bounded, with back-pressure. An attempt that fails destroys it
 * without touching the client's connection, so that the client can still be answered.
 */
export class RequestBody extends Readable {
  readonly #req: IncomingMessage;
  readonly #maxBytes: number;
  #bytes = 0;
  #isDiscarded = false;

  /**
   * @param req the client's request
   * @param maxBytes a longer body fails with `body_too_large`
   * @param onBytes called with the size of each piece
   */
  constructor(req: IncomingMessage, maxBytes: number, onBytes: (bytes: number) => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#req = req;
    this.#maxBytes = maxBytes;
    req.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      if (this.#isDiscarded && this.#bytes > maxBytes) req.socket.destroy();
      if (this.destroyed) return;
      onBytes(chunk.length);
      if (this.#bytes > this.#maxBytes) this.destroy(new Failure('body_too_large', { detail: tooLarge(maxBytes) }));
      else if (!this.push(chunk)) req.pause();
    });
    req.once('end', () => this.push(null));
    req.once('close', () => {
      if (!req.readableEnded) this.destroy(clientGone(req.socket));
    });
    req.pause();
  }

  /**
   * The upstream answered without the rest: it is read and dropped, since the next request stands behind it. More than the
   * limit is not waited for.
   */
  discard(): void {
    this.#isDiscarded = true;
    this.destroy();
    this.#req.resume();
  }

  override _read(): void {
    this.#req.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#req.pause();
    callback(error);
  }
}

/** What a client is told about a body over its limit. */
export function tooLarge(maxBytes: number): string {
  return `The body may have at most ${maxBytes} bytes.`;
}
