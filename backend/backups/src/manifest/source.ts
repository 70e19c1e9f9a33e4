import type pg from 'pg';
import type { ManifestSource } from './schema.ts';

interface SourceRow {
  readonly database: string;
  readonly role: string;
  readonly version: string;
  readonly number: number;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly provider: string;
  readonly locale: string | null;
  readonly owner: string;
  readonly grants: string[] | null;
  readonly size: string;
  readonly settings: ManifestSource['settings'] | null;
  readonly extensions: ManifestSource['extensions'] | null;
}

/** The column of the locale has had three names: looked up in the row as JSON. */
const SOURCE = `
SELECT d.datname AS database, current_user::text AS role, split_part(current_setting('server_version'), ' ', 1) AS version,
  current_setting('server_version_num')::int AS number, pg_encoding_to_char(d.encoding) AS encoding,
  d.datcollate::text AS collate, d.datctype::text AS ctype, coalesce(to_json(d)->>'datlocprovider', 'c') AS provider,
  coalesce(to_json(d)->>'datlocale', to_json(d)->>'daticulocale') AS locale, pg_get_userbyid(d.datdba)::text AS owner,
  (SELECT array_agg(acl::text) FROM unnest(d.datacl) AS acl) AS grants, pg_database_size(d.oid)::text AS size,
  (SELECT json_agg(json_build_object('role', r.rolname, 'setting', setting) ORDER BY r.rolname NULLS FIRST, setting)
   FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS setting
   WHERE s.setdatabase = d.oid) AS settings,
  (SELECT json_agg(json_build_object('name', extname, 'version', extversion, 'schema', nspname) ORDER BY extname)
   FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace) AS extensions
FROM pg_database d WHERE d.datname = current_database()`;

const PROVIDERS: Readonly<Record<string, ManifestSource['localeProvider']>> = {
  c: 'libc',
  i: 'icu',
  b: 'builtin',
  d: 'libc',
};

/** Who and what the database is that a session is connected to. */
export async function describeSource(client: pg.Client): Promise<ManifestSource> {
  const systemIdentifier = await readSystemIdentifier(client);
  const { rows } = await client.query<SourceRow>(SOURCE);
  const [row] = rows;
  if (!row) throw new Error('pg_database does not list the database of this session');
  return {
    systemIdentifier,
    database: row.database,
    host: `${client.host}:${client.port}`,
    role: row.role,
    version: row.version,
    versionNumber: row.number,
    encoding: row.encoding,
    collate: row.collate,
    characterType: row.ctype,
    localeProvider: PROVIDERS[row.provider] ?? 'libc',
    locale: row.locale,
    owner: row.owner,
    grants: row.grants ?? [],
    settings: row.settings ?? [],
    sizeBytes: Number(row.size),
    extensions: row.extensions ?? [],
  };
}

/** Major version from PostgreSQL's version number. */
export const majorOf = (versionNumber: number): number => Math.floor(versionNumber / 10_000);

/** Names the cluster: no two have the same one, unless one is a physical copy. Null when the role may not read it. */
export async function readSystemIdentifier(client: pg.Client): Promise<string | null> {
  const { rows: allowed } = await client.query<{ may: boolean }>(
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may`,
  );
  if (!allowed[0]?.may) return null;
  const { rows } = await client.query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()');
  return rows[0]?.id ?? null;
}
