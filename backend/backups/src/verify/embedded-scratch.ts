import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { installedMajors, startTemporaryPostgres, type TemporaryPostgres } from '@clearway/database';
import type pg from 'pg';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { withSession } from '../connection/session.ts';
import { findInstalledServer } from '../dump/tools.ts';
import { majorOf } from '../manifest/source.ts';
import { bytesText } from '../sentences.ts';
import type { OnProgress } from '../progress.ts';
import { createDatabaseLike } from '../restore/create-database.ts';
import { missingExtensions } from '../restore/extensions.ts';
import { freeBytesOf } from '../storage/directory-storage.ts';
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
  shared_preload_libraries: '',
};

/** A server that could be started for a backup. */
interface Candidate {
  readonly name: string;
  readonly major: number;
  /** Folder of an installed server's programs; a package's when it is left out. */
  readonly programs?: string;
}

type WhyNot = { readonly whyNot: string };

/**
 * Restores into a server of its own, which is started for the verification and goes with it: the one that comes as a
 * package, or an installed one of the same major version, whose service need not run.
 *
 * @param directory where its data go: the system's temporary directory when it is left out
 */
export function embeddedScratch(directory: string = tmpdir()): ScratchServer {
  return {
    async open(backup, onProgress) {
      const space = await whyNoSpace(backup, directory);
      if (space !== undefined) return { whyNot: space };
      const reasons: string[] = [];
      for (const candidate of await candidates(backup)) {
        const opened = await open(candidate, backup, directory, onProgress);
        if (!('whyNot' in opened)) return opened;
        reasons.push(opened.whyNot);
      }
      const { source } = backup.manifest;
      const wanted = source ? `PostgreSQL ${majorOf(source.versionNumber)}` : 'PostgreSQL';
      const why = reasons.length > 0 ? reasons.join('; ') : `there is no ${wanted} on this machine`;
      return { whyNot: `${why}. Name a server of the same major version with the same extensions: verify.server` };
    },
  };
}

async function candidates({ manifest: { source } }: StoredBackup): Promise<Candidate[]> {
  const packages = installedMajors(SUPPORTED_MAJORS);
  const major = source ? majorOf(source.versionNumber) : Math.max(...packages);
  const installed = await findInstalledServer(major);
  return [
    ...(packages.includes(major) ? [{ name: 'embedded PostgreSQL', major }] : []),
    ...(installed ? [{ name: 'installed PostgreSQL', major, programs: installed.folder }] : []),
  ];
}

async function open(
  { name, major, programs }: Candidate,
  backup: StoredBackup,
  directory: string,
  onProgress: OnProgress,
): Promise<ScratchDatabase | WhyNot> {
  onProgress({ phase: 'starting-server', message: `starting an ${name} ${major}` });
  let server: TemporaryPostgres;
  try {
    const prefix = 'clearway-verify-';
    server = await startTemporaryPostgres({ major, programs, directory, prefix, settings: SETTINGS });
  } catch (error) {
    return { whyNot: `the ${name} ${major} does not start: ${(error as Error).message}` };
  }
  try {
    const opened = await prepare(server, name, backup);
    if ('whyNot' in opened) await server.stop();
    return opened;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function prepare(
  server: TemporaryPostgres,
  name: string,
  { manifest: { source } }: StoredBackup,
): Promise<ScratchDatabase | WhyNot> {
  const database = `verify_${randomBytes(4).toString('hex')}`;
  const session = { connectionString: server.url('postgres'), applicationName: 'clearway-verify' };
  const made = await withSession(session, async (admin: pg.Client) => {
    const missing = await missingExtensions(admin, source?.extensions ?? []);
    if (missing.length > 0) return { missing: missing.map(({ extension }) => extension).join(', ') };
    return { unlike: await createDatabaseLike(admin, database, source) };
  });
  if ('missing' in made)
    return { whyNot: `the ${name} ${server.version} has not the same extensions: ${made.missing}` };
  return {
    server: `${name} ${server.version}`,
    connectionString: server.url(database),
    makeRoles: true,
    withOwners: true,
    unlike: made.unlike,
    close: () => server.stop(),
  };
}

async function whyNoSpace({ manifest }: StoredBackup, directory: string): Promise<string | undefined> {
  const needed = Math.ceil((manifest.source?.sizeBytes ?? 0) * SPACE_FACTOR);
  const free = await freeBytesOf(directory);
  if (free === undefined || free >= needed) return undefined;
  return `${directory} has ${bytesText(free)} left, and the restored database needs about ${bytesText(needed)}`;
}
