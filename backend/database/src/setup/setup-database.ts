import pg from 'pg';
import { migrateDeploy, MigrationError } from '../migrate.ts';
import { migrationStatus } from '../migration-status.ts';
import { connectionFinding } from './connection-finding.ts';
import { failed, ok, skipped, warning, type SetupFinding } from './finding.ts';
import { directRemedy, placeOf, type ConnectionPlace } from './provider.ts';
import { serverFindings } from './server-findings.ts';

/** What is set up. */
export interface SetupOptions {
  readonly connectionString: string;
  /** Only looks, and migrates nothing. */
  readonly checkOnly?: boolean;
  /** A folder of `<name>/migration.sql`; Clearway's own when left out. */
  readonly migrations?: string;
  readonly onFinding?: (finding: SetupFinding) => void;
}

const CONNECT_LIMIT_MS = 10_000;
const QUERY_LIMIT_MS = 30_000;

/**
 * Checks whether a PostgreSQL database is fit for Clearway (connection, version, rights, extensions), migrates it and
 * verifies that it can be used. What fails stops what builds upon it.
 *
 * @returns what was found, in order; the database is ready when nothing failed
 * @example
 * const findings = await setUpDatabase({ connectionString, onFinding: (finding) => console.log(finding.detail) });
 * const isReady = findings.every(({ status }) => status !== 'failed');
 */
export async function setUpDatabase(options: SetupOptions): Promise<SetupFinding[]> {
  const findings: SetupFinding[] = [];
  const tell = (finding: SetupFinding): void => {
    findings.push(finding);
    options.onFinding?.(finding);
  };
  const hasFailed = () => findings.some(({ status }) => status === 'failed');
  const place = placeOf(options.connectionString);
  const client = new pg.Client({
    connectionString: options.connectionString,
    application_name: 'clearway-setup',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: QUERY_LIMIT_MS,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  try {
    await client.connect();
    tell(ok('connection', `${place.host}:${place.port}, database ${place.database}`));
    tell(pooler(place));
    for (const finding of await serverFindings(client, place)) tell(finding);
    tell(hasFailed() ? skipped('migrations', 'mend what failed first') : await migrate(client, options));
    tell(hasFailed() || options.checkOnly ? skipped('use', 'nothing was written') : await use(client, options));
  } catch (error) {
    tell(connectionFinding(error, place));
  } finally {
    await client.end().catch(() => undefined);
  }
  return findings;
}

function pooler(place: ConnectionPlace): SetupFinding {
  if (!place.isTransactionPooler) return ok('session', 'a session of its own');
  return failed('session', 'the pooler gives each transaction another session', directRemedy(place));
}

async function migrate(
  client: pg.Client,
  { connectionString, migrations, checkOnly }: SetupOptions,
): Promise<SetupFinding> {
  const name = 'migrations';
  if (checkOnly) {
    const { applied, missing, failed: broken } = await migrationStatus(client, migrations);
    if (broken.length > 0)
      return failed(
        name,
        `${broken.join(', ')} began and did not end`,
        'run it without --check: it says how to mend it',
      );
    if (missing.length === 0) return ok(name, `all ${applied.length} are applied`);
    return warning(
      name,
      `${missing.length} of ${applied.length + missing.length} are missing`,
      'run it without --check',
    );
  }
  try {
    const directory = migrations === undefined ? {} : { directory: migrations };
    const applied = await migrateDeploy({ connectionString, ...directory });
    return ok(
      name,
      applied.length === 0 ? 'all were applied before' : `applied ${applied.length}: ${applied.join(', ')}`,
    );
  } catch (error) {
    const remedy = error instanceof MigrationError ? 'as it says' : 'look at the server, then run it again';
    return failed(name, (error as Error).message, remedy);
  }
}

/** Whether what was migrated can be written and read, by this role. Leaves nothing behind. */
async function use(client: pg.Client, { migrations }: SetupOptions): Promise<SetupFinding> {
  const { missing, failed: broken, changed } = await migrationStatus(client, migrations);
  if (missing.length + broken.length > 0) {
    return failed(
      'use',
      `not applied: ${[...missing, ...broken].join(', ')}`,
      'run it again, and look at the server when that does not help',
    );
  }
  await client.query('BEGIN');
  try {
    const { rows } = await client.query<{ name: string; readable: boolean }>(
      `SELECT c.oid::regclass::text AS name, has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS readable
         FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')`,
    );
    const closed = rows.filter(({ readable }) => !readable).map(({ name }) => name);
    if (closed.length > 0)
      return failed('use', `no rights on ${closed.join(', ')}`, 'migrate as the role that uses the database');
    await client.query(
      'CREATE TABLE clearway_setup_probe (at timestamptz); INSERT INTO clearway_setup_probe VALUES (now())',
    );
    const read = await client.query('SELECT FROM clearway_setup_probe');
    if (read.rowCount !== 1)
      return failed('use', 'what was written cannot be read', 'look for row security and triggers');
    const detail = `${rows.length} tables, written to and read from`;
    if (changed.length === 0) return ok('use', detail);
    return warning(
      'use',
      `${detail}; changed since they were applied: ${changed.join(', ')}`,
      'make a further migration instead of changing one',
    );
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}
