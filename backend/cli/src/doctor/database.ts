import path from 'node:path';
import pg from 'pg';
import type { CliContext } from '../context.ts';
import { errorText, failed, ok, skipped, warning, type Check, type Finding } from './finding.ts';

const OLDEST_MAJOR = 15;
const NEWEST_MAJOR = 18;
const LIMIT_MS = 3000;

/** Where the database is: as DATABASE_URL says, else the embedded one when it runs. */
export async function databaseUrl(context: CliContext): Promise<string | undefined> {
  const url = context.variables['DATABASE_URL'];
  if (url !== undefined && url !== '') return url;
  const { findEmbeddedPostgres } = await import('@clearway/database');
  return findEmbeddedPostgres(embeddedDirectory(context))?.url('clearway');
}

/** Where `npm start` keeps the embedded database. */
export function embeddedDirectory({ directory, variables }: CliContext): string {
  return path.resolve(directory, variables['DATA_DIRECTORY'] ?? '.data', 'postgres');
}

/** Whether the database answers, is of a version that is supported, in UTC, and has all migrations. */
export function databaseCheck(context: CliContext): Check {
  return {
    name: 'database',
    async run() {
      const url = await databaseUrl(context);
      if (url === undefined) {
        return skipped('DATABASE_URL is not set and the embedded PostgreSQL is not running', "'npm start' starts it");
      }
      try {
        return await withClient(url, inspect);
      } catch (error) {
        const remedy = 'start PostgreSQL, or correct DATABASE_URL: host, port, user, password and database';
        return failed(`${placeOf(url)} cannot be used: ${errorText(error)}`, remedy);
      }
    },
  };
}

/** The database's time in milliseconds since 1970; undefined without a database. */
export async function databaseNowMs(context: CliContext): Promise<number | undefined> {
  const url = await databaseUrl(context);
  if (url === undefined) return undefined;
  return withClient(url, async (client) => {
    const sql = 'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now';
    await client.query(sql); // the second one is not delayed by what the first one loads
    const { rows } = await client.query<{ now: string }>(sql);
    return Number(rows[0]?.now);
  });
}

async function inspect(client: pg.Client): Promise<Finding> {
  const { migrationStatus } = await import('@clearway/database');
  const { rows } = await client.query<{ version: string; zone: string; name: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('TimeZone') AS zone, current_database() AS name`,
  );
  const { version, zone, name } = rows[0] ?? { version: '0', zone: '', name: '' };
  const { applied, missing, failed: broken, changed } = await migrationStatus(client);
  const facts = `PostgreSQL ${version}, database ${name}, ${applied.length} migrations applied`;
  if (broken.length > 0) {
    return failed(
      `${facts}; ${broken.join(', ')} began and did not end`,
      "'npm start' says how to mend it; nothing is applied after it",
    );
  }
  if (missing.length > 0)
    return failed(`${facts}; missing: ${missing.join(', ')}`, "'npm start' and the worker apply them");
  if (changed.length > 0) {
    return warning(
      `${facts}; changed since: ${changed.join(', ')}`,
      'make a further migration instead of changing one',
    );
  }
  const major = Number.parseInt(version, 10);
  if (major < OLDEST_MAJOR || major > NEWEST_MAJOR) {
    return warning(facts, `use PostgreSQL ${OLDEST_MAJOR} to ${NEWEST_MAJOR}: others were not tested`);
  }
  if (zone !== 'UTC') {
    return warning(`${facts}, time zone ${zone}`, `ALTER DATABASE "${name}" SET timezone TO 'UTC', then connect anew`);
  }
  return ok(`${facts}, UTC`);
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString,
    application_name: 'clearway-doctor',
    connectionTimeoutMillis: LIMIT_MS,
    query_timeout: LIMIT_MS,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Host and database of a URL, without who connects. */
function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.host}${parsed.pathname}` : 'DATABASE_URL';
}
