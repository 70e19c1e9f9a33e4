import { connectionProblem } from '@clearway/database';
import pg from 'pg';
import { asBackupFailure, BackupFailure } from '../failures.ts';

const CONNECT_LIMIT_MS = 15_000;

/**
 * What a value looks like as text must not depend on who connects, and a role that sees only some of the rows must fail
 * instead of counting them (`row_security = off` does that).
 */
const PINNED = {
  row_security: 'off',
  search_path: 'pg_catalog',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  timezone: 'UTC',
  xmlbinary: 'base64',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  client_min_messages: 'warning',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // one connection is faster than the dump beside it, and the others are not to notice
  max_parallel_workers_per_gather: '0',
} as const;

/** How a session is opened. */
export interface SessionOptions {
  readonly connectionString: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long a statement waits for a lock, in milliseconds. */
  readonly lockWaitMs?: number;
}

/**
 * Connects, with all settings pinned on which the text of a value depends.
 *
 * @throws BackupFailure `unreachable`, with the place and what to look at
 */
export async function openSession(options: SessionOptions): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: serverUrl(options.connectionString),
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  try {
    await client.connect();
    const settings = { ...PINNED, lock_timeout: `${options.lockWaitMs ?? 60_000}ms` };
    await client.query(`SELECT set_config(name, value, false) FROM json_each_text($1::json) AS setting(name, value)`, [
      JSON.stringify(settings),
    ]);
    // only 17 and later have it
    await client.query(
      `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')`,
    );
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw notConnected(options.connectionString, error);
  }
}

function notConnected(connectionString: string, error: unknown): BackupFailure {
  const { reason, message, remedy } = asBackupFailure(error, 'unreachable');
  const problem = connectionProblem(error);
  return new BackupFailure(
    reason === 'permission-denied' ? reason : 'unreachable',
    `no connection to ${placeOfUrl(connectionString)}: ${problem?.message ?? message}`,
    { cause: error, remedy: problem?.remedy ?? remedy ?? 'correct the URL, or look at the log of the server' },
  );
}

/** Opens a session for a piece of work, and closes it afterwards. */
export async function withSession<T>(options: SessionOptions, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openSession(options);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

const PRISMA_PARAMETERS = ['schema', 'connection_limit', 'pool_timeout', 'pgbouncer', 'socket_timeout'];

/** The URL without what only Prisma understands. */
export function serverUrl(connectionString: string): string {
  const url = URL.parse(connectionString);
  if (!url) return connectionString;
  for (const name of PRISMA_PARAMETERS) url.searchParams.delete(name);
  return url.toString();
}

/** The same server, another database. */
export function urlOfDatabase(connectionString: string, database: string): string {
  const url = new URL(serverUrl(connectionString));
  // the driver decodes no more than this
  url.pathname = `/${encodeURI(database).replaceAll(/[?#]/g, encodeURIComponent)}`;
  return url.toString();
}

/** Name of the database in a URL; that of the user when there is none, as libpq has it. */
export function databaseOfUrl(connectionString: string): string {
  const url = new URL(connectionString);
  return decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username);
}

/** Host, port and database for messages: no credentials. */
export function placeOfUrl(connectionString: string): string {
  const url = URL.parse(connectionString);
  if (!url) return 'the database';
  const host = url.searchParams.get('host') ?? url.host;
  return `${host}/${databaseOfUrl(connectionString)}`;
}

/** A name as SQL has it. */
export const quoteName = (name: string): string => pg.escapeIdentifier(name);

/** A table's name as SQL has it, with its schema. */
export const quoteQualified = (schema: string, name: string): string => `${quoteName(schema)}.${quoteName(name)}`;

/** A text as SQL has it. */
export const quoteText = (text: string): string => pg.escapeLiteral(text);
