import type { Dispatcher } from 'undici';
import { Connection, type ConnectionOptions } from './connection.ts';

/**
 * Which connection a request may take: any; one that carried a request a moment ago, so that its other end has hardly
 * left it; or only a new one.
 */
export type Reuse = 'any' | 'recent' | 'never';

/** A request on its way to a target. */
export interface PooledHandler extends Dispatcher.DispatchHandler {
  /** Set when it is given one; until then it waits for a place. */
  connection: Connection | undefined;
}

/** How a pool is used at this moment. */
export interface PoolStats {
  /** Connections with a socket. */
  readonly open: number;
  /** Of them those without a request. */
  readonly idle: number;
  /** Requests that wait for a place. */
  readonly waiting: number;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly reuse: Reuse;
}

/** A connection that was used within this time counts as recent. */
const RECENT_MS = 500;

/**
 * The connections to one target. The one that was used last is used next, so that those that are not needed become idle
 * and close. Each carries one request at a time; when all places are taken, requests wait in their order.
 *
 * undici's own pool does the same but for three things that the gateway needs: it does not say whether a connection was
 * used before, which decides whether a request may be repeated; it cannot open a new one on request; and it knows no way
 * to part with connections to an address that the target's name has left.
 */
export class ConnectionPool {
  readonly #origin: string;
  readonly #limit: number;
  readonly #options: ConnectionOptions;
  readonly #all: Connection[] = [];
  /** Free ones, last used last; some have lost their socket since. */
  readonly #idle: Connection[] = [];
  /** Free ones without a socket. */
  readonly #empty: Connection[] = [];
  readonly #waiting = new Map<PooledHandler, Waiting>();
  #isClosed = false;

  /** @param limit most connections at once */
  constructor(origin: string, limit: number, options: ConnectionOptions) {
    this.#origin = origin;
    this.#limit = limit;
    this.#options = options;
  }

  /** Sends a request as soon as a connection is free. */
  dispatch(options: Dispatcher.DispatchOptions, handler: PooledHandler, reuse: Reuse = 'any'): void {
    if (this.#isClosed) throw new Error('the connections to the target were closed');
    const connection = this.#take(reuse);
    if (connection === undefined) this.#waiting.set(handler, { options, reuse });
    else run(connection, options, handler);
  }

  /** The request failed before it was sent, or is not to be sent any more: gives its place to others. */
  cancel(handler: PooledHandler): void {
    if (!this.#waiting.delete(handler)) handler.connection?.cancel(handler);
  }

  /** Parts with the connections to addresses that do not pass: idle ones at once, the others after their request. */
  keepOnly(passes: (address: string) => boolean): void {
    for (const connection of this.#all) {
      if (connection.address !== undefined && !passes(connection.address)) connection.retire();
    }
  }

  stats(): PoolStats {
    const open = this.#all.filter(({ isOpen }) => isOpen);
    return { open: open.length, idle: open.filter(({ isFree }) => isFree).length, waiting: this.#waiting.size };
  }

  /** Closes the connections once their requests are done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#all.map((connection) => connection.close()));
  }

  /** Closes all connections at once; requests on them and waiting for them fail. */
  async destroy(): Promise<void> {
    this.#isClosed = true;
    const error = new Error('the connections to the target were closed');
    for (const handler of this.#waiting.keys()) {
      handler.onResponseError?.(undefined as unknown as Dispatcher.DispatchController, error);
    }
    this.#waiting.clear();
    await Promise.allSettled(this.#all.map((connection) => connection.destroy()));
  }

  #take(reuse: Reuse): Connection | undefined {
    if (reuse !== 'never') {
      const connection = this.#takeIdle(reuse);
      if (connection) return connection;
    }
    const empty = this.#empty.pop() ?? this.#add();
    if (empty) return empty;
    // all places are in use: the one that was idle longest makes room
    const oldest = this.#idle.shift();
    oldest?.disconnect();
    return oldest;
  }

  #takeIdle(reuse: Reuse): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (!connection.isOpen) this.#empty.push(connection);
      else if (reuse === 'any' || performance.now() - connection.freedAtMs < RECENT_MS) return connection;
      else {
        this.#idle.push(connection);
        return undefined;
      }
    }
  }

  #add(): Connection | undefined {
    if (this.#all.length >= this.#limit) return undefined;
    const connection = new Connection(this.#origin, this.#options, (freed) => this.#freed(freed));
    this.#all.push(connection);
    return connection;
  }

  #freed(connection: Connection): void {
    connection.isFree = true;
    connection.freedAtMs = performance.now();
    if (this.#waiting.size === 0) {
      (connection.isOpen ? this.#idle : this.#empty).push(connection);
      return;
    }
    for (const [handler, { options, reuse }] of this.#waiting) {
      this.#waiting.delete(handler);
      if (reuse === 'never') connection.disconnect();
      return run(connection, options, handler);
    }
  }
}

function run(connection: Connection, options: Dispatcher.DispatchOptions, handler: PooledHandler): void {
  handler.connection = connection;
  connection.dispatch(options, handler);
}
