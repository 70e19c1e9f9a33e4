import { Socket } from 'node:net';
import { Client, type buildConnector } from 'undici';
import type { Dispatcher } from 'undici';

/** Opens sockets to one target. */
export type Connector = buildConnector.connector;

/** How a target's connections are used. */
export interface ConnectionOptions {
  readonly connector: Connector;
  /** How long one may be idle before it is closed, in milliseconds; less when the target says so. */
  readonly keepAliveMs: number;
}

/**
 * A place for one connection to a target: at most one socket, and at most one request on it. Loses its socket when it was
 * idle for too long, failed or went to another protocol, and opens a new one for the request that needs it.
 *
 * States: empty (no socket) or open, and free or taken.
 */
export class Connection {
  readonly #client: Client;
  #socket: Socket | undefined;
  /** Being opened. */
  #opening: Socket | undefined;
  /** How many requests were written to the present socket. */
  #requests = 0;
  /** Whether its target has gone to another address: the socket is not used again. */
  #isStale = false;
  /** Whether the last request was given a socket that was open already. */
  #isKept = false;
  /** Of the last request. */
  #handler: Dispatcher.DispatchHandler | undefined;
  readonly #onFree: (connection: Connection) => void;
  isFree = true;
  /** When it became free, in milliseconds on the monotonic clock. */
  freedAtMs = 0;

  /** @param onFree called when it is free again, with or without a socket */
  constructor(origin: string, options: ConnectionOptions, onFree: (connection: Connection) => void) {
    this.#onFree = onFree;
    this.#client = new Client(origin, {
      connect: this.#watched(options.connector),
      // one request at a time: who waits behind another would share its fate
      pipelining: 1,
      // the attempt keeps all time limits itself: undici's timers have a resolution of about a second
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.keepAliveMs,
      // what the target says may shorten it only
      keepAliveMaxTimeout: options.keepAliveMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
    });
    this.#client.on('disconnect', () => {
      this.#socket = undefined;
    });
    this.#client.on('drain', () => {
      if (this.isFree) return;
      // what is done must not be kept alive by what lives on
      this.#handler = undefined;
      if (this.#isStale) this.disconnect();
      onFree(this);
    });
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** The address at the other end; undefined without a socket. */
  get address(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.isFree = false;
    this.#isKept = this.isOpen;
    this.#handler = handler;
    this.#client.dispatch(options, handler);
  }

  /** A request that was not sent is waited for no more: ends the attempt to open a socket for it, too. */
  cancel(handler: Dispatcher.DispatchHandler): void {
    this.#opening?.destroy(new Error('nobody waits for the connection any more'));
    setImmediate(() => {
      // what undici refused at once never made it busy, so it does not say either that it is free again
      const isLeft = !this.isFree && this.#handler === handler && this.#client.stats.size === 0;
      if (isLeft) this.#onFree(this);
    });
  }

  /** A request is written to it: whether the socket has carried another before, so that its other end may have left it. */
  begin(): boolean {
    return this.#requests++ > 0;
  }

  /** Whether a request that was not written yet failed because the other end had closed the idle socket. */
  get wasLeft(): boolean {
    return this.#isKept;
  }

  /** Closes the socket; the next request gets a new one. */
  disconnect(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** The socket is not to be used any more: closed at once, or when its request is done. */
  retire(): void {
    if (this.isFree) this.disconnect();
    else this.#isStale = true;
  }

  /** Takes nothing more and closes when its request is done. */
  close(): Promise<void> {
    return this.#client.close();
  }

  destroy(): Promise<void> {
    this.#opening?.destroy(new Error('the connections to the target were closed'));
    return this.#client.destroy();
  }

  /** A connector that keeps the socket, which undici does not show. */
  #watched(connector: Connector): Connector {
    return (options, callback) => {
      this.#isKept = false;
      // undici's own connector returns the socket, though its type does not say so
      const opening: unknown = connector(options, (...result) => {
        this.#opening = undefined;
        const [error, socket] = result;
        if (error === null) {
          this.#socket = socket;
          this.#requests = 0;
          this.#isStale = false;
        }
        callback(...result);
      });
      if (opening instanceof Socket) this.#opening = opening;
    };
  }
}

/** A target that says how long it keeps a connection is believed less this, for the way of the packets. */
const KEEP_ALIVE_MARGIN_MS = 1000;
