import type pg from 'pg';
import { quoteName, quoteText } from '../connection/session.ts';
import type { ManifestRole, ManifestSource } from './schema.ts';

/**
 * Roles that own something in the database or are granted something, also those that PostgreSQL does not record as
 * dependencies because initdb made them.
 */
const USED = `
SELECT refobjid AS oid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
  AND (dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    OR (classid = 'pg_database'::regclass AND objid = (SELECT oid FROM pg_database WHERE datname = current_database())))
UNION SELECT datdba FROM pg_database WHERE datname = current_database()
UNION SELECT relowner FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')
UNION SELECT nspowner FROM pg_namespace UNION SELECT proowner FROM pg_proc UNION SELECT typowner FROM pg_type`;

const ROLES = `
SELECT r.rolname AS name, r.oid IN (${USED}) AS "isUsed",
  (SELECT array_agg(word ORDER BY place) FROM (VALUES
    (1, CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END),
    (2, CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END),
    (3, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END),
    (4, CASE WHEN r.rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END),
    (5, CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END),
    (6, CASE WHEN r.rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END),
    (7, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END),
    (8, CASE WHEN r.rolconnlimit <> -1 THEN 'CONNECTION LIMIT ' || r.rolconnlimit END),
    (9, CASE WHEN r.rolvaliduntil IS NOT NULL THEN 'VALID UNTIL ' || quote_literal(r.rolvaliduntil) END)
  ) AS attribute(place, word) WHERE word IS NOT NULL) AS attributes,
  coalesce((SELECT json_agg(json_build_object('role', g.rolname, 'options', array_remove(ARRAY[
      CASE WHEN m.admin_option THEN 'ADMIN OPTION' END,
      'INHERIT ' || upper(to_json(m)->>'inherit_option'), 'SET ' || upper(to_json(m)->>'set_option')], NULL)) ORDER BY g.rolname)
    FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '[]') AS "memberOf",
  coalesce((SELECT array_agg(setting ORDER BY setting) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
    WHERE s.setrole = r.oid AND s.setdatabase = 0), '{}') AS settings
FROM pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname`;

/** The server's roles without passwords: they can be read by any role. */
export async function listRoles(client: pg.Client): Promise<ManifestRole[]> {
  const { rows } = await client.query<ManifestRole>(ROLES);
  return rows;
}

/** Settings whose value is a list: each item is quoted by itself (pg_dump's variable_is_guc_list_quote). */
const LIST_SETTINGS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** `name=value` as `SET` has it. */
export function settingSql(setting: string): string {
  const split = setting.indexOf('=');
  const name = setting.slice(0, split);
  const value = setting.slice(split + 1);
  const isList = LIST_SETTINGS.has(name.toLowerCase());
  // stored lists are already written as SQL has them
  return `SET ${name.split('.').map(quoteName).join('.')} TO ${isList && value !== '' ? value : quoteText(value)}`;
}

/** SQL that makes a role where it is missing, with its attributes, and nothing that needs another role. */
export function createRoleSql({ name, attributes, settings }: ManifestRole): string {
  const role = quoteName(name);
  const create = `CREATE ROLE ${role} WITH ${attributes.join(' ')};`;
  const unlessThere = `DO ${quoteText(`BEGIN ${create} EXCEPTION WHEN duplicate_object THEN NULL; END`)};`;
  return [unlessThere, ...settings.map((setting) => `ALTER ROLE ${role} ${settingSql(setting)};`)].join('\n');
}

/** SQL that makes a role a member of others. The options exist from 16 on. */
export function grantRolesSql({ name, memberOf }: ManifestRole): string {
  return memberOf
    .map(({ role, options }) => {
      const suffix = options.length > 0 ? ` WITH ${options.join(', ')}` : '';
      return `GRANT ${quoteName(role)} TO ${quoteName(name)}${suffix};`;
    })
    .join('\n');
}

/** SQL for the settings and rights of a database itself, which a dump of it does not hold. */
export function databaseSql(source: ManifestSource, database: string): string {
  const name = quoteName(database);
  return source.settings
    .map(({ role, setting }) => {
      const of = role === null ? `DATABASE ${name}` : `ROLE ${quoteName(role)} IN DATABASE ${name}`;
      return `ALTER ${of} ${settingSql(setting)};`;
    })
    .join('\n');
}

/**
 * The script that PostgreSQL's own tools can restore roles with: `psql -f globals.sql`, before the dump. Roles that
 * exist stay as they are, so running it twice does no harm.
 */
export function globalsScript(roles: readonly ManifestRole[], source: ManifestSource): string {
  return [
    `-- Roles of the server that held ${source.database}, PostgreSQL ${source.version}. Passwords are not taken along:`,
    '-- set them with ALTER ROLE name PASSWORD, or \\password.',
    "SET client_encoding = 'UTF8';",
    'SET standard_conforming_strings = on;',
    '',
    ...roles.map(createRoleSql),
    '',
    ...roles.map(grantRolesSql).filter(Boolean),
    '',
    '-- Settings of the database: it must exist when these are run.',
    databaseSql(source, source.database),
    '',
  ].join('\n');
}
