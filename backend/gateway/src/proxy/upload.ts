import { Failure, type FailureReason } from '@clearway/kernel';
import { toFailure } from '../pipeline/answer.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { maxBodyBytes } from '../pipeline/steps.ts';
import { hasBody, RequestBody } from './request-body.ts';

/** What an attempt hears of the body that it sends. */
export interface UploadEvents {
  /** The client broke off, or sent too much. */
  onUploadFailed(upload: Upload, failure: Failure): void;
  /** All of it was handed to the upstream, which is the one that is waited for from here on. */
  onUploaded(): void;
}

/** The client's body on its way to one attempt. */
export class Upload {
  readonly body: RequestBody;
  readonly #exchange: Exchange;
  /** When a piece last came, in milliseconds since the record's start. */
  #lastPieceMs: number;

  /** Opens the body of a request; undefined when it has none. */
  static of(exchange: Exchange, events: UploadEvents): Upload | undefined {
    return hasBody(exchange.req) ? new Upload(exchange, events) : undefined;
  }

  constructor(exchange: Exchange, events: UploadEvents) {
    const { req, record } = exchange;
    this.#exchange = exchange;
    this.#lastPieceMs = record.elapsedMs();
    this.body = new RequestBody(req, maxBodyBytes(exchange), (bytes) => {
      record.bytesIn += bytes;
      this.#lastPieceMs = record.elapsedMs();
    });
    this.body.on('error', (error) => events.onUploadFailed(this, toFailure(error)));
    this.body.once('end', () => events.onUploaded());
  }

  /** Whether the body is still on its way: an upstream answers after it. */
  get isUnderWay(): boolean {
    return !this.body.readableEnded && !this.body.destroyed;
  }

  /** The client was told to send. */
  begin(): void {
    this.#lastPieceMs = this.#exchange.record.elapsedMs();
  }

  /** How long it may go on not moving, in milliseconds. */
  leftMs(nowMs: number): number {
    return this.#lastPieceMs + this.idleMs - nowMs;
  }

  get idleMs(): number {
    return this.#exchange.runtime.configuration.server.bodyIdleMs;
  }

  /** The failure of a body that does not move: because nothing comes, or because nobody takes it. */
  timeout(otherwise: FailureReason): Failure {
    const isStarved = this.body.readableLength === 0 && !this.#exchange.isExpecting;
    if (isStarved) return new Failure('client_timeout', { message: 'the client did not send its body in time' });
    return new Failure(otherwise, { message: 'the upstream did not take the body in time' });
  }

  /** The answer is complete without the rest. A client that was never told to send has nothing that is to be read. */
  end(): void {
    if (this.#exchange.isExpecting) this.body.destroy();
    else if (this.isUnderWay) this.body.discard();
  }
}
