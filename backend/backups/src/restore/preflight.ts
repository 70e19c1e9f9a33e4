import { statfs } from 'node:fs/promises';
import type pg from 'pg';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { isAtLeast } from '../catalogue/states.ts';
import { keyOpens } from '../archive/open-dump.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { majorOf } from '../manifest/source.ts';
import { bytesText } from '../sentences.ts';
import { missingRoles } from './create-roles.ts';
import { missingExtensions } from './extensions.ts';

/** One thing that a restore needs. */
export interface PreflightCheck {
  readonly name: 'backup' | 'key' | 'version' | 'extensions' | 'roles' | 'rights' | 'space';
  readonly status: 'ok' | 'warning' | 'refused';
  readonly message: string;
  readonly remedy?: string;
}

/** What the checks look at. */
export interface PreflightOptions {
  /** A session with the maintenance database of the target's server. */
  readonly admin: pg.Client;
  readonly database: string;
  readonly identities?: readonly string[] | undefined;
  readonly makeRoles?: boolean | undefined;
  readonly withoutOwners?: boolean | undefined;
  readonly allowUnproven?: boolean | undefined;
  readonly inPlace?: boolean | undefined;
}

/** A restored database with its indexes is seldom larger than the one that was dumped. */
const SPACE_FACTOR = 1.3;

/** Looks at everything that a restore needs, and changes nothing. */
export async function preflight(backup: StoredBackup, options: PreflightOptions): Promise<PreflightCheck[]> {
  const { admin } = options;
  return [
    proven(backup, options.allowUnproven),
    await key(backup, options.identities),
    await version(backup, admin),
    await extensions(backup, admin),
    await roles(backup, options),
    await rights(admin, options),
    await space(backup, admin),
  ];
}

/**
 * Ends a restore that would fail.
 *
 * @throws BackupFailure `preflight-refused` with everything that is missing; a key's own reason when it is only the key
 */
export function assertPreflight(checks: readonly PreflightCheck[]): void {
  const refused = checks.filter(({ status }) => status === 'refused');
  if (refused.length === 0) return;
  const remedies = refused.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]));
  throw new BackupFailure('preflight-refused', refused.map(({ name, message }) => `${name}: ${message}`).join('; '), {
    ...(remedies.length > 0 && { remedy: remedies.join('; ') }),
  });
}

const OTHER = 'take another one: clearway backup list; or what can be read of it: --unproven';

function proven({ verifications: { state }, id }: StoredBackup, allow = false): PreflightCheck {
  const name = 'backup';
  if (state === 'exact' || state === 'restored') return { name, status: 'ok', message: `${id} is ${state}` };
  if (isAtLeast(state, 'unverified') && allow) return { name, status: 'warning', message: `${id} is only ${state}` };
  if (state === 'damaged')
    return { name, status: allow ? 'warning' : 'refused', message: `${id} is damaged`, remedy: OTHER };
  const remedy = `prove it first: clearway backup verify ${id} --level exact; or take what there is: --unproven`;
  return { name, status: 'refused', message: `${id} is only ${state}: nobody has restored it`, remedy };
}

async function key(backup: StoredBackup, identities: readonly string[] = []): Promise<PreflightCheck> {
  const name = 'key';
  if (!backup.manifest.encryption) return { name, status: 'ok', message: 'not encrypted' };
  try {
    await keyOpens(backup, identities);
    return { name, status: 'ok', message: 'opens the backup' };
  } catch (error) {
    const { message, remedy } = asBackupFailure(error, 'key-wrong');
    return { name, status: 'refused', message, ...(remedy !== undefined && { remedy }) };
  }
}

async function version({ manifest: { source } }: StoredBackup, admin: pg.Client): Promise<PreflightCheck> {
  const name = 'version';
  const { rows } = await admin.query<{ version: string; number: number }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number`,
  );
  const { version: target, number } = rows[0] ?? { version: '', number: 0 };
  if (!source)
    return {
      name,
      status: 'warning',
      message: `it is not known of which version the dump is, and the target is ${target}`,
    };
  const facts = `dumped from ${source.version}, target ${target}`;
  if (majorOf(number) >= majorOf(source.versionNumber)) return { name, status: 'ok', message: facts };
  const remedy = `restore to a server of version ${majorOf(source.versionNumber)} or later`;
  return { name, status: 'refused', message: `${facts}: an older server may not understand it`, remedy };
}

async function extensions({ manifest: { source } }: StoredBackup, admin: pg.Client): Promise<PreflightCheck> {
  const name = 'extensions';
  const missing = await missingExtensions(admin, source?.extensions ?? []);
  if (missing.length === 0)
    return { name, status: 'ok', message: `${source?.extensions.length ?? 0} needed, all there` };
  const names = missing.map(({ extension }) => extension).join(', ');
  return {
    name,
    status: 'refused',
    message: `the target has not: ${names}`,
    remedy: `install ${names} on the target's server`,
  };
}

async function roles({ manifest }: StoredBackup, options: PreflightOptions): Promise<PreflightCheck> {
  const name = 'roles';
  const { admin, makeRoles, withoutOwners } = options;
  if (withoutOwners) return { name, status: 'ok', message: 'owners and rights are not restored' };
  const missing = await missingRoles(
    admin,
    manifest.roles.filter(({ isUsed }) => isUsed),
  );
  if (missing.length === 0) return { name, status: 'ok', message: 'all there' };
  const names = missing.map((role) => role.name).join(', ');
  if (makeRoles) return { name, status: 'ok', message: `will be made, without passwords: ${names}` };
  const remedy = 'let them be made: --make-roles; or leave owners and rights away: --no-owners';
  return { name, status: 'refused', message: `the target has not: ${names}`, remedy };
}

async function rights(admin: pg.Client, { database, inPlace }: PreflightOptions): Promise<PreflightCheck> {
  const name = 'rights';
  const { rows } = await admin.query<{ role: string; may: boolean; owns: boolean | null }>(
    `SELECT current_user::text AS role, rolsuper OR rolcreatedb AS may,
       (SELECT rolsuper OR pg_has_role(datdba, 'MEMBER') FROM pg_database WHERE datname = $1) AS owns
     FROM pg_roles WHERE rolname = current_user`,
    [database],
  );
  const { role, may, owns } = rows[0] ?? { role: '', may: false, owns: null };
  if (inPlace) {
    if (owns) return { name, status: 'ok', message: `${role} owns ${database}` };
    const what = owns === null ? `there is no database ${database}` : `${role} does not own ${database}`;
    return { name, status: 'refused', message: what, remedy: 'restore as its owner, to a database that exists' };
  }
  if (!may) {
    const remedy = `ALTER ROLE ${role} CREATEDB, or restore into the database itself: --in-place`;
    return { name, status: 'refused', message: `${role} may not make databases`, remedy };
  }
  if (owns === false) {
    const message = `${role} does not own ${database}: the restored one will stand beside it`;
    return { name, status: 'warning', message };
  }
  return { name, status: 'ok', message: `${role} may make and rename databases` };
}

/** The server's disk can only be looked at when it is this machine's. */
async function space({ manifest: { source } }: StoredBackup, admin: pg.Client): Promise<PreflightCheck> {
  const name = 'space';
  const needed = Math.ceil((source?.sizeBytes ?? 0) * SPACE_FACTOR);
  const free = await freeBytesOfServer(admin);
  if (free === undefined)
    return {
      name,
      status: 'warning',
      message: `about ${bytesText(needed)} is needed; what the server has is not known`,
    };
  const message = `about ${bytesText(needed)} is needed, ${bytesText(free)} is free`;
  if (free >= needed) return { name, status: 'ok', message };
  return { name, status: 'refused', message, remedy: 'make room on the disk of the server' };
}

async function freeBytesOfServer(admin: pg.Client): Promise<number | undefined> {
  const isHere = /^(127\.|::1$|localhost$|\/)/.test(admin.host);
  if (!isHere) return undefined;
  try {
    const { rows } = await admin.query<{ directory: string }>(`SELECT current_setting('data_directory') AS directory`);
    const { bavail, bsize } = await statfs(rows[0]?.directory ?? '');
    return bavail * bsize;
  } catch {
    return undefined; // the role may not know where, or it is in a container
  }
}
