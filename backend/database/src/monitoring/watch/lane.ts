import pg from 'pg';
import type { Columns, MonitoringQuery, Parameter, RowOf } from '../functions/define.ts';
import { MONITORING_VERSION } from '../functions/install-monitoring.ts';
import { readRows } from '../functions/read-rows.ts';
import { installedFunctions, statementsSchema } from '../server/queries.ts';
import { OWN_MARK } from '../slow-queries/queries.ts';
import { SkippedError } from './answer.ts';
import { connectionProblem, UnreachableError } from './connection-problem.ts';

/** How a lane reaches its database. */
export interface LaneOptions {
  /** Asked at each connection; throws when the database has no address at the moment. */
  readonly connectionString: () => string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** How long one question may run, in milliseconds. */
  readonly statementTimeoutMs: number;
  /** How long one question waits for a lock, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** After the server should have given up: it may be gone without a word. */
const GRACE_MS = 1000;
const NO_STATEMENTS = 'pg_stat_statements is not available here: see the capabilities of the database';

/**
 * The one connection over which a watcher asks its questions, one after the other. It stays open: when all connections
 * are used up, it is there already.
 */
export class Lane {
  readonly #options: LaneOptions;
  #client: pg.Client | undefined;
  #statements: string | undefined;
  #hasFunctions = false;
  /** Whether the two above are known. */
  #isKnown = false;
  #inTransaction = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Whether a connection is open: 0 or 1 of them. */
  get connections(): number {
    return this.#client ? 1 : 0;
  }

  /**
   * Asks one question.
   *
   * @throws UnreachableError when there is no connection any more; SkippedError or the server's error for this question
   */
  async ask<C extends Columns>(query: MonitoringQuery<C>, values: readonly unknown[] = []): Promise<RowOf<C>[]> {
    const client = await this.#open();
    await this.#begin(client);
    if (!this.#isKnown) await this.#lookAround(client);
    return this.#ask(client, query, values);
  }

  /** Ends the transaction that the questions since the last call shared. */
  async finish(): Promise<void> {
    if (!this.#client || !this.#inTransaction) return;
    this.#inTransaction = false;
    // rolled back, it would count among the failed transactions of the database
    await this.#send(this.#client, 'COMMIT');
  }

  /** Looks again which extension and functions there are, before the next question. */
  forget(): void {
    this.#isKnown = false;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#drop();
    await client?.end().catch(() => undefined);
  }

  async #open(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    let client: pg.Client | undefined;
    try {
      client = this.#newClient();
      await client.connect();
      this.#client = client;
      return client;
    } catch (error) {
      this.#drop();
      client?.end().catch(() => undefined);
      if (error instanceof UnreachableError) throw error;
      const { message } = error as Error;
      const unknown = { kind: 'refused', message, remedy: 'look at the log of the server' } as const;
      throw new UnreachableError(connectionProblem(error) ?? unknown, error);
    }
  }

  /** Throws when there is no address at the moment, or a certificate that it names cannot be read. */
  #newClient(): pg.Client {
    const { connectionString, applicationName, connectTimeoutMs } = this.#options;
    const client = new pg.Client({
      connectionString: connectionString(),
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
    });
    const drop = (): void => {
      if (this.#client === client) this.#drop();
    };
    client.on('error', drop);
    client.on('end', drop);
    return client;
  }

  async #lookAround(client: pg.Client): Promise<void> {
    const [place] = await this.#ask(client, statementsSchema, []);
    this.#statements = place && pg.escapeIdentifier(place.schemaName);
    const [installed] = await this.#ask(client, installedFunctions, []);
    this.#hasFunctions = installed?.version === MONITORING_VERSION;
    this.#isKnown = true;
  }

  /** By SET LOCAL, since a pooler may give each transaction another session. */
  async #begin(client: pg.Client): Promise<void> {
    if (this.#inTransaction) return;
    const { statementTimeoutMs, lockTimeoutMs } = this.#options;
    await this.#send(
      client,
      `BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${statementTimeoutMs};
       SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL idle_in_transaction_session_timeout = ${statementTimeoutMs * 2};
       SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0`,
    );
    this.#inTransaction = true;
  }

  async #ask<C extends Columns>(
    client: pg.Client,
    query: MonitoringQuery<C>,
    values: readonly unknown[],
  ): Promise<RowOf<C>[]> {
    const { parameters = [] } = query;
    const all = parameters.map((parameter, i) => (i < values.length ? values[i] : defaultOf(parameter)));
    const { rows } = await this.#send(client, this.#textOf(query), all);
    return readRows(query, rows as Record<string, unknown>[]);
  }

  #textOf({ name, sql, columns, parameters = [], withOwnersRights = false }: MonitoringQuery): string {
    if (withOwnersRights && this.#hasFunctions) {
      return `SELECT * FROM monitoring.${name}(${parameters.map((_parameter, i) => `$${i + 1}`).join(', ')}) ${OWN_MARK}`;
    }
    if (sql.includes('{statements}') && this.#statements === undefined) throw new SkippedError(NO_STATEMENTS);
    const text = sql.replaceAll('{statements}', this.#statements ?? '');
    // the columns of the result have the names of the function's
    return `SELECT * FROM (${text}) AS answer (${Object.keys(columns).join(', ')}) ${OWN_MARK}`;
  }

  /** Sends a statement; what does not come back in time ends the connection, since nobody knows what it is doing. */
  async #send(client: pg.Client, text: string, values?: readonly unknown[]): Promise<pg.QueryResult> {
    let timer: NodeJS.Timeout | undefined;
    const limitMs = this.#options.statementTimeoutMs + GRACE_MS;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const message = `no answer within ${limitMs} ms`;
        reject(new UnreachableError({ kind: 'no_answer', message, remedy: 'look at the load of the server' }));
      }, limitMs);
    });
    const answer = values === undefined ? client.query(text) : client.query(text, [...values]);
    try {
      return await Promise.race([answer, limit]);
    } catch (error) {
      await this.#afterError(client, error, answer);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #afterError(client: pg.Client, error: unknown, answer: Promise<unknown>): Promise<void> {
    answer.catch(() => undefined);
    const problem = error instanceof UnreachableError ? error.problem : connectionProblem(error);
    if (problem) {
      this.#drop();
      // without waiting for the server, which may not listen any more
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      throw new UnreachableError(problem, error);
    }
    // the transaction is of no use any more
    this.#inTransaction = false;
    await this.#send(client, 'ROLLBACK');
  }

  #drop(): void {
    this.#client = undefined;
    this.#inTransaction = false;
    this.forget();
  }
}

/** The default of a parameter, which its definition has in SQL. */
function defaultOf({ name, default: sql }: Parameter): number | null {
  if (sql === undefined) throw new Error(`the parameter ${name} is missing`);
  return sql === 'NULL' ? null : Number(sql);
}
