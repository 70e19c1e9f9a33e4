import pg from 'pg';
import { MONITORING_QUERIES } from './all-queries.ts';
import { fingerprintOf, installSql } from './install-sql.ts';

/** What an installation found and did. */
export interface MonitoringInstallation {
  /** Whether anything had to be done: false when this version was there. */
  readonly changed: boolean;
  /** Names the version of the functions. */
  readonly version: string;
  /** Why statements cannot be watched all the same; empty when they can. */
  readonly notices: readonly string[];
}

/**
 * Installs the functions of the schema `monitoring` in a database, or brings them up to date. All or nothing, and nothing
 * else is touched.
 *
 * @param connectionString of a role that may create the schema; best the owner of the tables, whose rights the functions
 *   lend to roles with pg_monitor
 * @throws the server's error: no rights, no such database, not reachable
 * @example
 * const { changed } = await installMonitoring('postgresql://owner:secret@db/shop');
 */
export async function installMonitoring(connectionString: string): Promise<MonitoringInstallation> {
  const client = new pg.Client({
    connectionString,
    application_name: 'clearway-install-monitoring',
    connectionTimeoutMillis: 15_000,
  });
  const notices: string[] = [];
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  client.on('notice', ({ message, severity }) => {
    if (severity === 'NOTICE' && message?.startsWith('statements are not watched')) notices.push(message);
  });
  await client.connect();
  try {
    const version = MONITORING_VERSION;
    if ((await installedVersion(client)) === version) return { changed: false, version, notices };
    await client.query(`BEGIN; SET LOCAL lock_timeout = '5s'; ${MONITORING_SQL} COMMIT`);
    return { changed: true, version, notices };
  } finally {
    await client.end();
  }
}

/** Names the version of the functions that this program knows. */
export const MONITORING_VERSION = fingerprintOf(MONITORING_QUERIES);

/** What a migration or an installation applies. */
export const MONITORING_SQL = installSql(MONITORING_QUERIES);

/** The version of the functions in a database; undefined when there are none. */
async function installedVersion(client: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(to_regnamespace('monitoring'), 'pg_namespace') AS comment`,
  );
  return /([0-9a-f]{12})$/.exec(rows[0]?.comment ?? '')?.[1];
}
