import { Failure } from '@clearway/kernel';
import type { AttemptRecord } from '@clearway/telemetry';
import type { Duplex } from 'node:stream';
import type { Exchange } from '../../pipeline/exchange.ts';
import { Flow } from './flow.ts';
import { closeFrame, FrameTracker } from './websocket-frames.ts';

/** RFC 6455, 7.4.1: going away. */
export const GOING_AWAY = 1001;

/** The two ends of an upgraded connection, with what each sent together with its headers. */
export interface TunnelEnds {
  readonly client: Duplex;
  readonly clientHead: Buffer;
  readonly upstream: Duplex;
  readonly upstreamHead: Buffer;
}

/** How an upgraded connection is carried. */
export interface TunnelOptions {
  /** In lower case, such as `websocket`. */
  readonly protocol: string;
  /** Without a byte either way, in milliseconds. */
  readonly idleMs: number;
  readonly onEnd: () => void;
}

/**
 * An upgraded connection: bytes both ways until both sides have ended, one breaks off, nothing is sent for too long, or
 * the gateway goes away. A side that has nothing more to send may still be sent to.
 */
export class Tunnel {
  readonly #exchange: Exchange;
  readonly #attempt: AttemptRecord;
  readonly #ends: TunnelEnds;
  readonly #options: TunnelOptions;
  readonly #up: Flow;
  readonly #down: Flow;
  readonly #isWebSocket: boolean;
  #lastByteMs: number;
  #idleTimer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #hasEnded = false;

  constructor(exchange: Exchange, attempt: AttemptRecord, ends: TunnelEnds, options: TunnelOptions) {
    const { record } = exchange;
    this.#exchange = exchange;
    this.#attempt = attempt;
    this.#ends = ends;
    this.#options = options;
    this.#isWebSocket = options.protocol === 'websocket';
    this.#lastByteMs = record.elapsedMs();
    const tracker = () => (this.#isWebSocket ? new FrameTracker() : undefined);
    this.#up = new Flow(ends.client, ends.upstream, tracker(), (bytes) => {
      record.bytesIn += bytes;
      this.#onBytes();
    });
    this.#down = new Flow(ends.upstream, ends.client, tracker(), (bytes) => {
      record.bytesOut += bytes;
      this.#onBytes();
    });
  }

  start(): void {
    const { client, upstream, clientHead, upstreamHead } = this.#ends;
    client.on('error', (error) => this.#fail(new Failure('client_abort', { message: error.message })));
    upstream.on('error', (error) => this.#fail(new Failure('reset_mid_body', { message: error.message })));
    client.once('end', () => this.#onSideEnd(this.#up, 'client_abort', 'the client'));
    upstream.once('end', () => this.#onSideEnd(this.#down, 'reset_mid_body', 'the upstream'));
    // the sockets were idle until now, and the gateway's own limit holds from here
    this.#watchIdle(this.#options.idleMs);
    client.once('close', () => this.#end());
    upstream.once('close', () => client.end());
    this.#up.start(clientHead);
    this.#down.start(upstreamHead);
  }

  /**
   * Ends it in order: a WebSocket by a Close frame to both sides. Whoever does not close within `graceMs` is cut off.
   *
   * @param code of the Close frame
   */
  close(code: number, reason: string, graceMs: number): void {
    if (this.#isClosing || this.#hasEnded) return;
    this.#isClosing = true;
    this.#exchange.record.cause ??= `closed by the gateway: ${reason}`;
    const { client, upstream } = this.#ends;
    if (this.#isWebSocket) {
      this.#down.endWith(closeFrame(code, reason, false));
      this.#up.endWith(closeFrame(code, reason, true));
      this.#endWhenAnswered();
    } else {
      client.end();
      upstream.end();
    }
    this.#graceTimer = setTimeout(() => this.#destroy(), graceMs);
  }

  /** The client's connection is over: why, its own events have said. */
  cancel(): void {
    this.#end();
  }

  #onBytes(): void {
    this.#lastByteMs = this.#exchange.record.elapsedMs();
    if (this.#isClosing) this.#endWhenAnswered();
  }

  /** RFC 6455, 7.1.1: when both have said that they close, the server's side ends the connection. */
  #endWhenAnswered(): void {
    if (this.#up.hasClosed) this.#ends.client.end();
    if (this.#down.hasClosed) this.#ends.upstream.end();
  }

  /** A WebSocket that ends without a Close frame was broken off, whatever its connection says. */
  #onSideEnd(flow: Flow, reason: 'client_abort' | 'reset_mid_body', who: string): void {
    if (!this.#isWebSocket || this.#isClosing || flow.hasClosed || this.#up.hasClosed || this.#down.hasClosed) return;
    this.#note(new Failure(reason, { message: `${who} ended the connection without a Close frame` }));
  }

  #watchIdle(afterMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const leftMs = this.#lastByteMs + this.#options.idleMs - this.#exchange.record.elapsedMs();
      if (leftMs > 0) return this.#watchIdle(leftMs);
      this.#note(new Failure('client_timeout', { message: `nothing was sent for ${this.#options.idleMs} ms` }));
      this.close(GOING_AWAY, 'idle', IDLE_GRACE_MS);
    }, afterMs);
  }

  #note(failure: Failure): void {
    if (this.#hasEnded) return;
    this.#exchange.record.fail(failure.reason, failure.message);
    if (failure.reason === 'reset_mid_body') {
      this.#attempt.reason ??= failure.reason;
      this.#attempt.cause ??= failure.message;
    }
  }

  #fail(failure: Failure): void {
    // what breaks while it is being closed is no failure
    if (!this.#isClosing) this.#note(failure);
    this.#destroy();
  }

  #destroy(): void {
    this.#ends.upstream.destroy();
    this.#ends.client.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#graceTimer);
    this.#ends.upstream.destroy();
    this.#options.onEnd();
  }
}

const IDLE_GRACE_MS = 1000;
