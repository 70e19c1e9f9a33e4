import { context } from '@opentelemetry/api';
import { serviceTelemetry } from '../telemetry.ts';
import { observeQueries, type QueryClient } from './observe-queries.ts';

type Callback = (error: Error | undefined, client: QueryClient | undefined, release: unknown) => void;

/** What is used of a pool of `pg`. */
export interface ConnectionPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options?: { readonly max?: number };
  connect(...args: never[]): unknown;
  on(event: 'connect', listener: (client: never) => void): unknown;
}

/** How a pool is monitored. */
export interface MonitorPoolOptions {
  /**
   * Whether queries sent over the pool get spans and comments that tell who issues them. Not for a pool that Prisma is
   * given: Prisma makes spans itself, and takes the comments from `comments: [queryTags]`. Default true.
   */
  readonly queries?: boolean;
}

/**
 * Monitors a pool of `pg`: how many connections it has and how many are busy, how many queries wait for one and for how
 * long. Queries get a span, and a comment with the route and trace that issue them, which PostgreSQL shows beside them.
 *
 * @param name of the pool, with few different values
 * @returns the pool
 * @example
 * const pool = monitorPool('main', new pg.Pool({ connectionString }));
 * @example
 * const pool = monitorPool('prisma', new pg.Pool({ connectionString }), { queries: false });
 * const prisma = new PrismaClient({ adapter: new PrismaPg(pool), comments: [queryTags] });
 */
export function monitorPool<P extends ConnectionPool>(name: string, pool: P, options: MonitorPoolOptions = {}): P {
  const { poolMetrics } = serviceTelemetry();
  poolMetrics.watch(name, () => ({
    totalCount: pool.totalCount,
    idleCount: pool.idleCount,
    waitingCount: pool.waitingCount,
    size: pool.options?.max,
  }));
  if (options.queries ?? true) pool.on('connect', (client) => observeQueries(client));
  timeConnects(name, pool);
  return pool;
}

/** `pool.query` goes through `pool.connect` as well, with a callback. */
function timeConnects(name: string, pool: ConnectionPool): void {
  const { poolMetrics } = serviceTelemetry();
  const connect = pool.connect.bind(pool) as (callback?: Callback) => Promise<QueryClient> | undefined;
  const ended = (startMs: number, hasFailed: boolean): void => {
    poolMetrics.waited(name, performance.now() - startMs);
    if (hasFailed) poolMetrics.failed(name);
  };
  const timed = (callback?: Callback): Promise<QueryClient> | undefined => {
    const startMs = performance.now();
    if (callback) {
      // it may be called while another request gives its connection back
      const inCaller = context.bind(context.active(), callback);
      return connect((error, client, release) => {
        ended(startMs, error !== undefined && error !== null);
        inCaller(error, client, release);
      });
    }
    return connect()?.then(
      (client) => {
        ended(startMs, false);
        return client;
      },
      (error: unknown) => {
        ended(startMs, true);
        throw error;
      },
    );
  };
  Object.assign(pool, { connect: timed });
}
