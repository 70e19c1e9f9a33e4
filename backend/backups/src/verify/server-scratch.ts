import { randomBytes } from 'node:crypto';
import type { Clock } from '@clearway/kernel';
import type pg from 'pg';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { placeOfUrl, quoteName, urlOfDatabase, withSession } from '../connection/session.ts';
import { majorOf, readSystemIdentifier } from '../manifest/source.ts';
import { createDatabaseLike } from '../restore/create-database.ts';
import { missingRoles } from '../restore/create-roles.ts';
import { missingExtensions } from '../restore/extensions.ts';
import { dropDatabase } from '../restore/swap.ts';
import type { ScratchDatabase, ScratchServer } from './scratch.ts';

/** How a configured server is used. */
export interface ServerScratchOptions {
  readonly clock: Clock;
  /** A database of the server, with a role that may make databases. */
  readonly serverUrl: string;
  /** Restores next to the database itself: what breaks the one may then break the other, and both share its disk. */
  readonly allowSourceServer?: boolean;
}

const PREFIX = 'clearway_verify_';
/** What a killed verification left is removed by a later one. */
const ABANDONED_SECONDS = 24 * 3600;

/** Restores into a database of a server that is there anyway, which is removed afterwards. */
export function serverScratch({ clock, serverUrl, allowSourceServer = false }: ServerScratchOptions): ScratchServer {
  const session = { connectionString: serverUrl, applicationName: 'clearway-verify' };
  return {
    open(backup, onProgress) {
      return withSession(session, async (admin): Promise<ScratchDatabase | { readonly whyNot: string }> => {
        const whyNot = await unfit(backup, admin, allowSourceServer);
        if (whyNot !== undefined) return { whyNot: `${placeOfUrl(serverUrl)} ${whyNot}` };
        await removeAbandoned(admin, clock.nowMs());
        onProgress({ phase: 'starting-server', message: `making a scratch database on ${placeOfUrl(serverUrl)}` });
        const name = `${PREFIX}${Math.floor(clock.nowMs() / 1000)}_${randomBytes(3).toString('hex')}`;
        const unlike = await createDatabaseLike(admin, name, backup.manifest.source);
        const isMissing =
          (
            await missingRoles(
              admin,
              backup.manifest.roles.filter(({ isUsed }) => isUsed),
            )
          ).length > 0;
        const { rows } = await admin.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
        return {
          server: `PostgreSQL ${rows[0]?.version ?? ''} at ${placeOfUrl(urlOfDatabase(serverUrl, name))}`,
          connectionString: urlOfDatabase(serverUrl, name),
          // roles belong to the whole server, and others use it
          makeRoles: false,
          // of a dump that was made elsewhere nobody knows which roles it needs
          withOwners: !isMissing && backup.manifest.source !== null,
          unlike,
          close: () => withSession(session, (client) => dropDatabase(client, name)),
        };
      });
    },
  };
}

async function unfit(
  { manifest: { source } }: StoredBackup,
  admin: pg.Client,
  allowSourceServer: boolean,
): Promise<string | undefined> {
  const { rows } = await admin.query<{ number: number }>(`SELECT current_setting('server_version_num')::int AS number`);
  const major = majorOf(rows[0]?.number ?? 0);
  if (source && major !== majorOf(source.versionNumber)) {
    return `is of version ${major}, and ${majorOf(source.versionNumber)} was dumped: verify on the same major version`;
  }
  if (source?.systemIdentifier && !allowSourceServer && (await readSystemIdentifier(admin)) === source.systemIdentifier)
    return 'is the server that was dumped: name another one, or allow it expressly';
  const missing = await missingExtensions(admin, source?.extensions ?? []);
  if (missing.length > 0) return `has not the same extensions: ${missing.map(({ extension }) => extension).join(', ')}`;
  return undefined;
}

async function removeAbandoned(admin: pg.Client, nowMs: number): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname ~ $1
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = pg_database.oid)`,
    [`^${PREFIX}\\d+_[0-9a-f]{6}$`],
  );
  for (const { name } of rows) {
    const ageSeconds = nowMs / 1000 - Number(name.slice(PREFIX.length).split('_')[0]);
    if (ageSeconds > ABANDONED_SECONDS) await admin.query(`DROP DATABASE IF EXISTS ${quoteName(name)}`).catch(() => {});
  }
}
