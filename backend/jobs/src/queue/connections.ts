import { setTimeout as sleep } from 'node:timers/promises';
import { withoutSpans } from '@clearway/telemetry';
import pg from 'pg';

/** A connection, or a transaction on one. */
export interface Sql {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/** The connections to the database of the jobs. */
export interface Connections extends Sql {
  readonly pool: pg.Pool;
  /** Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. */
  transaction<T>(work: (sql: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Waits a moment for queries in progress; breaks connections on which nothing comes any more. */
  close(): Promise<void>;
}

/** How long a statement may run on the server, and how long its answer may take at most. */
const STATEMENT_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 65_000;
const CLOSE_LIMIT_MS = 1000;

/** How to reach the database. */
export interface ConnectionsOptions {
  readonly connectionString: string;
  readonly applicationName: string;
  readonly poolSize: number;
  readonly onProblem: (error: Error) => void;
}

/** Opens the connections; nothing is connected before the first query. What the queue asks of itself is not traced. */
export function openConnections(options: ConnectionsOptions): Connections {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName,
    max: options.poolSize,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    query_timeout: ANSWER_LIMIT_MS,
    // pg-pool waits for the promise, though its type does not say so
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query(`SET TIME ZONE 'UTC'; SET statement_timeout = ${STATEMENT_LIMIT_MS}`),
  });
  let closed: Promise<void> | undefined;
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    // between the pool's own listener and that of who takes the client there is none: an error there would end the process
    client.on('error', () => {});
  });
  pool.on('remove', (client) => clients.delete(client));
  pool.on('error', options.onProblem);
  return {
    pool,
    query: (text, values) => withoutSpans(() => pool.query(text, values)),
    transaction: (work) => withoutSpans(() => inTransaction(pool, work)),
    close: () => (closed ??= endWithin(pool.end(), clients)),
  };
}

/** Waits a moment for connections to end in order, then breaks those on which nothing comes any more. */
export async function endWithin(ended: Promise<void>, clients: Iterable<pg.ClientBase>): Promise<void> {
  await Promise.race([ended, sleep(CLOSE_LIMIT_MS, undefined, { ref: false })]);
  for (const client of clients) (client as unknown as WithStream).connection.stream.destroy();
  await ended.catch(() => {});
}

/** What of a client can be broken when the other side is silent. */
interface WithStream {
  readonly connection: { readonly stream: { destroy(): void } };
}

async function inTransaction<T>(pool: pg.Pool, work: (sql: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => void (broken = error);
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failed: Error) => (broken = failed));
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Whether a query failed because the database could not be reached or was going away, so that it is worth trying again. */
export function isConnectionProblem(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    /^(?:08|57P0|53300|40001|40P01|25006)/.test(code) ||
    /^E(?:CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN)/.test(code) ||
    /connection terminated|timeout exceeded when trying to connect|connection ended/i.test(message)
  );
}
