import { randomBytes } from 'node:crypto';
import { installedMajors, startTemporaryPostgres, type TemporaryPostgres } from '@clearway/database';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { withSession } from '../connection/session.ts';
import { majorOf } from '../manifest/source.ts';
import { createDatabaseLike } from '../restore/create-database.ts';
import { freeBytesOf } from '../storage/directory-storage.ts';
import { tmpdir } from 'node:os';
import { missingExtensions } from '../restore/extensions.ts';
import type { ScratchDatabase, ScratchServer } from './scratch.ts';

const SUPPORTED_MAJORS = [15, 16, 17, 18];
/** A restored database is seldom larger than the one that was dumped; indexes and WAL come on top. */
const SPACE_FACTOR = 1.5;
const SETTINGS = {
  max_wal_size: '4GB',
  wal_level: 'minimal',
  max_wal_senders: 0,
  maintenance_work_mem: '128MB',
  shared_buffers: '128MB',
  max_locks_per_transaction: 1024,
  autovacuum: 'off',
  log_min_duration_statement: -1,
};

/**
 * Restores into an embedded server of its own, which goes with the verification.
 *
 * @param directory where its data go: the system's temporary directory when it is left out
 */
export function embeddedScratch(directory: string = tmpdir()): ScratchServer {
  return {
    async open(backup, onProgress) {
      const { source } = backup.manifest;
      const installed = installedMajors(SUPPORTED_MAJORS);
      const major = source ? majorOf(source.versionNumber) : installed.at(-1);
      if (major === undefined || !installed.includes(major)) return { whyNot: noServer(major, installed) };
      const space = await whyNoSpace(backup, directory);
      if (space !== undefined) return { whyNot: space };
      onProgress({ phase: 'starting-server', message: `starting an embedded PostgreSQL ${major}` });
      const server = await startTemporaryPostgres({ major, directory, prefix: 'clearway-verify-', settings: SETTINGS });
      try {
        const opened = await prepare(server, backup);
        if ('whyNot' in opened) await server.stop();
        return opened;
      } catch (error) {
        await server.stop();
        throw error;
      }
    },
  };
}

async function prepare(
  server: TemporaryPostgres,
  { manifest }: StoredBackup,
): Promise<ScratchDatabase | { readonly whyNot: string }> {
  const name = `verify_${randomBytes(4).toString('hex')}`;
  const admin = { connectionString: server.url('postgres'), applicationName: 'clearway-verify' };
  const missing = await withSession(admin, (client) => missingExtensions(client, manifest.source?.extensions ?? []));
  if (missing.length > 0) {
    const names = missing.map(({ extension, why }) => `${extension} ${why}`).join(', ');
    return {
      whyNot: `the embedded PostgreSQL has not the same extensions: ${names}. Set verify.server to one that has`,
    };
  }
  await withSession(admin, (client) => createDatabaseLike(client, name, manifest.source));
  return {
    server: `embedded PostgreSQL ${server.version}`,
    connectionString: server.url(name),
    makeRoles: true,
    withOwners: true,
    close: () => server.stop(),
  };
}

function noServer(major: number | undefined, installed: readonly number[]): string {
  const there = installed.length > 0 ? `${installed.join(', ')} is` : 'none is';
  const wanted = major ?? 'any version';
  return `there is no embedded PostgreSQL ${wanted} here (${there}): set verify.server to a server of the same major version`;
}

async function whyNoSpace({ manifest }: StoredBackup, directory: string): Promise<string | undefined> {
  const needed = Math.ceil((manifest.source?.sizeBytes ?? 0) * SPACE_FACTOR);
  const free = await freeBytesOf(directory);
  if (free === undefined || free >= needed) return undefined;
  return `${directory} has ${free} bytes left, and the restored database needs about ${needed}`;
}
