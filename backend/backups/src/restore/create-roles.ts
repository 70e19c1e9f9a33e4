import type pg from 'pg';
import { createRoleSql, grantRolesSql } from '../manifest/roles.ts';
import type { ManifestRole } from '../manifest/schema.ts';

/** Roles that a dump needs and the server of a session has not. */
export async function missingRoles(client: pg.Client, roles: readonly ManifestRole[]): Promise<ManifestRole[]> {
  const { rows } = await client.query<{ name: string }>('SELECT rolname AS name FROM pg_roles');
  const there = new Set(rows.map(({ name }) => name));
  return roles.filter(({ name }) => !there.has(name));
}

/**
 * Makes the roles that are missing, without passwords: nobody can log in with them before they are given one.
 *
 * @returns the names of those that were made
 */
export async function createRoles(client: pg.Client, roles: readonly ManifestRole[]): Promise<string[]> {
  const missing = await missingRoles(client, roles);
  for (const role of missing) await client.query(createRoleSql(role));
  const versionNumber = await serverVersionNumber(client);
  for (const role of missing) {
    // the options of a membership exist from 16 on
    const understood = role.memberOf.map(({ role: group, options }) => ({
      role: group,
      options: versionNumber >= 160_000 ? options : options.filter((option) => option === 'ADMIN OPTION'),
    }));
    const grants = grantRolesSql({ ...role, memberOf: understood });
    if (grants !== '') await client.query(grants);
  }
  return missing.map(({ name }) => name);
}

async function serverVersionNumber(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ number: number }>(
    `SELECT current_setting('server_version_num')::int AS number`,
  );
  return rows[0]?.number ?? 0;
}
