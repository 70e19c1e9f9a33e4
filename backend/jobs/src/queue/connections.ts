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
  close(): Promise<void>;
}

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
    // pg-pool waits for the promise, though its type does not say so
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query("SET TIME ZONE 'UTC'; SET statement_timeout = 60000"),
  });
  pool.on('error', options.onProblem);
  return {
    pool,
    query: (text, values) => withoutSpans(() => pool.query(text, values)),
    transaction: (work) => withoutSpans(() => inTransaction(pool, work)),
    close: () => pool.end(),
  };
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
