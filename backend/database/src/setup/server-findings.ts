import type pg from 'pg';
import { failed, ok, skipped, warning, type SetupFinding } from './finding.ts';
import type { ConnectionPlace } from './provider.ts';

const OLDEST_MAJOR = 15;
const NEWEST_MAJOR = 18;
const FEWEST_FREE_CONNECTIONS = 20;

interface Facts {
  readonly version: string;
  readonly encrypted: boolean | null;
  readonly encoding: string;
  readonly zone: string;
  readonly role: string;
  readonly database: string;
  readonly mayCreateTables: boolean;
  readonly mayCreateSchemas: boolean;
  readonly isOwner: boolean;
  readonly mayMonitor: boolean;
  readonly isReplica: boolean;
  readonly limit: number;
  readonly used: number;
}

const FACTS = `
  SELECT current_setting('server_version') AS version,
         (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted,
         current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone,
         current_user AS role, current_database() AS database,
         has_schema_privilege(current_schema(), 'CREATE') AS "mayCreateTables",
         has_database_privilege(current_database(), 'CREATE') AS "mayCreateSchemas",
         pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER') AS "isOwner",
         pg_has_role('pg_monitor', 'MEMBER') AS "mayMonitor",
         pg_is_in_recovery() AS "isReplica",
         current_setting('max_connections')::int AS limit, (SELECT count(*)::int FROM pg_stat_activity WHERE datid IS NOT NULL) AS used`;

/** Version, encryption, encoding, rights and limits of a server, as Clearway needs them. Changes nothing. */
export async function serverFindings(client: pg.ClientBase, place: ConnectionPlace): Promise<SetupFinding[]> {
  const { rows } = await client.query<Facts>(FACTS);
  const [facts] = rows;
  if (!facts) return [];
  return [
    version(facts),
    encryption(facts, place),
    facts.encoding === 'UTF8'
      ? ok('encoding', 'UTF8')
      : failed(
          'encoding',
          facts.encoding,
          `create the database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
        ),
    ...rights(facts),
    connections(facts),
    await statements(client),
  ];
}

function version({ version: text, isReplica }: Facts): SetupFinding {
  const major = Number.parseInt(text, 10);
  if (isReplica)
    return failed('version', `PostgreSQL ${text}, a replica that takes no writes`, 'connect to the primary');
  if (major < OLDEST_MAJOR) return failed('version', `PostgreSQL ${text}`, `upgrade to ${OLDEST_MAJOR} or newer`);
  if (major > NEWEST_MAJOR)
    return warning('version', `PostgreSQL ${text}`, `${NEWEST_MAJOR} is the newest that was tested`);
  return ok('version', `PostgreSQL ${text}`);
}

function encryption({ encrypted }: Facts, { isLoopback }: ConnectionPlace): SetupFinding {
  if (encrypted === true) return ok('encryption', 'the connection is encrypted');
  if (isLoopback) return ok('encryption', 'none, and none is needed on this machine');
  // a pooler in between ends TLS itself
  if (encrypted === null) return skipped('encryption', 'the server does not tell');
  return warning('encryption', 'the connection is not encrypted', 'add sslmode=verify-full to the connection string');
}

function rights({ role, database, mayCreateTables, mayCreateSchemas, isOwner, mayMonitor }: Facts): SetupFinding[] {
  const grantTables = `GRANT CREATE ON SCHEMA public TO "${role}"`;
  const grantSchemas = `GRANT CREATE ON DATABASE "${database}" TO "${role}"`;
  return [
    mayCreateTables
      ? ok('tables', `${role} may create tables`)
      : failed('tables', `${role} may not create tables`, grantTables),
    mayCreateSchemas
      ? ok('schemas', `${role} may create schemas`)
      : failed('schemas', `${role} may not create schemas`, grantSchemas),
    isOwner
      ? ok('owner', `${role} owns the database`)
      : warning(
          'owner',
          `${role} does not own the database: its time zone stays as it is`,
          `ALTER DATABASE "${database}" SET timezone TO 'UTC' as its owner`,
        ),
    mayMonitor
      ? ok('monitoring', `${role} sees the sessions of others (pg_monitor)`)
      : warning('monitoring', `${role} sees its own sessions only`, `GRANT pg_monitor TO "${role}"`),
  ];
}

function connections({ limit, used }: Facts): SetupFinding {
  const detail = `${used} of ${limit} in use`;
  if (limit - used >= FEWEST_FREE_CONNECTIONS) return ok('connections', detail);
  return warning('connections', detail, `leave ${FEWEST_FREE_CONNECTIONS} free, or raise max_connections`);
}

async function statements(client: pg.ClientBase): Promise<SetupFinding> {
  const name = 'pg_stat_statements';
  const { rows } = await client.query<{ available: boolean; schema: string | null }>(
    `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1) AS available,
            (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1) AS schema`,
    [name],
  );
  const { available = false, schema = null } = rows[0] ?? {};
  if (schema !== null) {
    try {
      await client.query(`SELECT FROM ${client.escapeIdentifier(schema)}.${name} LIMIT 1`);
      return ok(name, 'installed and loaded');
    } catch (error) {
      return warning(
        name,
        `installed, and ${(error as Error).message}`,
        `shared_preload_libraries = '${name}', then restart the server`,
      );
    }
  }
  if (!available)
    return warning(
      name,
      'not available on this server',
      'install postgresql-contrib; without it slow queries are not grouped',
    );
  return warning(name, 'not installed: slow queries are not grouped', `CREATE EXTENSION ${name}`);
}
