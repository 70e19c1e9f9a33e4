import pg from 'pg';
import { OWN_MARK } from '../slow-queries/queries.ts';
import { inReadOnly, runOne, type QueryBounds } from './in-read-only.ts';
import { inspectQuery } from './inspect-query.ts';
import { QueryError, queryError } from './query-error.ts';

/** A row, by the columns that identify it. Values as PostgreSQL writes them. */
export type SampleKey = Readonly<Record<string, string | null>>;

/** What a query found. */
export interface OffendingRows {
  readonly count: number;
  /** The bound was reached: there are at least `count`. */
  readonly isBound: boolean;
  readonly sample: readonly SampleKey[];
}

/** How an invariant's query is read. */
export interface OffendingQuery {
  /** One SELECT that returns the offending rows. */
  readonly sql: string;
  /** Columns that identify a row: only these are kept as samples. */
  readonly key: readonly string[];
  readonly sampleSize: number;
  /** Rows are counted up to here. */
  readonly maxRows: number;
}

const MAX_KEY_LENGTH = 200;

/**
 * Runs a query of the configuration in a read-only transaction and counts its rows, within bounds of time and rows.
 *
 * @param client connected, with no transaction open
 * @throws QueryError that says what is wrong with the query and how to mend it; nothing was changed
 * @example
 * await readOffending(client, { sql: 'SELECT id FROM posts WHERE track_id IS NULL', key: ['id'], sampleSize: 5, maxRows: 100_000 }, DEFAULT_BOUNDS);
 */
export async function readOffending(
  client: pg.ClientBase,
  wanted: OffendingQuery,
  bounds: QueryBounds,
): Promise<OffendingRows> {
  return guarded(client, wanted.sql, bounds, async (query) => {
    const columns = await columnsOf(client, query);
    const missing = wanted.key.filter((name) => !columns.includes(name));
    if (missing.length > 0) {
      throw new QueryError(
        'wrong_shape',
        `returns no column ${missing.join(', ')}; it returns ${columns.join(', ') || 'none'}`,
        'return the key of the offending rows, or name its columns in key',
      );
    }
    const parts = wanted.key.map((name) => {
      const value = `left(q.${pg.escapeIdentifier(name)}::text, ${MAX_KEY_LENGTH})`;
      return `${pg.escapeLiteral(name)}, ${value}`;
    });
    const { rows } = await runOne<{ count: number; sample: SampleKey[] | null }>(
      client,
      `SELECT count(*)::int AS count, json_agg(key) FILTER (WHERE n <= ${wanted.sampleSize}) AS sample
         FROM (SELECT json_build_object(${parts.join(', ')}) AS key, row_number() OVER () AS n
                 FROM (\n${query}\n) AS q LIMIT ${wanted.maxRows + 1}) AS offending ${OWN_MARK}`,
    );
    const { count = 0, sample } = rows[0] ?? {};
    return { count: Math.min(count, wanted.maxRows), isBound: count > wanted.maxRows, sample: sample ?? [] };
  });
}

/**
 * Runs a query of the configuration that returns one number.
 *
 * @returns the number; undefined for NULL
 * @throws QueryError that says what is wrong with the query and how to mend it; nothing was changed
 */
export async function readNumber(client: pg.ClientBase, sql: string, bounds: QueryBounds): Promise<number | undefined> {
  return guarded(client, sql, bounds, async (query) => {
    const columns = await columnsOf(client, query);
    if (columns.length !== 1) throw notOneNumber(`${columns.length} columns`);
    const { rows } = await runOne<{ value: string | null; n: number }>(
      client,
      `SELECT min(value::text) AS value, count(*)::int AS n
         FROM (SELECT * FROM (\n${query}\n) AS q LIMIT 2) AS q (value) ${OWN_MARK}`,
    );
    const { value = null, n = 0 } = rows[0] ?? {};
    if (n !== 1) throw notOneNumber(`${n} rows`);
    if (value === null) return undefined;
    const number = Number(value);
    if (!Number.isFinite(number)) throw notOneNumber('a text');
    return number;
  });
}

function notOneNumber(what: string): QueryError {
  return new QueryError('wrong_shape', `returns ${what}, not one number`, 'write it as SELECT count(*) FROM …');
}

async function guarded<T>(
  client: pg.ClientBase,
  sql: string,
  bounds: QueryBounds,
  work: (query: string) => Promise<T>,
): Promise<T> {
  try {
    return await inReadOnly(client, bounds, async () => work(await inspectQuery(client, sql)));
  } catch (error) {
    throw queryError(error, bounds.timeoutMs);
  }
}

async function columnsOf(client: pg.ClientBase, query: string): Promise<string[]> {
  const { fields } = await runOne(client, `SELECT * FROM (\n${query}\n) AS q LIMIT 0`);
  return fields.map(({ name }) => name);
}
