import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { breakConnection } from './break-connection.ts';
import { PrismaClient } from './generated/client.ts';

/** How to reach the database, and how much of it may be used. */
export interface DatabaseOptions {
  readonly connectionString: string;
  /** Shown in pg_stat_activity beside each session. */
  readonly applicationName: string;
  /** Most connections at once. */
  readonly poolSize?: number;
  /** How long a query waits for a connection, in milliseconds. */
  readonly connectionTimeoutMs?: number;
  /** How long a statement may run, in milliseconds. */
  readonly statementTimeoutMs?: number;
  /** After how long an unused connection is closed, in milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Hears of connections that broke while nobody used them. */
  readonly onConnectionError?: (error: Error) => void;
}

/** The connections of the pool at this moment. */
export interface PoolStats {
  readonly size: number;
  readonly total: number;
  readonly idle: number;
  /** Queries that wait for a connection. */
  readonly waiting: number;
}

/** A database and its connections. */
export interface Database {
  readonly prisma: PrismaClient;
  /** For SQL that Prisma cannot say. */
  readonly pool: pg.Pool;
  stats(): PoolStats;
  /** Resolves when the database answers; throws when it does not, or when the signal aborts. */
  ping(signal?: AbortSignal): Promise<void>;
  /** Waits a moment for queries in progress, then closes all connections: also those of a server that hangs. */
  close(): Promise<void>;
}

/**
 * Opens a database. Nothing is connected before the first query, so a database that is down does not keep a process
 * from starting.
 *
 * @example
 * const database = createDatabase({ connectionString, applicationName: 'clearway-worker' });
 * lifecycle.onRelease('database', () => database.close());
 * const open = await database.prisma.alert.findMany({ where: { resolved: false } });
 */
export function createDatabase(options: DatabaseOptions): Database {
  const size = options.poolSize ?? 10;
  const pool = createPool(options, size);
  const open = new Set<pg.PoolClient>();
  pool.on('connect', (client) => open.add(client));
  pool.on('remove', (client) => open.delete(client));
  const adapter = new PrismaPg(pool, { onConnectionError: options.onConnectionError ?? (() => {}) });
  const prisma = new PrismaClient({ adapter });
  let closed: Promise<void> | undefined;
  return {
    prisma,
    pool,
    stats: () => ({ size, total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    ping: (signal) => ping(pool, signal),
    close: () => (closed ??= closeInTime(prisma, pool, open)),
  };
}

const CLOSE_LIMIT_MS = 3000;

async function closeInTime(prisma: PrismaClient, pool: pg.Pool, open: ReadonlySet<pg.PoolClient>): Promise<void> {
  const breakAll = (): void => {
    for (const client of open) breakConnection(client);
  };
  const timer = setTimeout(breakAll, CLOSE_LIMIT_MS);
  try {
    await prisma.$disconnect();
    await pool.end();
  } finally {
    clearTimeout(timer);
  }
}

function createPool(options: DatabaseOptions, max: number): pg.Pool {
  // Set by statements: PgBouncer refuses unknown settings among the connection's parameters. UTC is required, since
  // adapter-pg stores timestamps wrongly in any other time zone (https://github.com/prisma/prisma/issues/26786).
  const setup = `SET TIME ZONE 'UTC'; SET statement_timeout = ${Math.trunc(options.statementTimeoutMs ?? 30_000)}`;
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName,
    max,
    connectionTimeoutMillis: options.connectionTimeoutMs ?? 5000,
    idleTimeoutMillis: options.idleTimeoutMs ?? 30_000,
    keepAlive: true,
    // pg-pool waits for the promise, though its type does not say so
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query(setup),
  });
  pool.on('error', options.onConnectionError ?? (() => {}));
  // a client that is handed from the pool to who asked for it has no listener for a moment: an error there would end the process
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

async function ping(pool: pg.Pool, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const client = await connect(pool, signal);
  const abort = (): void => client.release(true); // ends the connection, which fails the query
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await client.query('SELECT 1');
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    if (!signal?.aborted) client.release();
  }
}

/** A connection of the pool, or the signal's reason; one that comes too late goes back. */
function connect(pool: pg.Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    pool
      .connect()
      .then((client) => (signal?.aborted ? client.release() : resolve(client)), reject)
      .finally(() => signal?.removeEventListener('abort', abort));
  });
}
