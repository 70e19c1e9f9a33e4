import type pg from 'pg';

/** What a query of the configuration may take from the database. */
export interface QueryBounds {
  /** How long one statement may run, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it waits for a lock, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Bounds for queries that are run beside the traffic. */
export const DEFAULT_BOUNDS: QueryBounds = { timeoutMs: 5000, lockTimeoutMs: 200 };

/**
 * Runs work in a transaction that cannot write, waits for no lock, uses one process of the server and ends in time. Row
 * security is off: a role that would see only some rows gets an error, not fewer rows.
 *
 * @param client connected, with no transaction open
 */
export async function inReadOnly<T>(client: pg.ClientBase, bounds: QueryBounds, work: () => Promise<T>): Promise<T> {
  const { timeoutMs, lockTimeoutMs } = bounds;
  // by SET LOCAL, since a pooler may give each transaction another session; the SELECT takes the snapshot, after which
  // nothing can make the transaction read-write any more
  await client.query(
    `BEGIN TRANSACTION READ ONLY;
     SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}; SET LOCAL lock_timeout = ${Math.trunc(lockTimeoutMs)};
     SET LOCAL idle_in_transaction_session_timeout = ${Math.trunc(timeoutMs) + 10_000};
     SET LOCAL row_security = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off;
     SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle = 'ISO'; SELECT`,
  );
  try {
    const result = await work();
    // rolled back, it would count among the failed transactions of the database
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // a connection that broke has no transaction left
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Runs one statement by the extended protocol, which refuses to take several. */
export async function runOne<Row extends object>(client: pg.ClientBase, sql: string): Promise<pg.QueryResult<Row>> {
  const query = { text: sql, queryMode: 'extended' };
  return client.query<Row>(query);
}
