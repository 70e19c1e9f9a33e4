/** Does one thing with backups in a process of its own, which a test may kill, and prints what came of it as JSON. */
import {
  BackupFailure,
  directoryStorage,
  embeddedScratch,
  logicalEngine,
  pruneBackups,
  readBackup,
  s3Storage,
  serverScratch,
  type Compression,
  type S3StorageOptions,
} from '@clearway/backups';
import { systemClock } from '@clearway/kernel';
import { readFileSync } from 'node:fs';
import { ownCpuSeconds } from './cpu-seconds.ts';

/** What the process shall do. */
export interface ChildTask {
  readonly action: 'create' | 'restore' | 'verify' | 'copy' | 'prune';
  readonly connectionString: string;
  readonly directory: string;
  readonly pgDump?: string | null | undefined;
  readonly scratchUrl?: string;
  readonly backupId?: string;
  readonly to?: string;
  readonly inPlace?: boolean;
  readonly compression?: Compression;
  /** A storage besides the directory: where `copy` goes, and where `prune` prunes too. */
  readonly s3?: S3StorageOptions;
  /** Whether `create` stores there, too. */
  readonly storesInS3?: boolean;
  /** Number of backups that `prune` keeps. */
  readonly keepCount?: number;
}

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
const { action, connectionString, directory, pgDump, scratchUrl, backupId = '', to = '', inPlace } = task;
const { compression, s3, storesInS3, keepCount } = task;
const clock = systemClock;
const distant = s3 === undefined ? [] : [s3Storage(s3)];
const storage = directoryStorage(directory);
const engine = logicalEngine({
  clock,
  tools: { variables: process.env, pgDump },
  workDirectory: directory,
  scratch: scratchUrl ? serverScratch({ clock, serverUrl: scratchUrl, allowSourceServer: true }) : embeddedScratch(),
});
/** Until dump and manifest are on the disk, of this process and of those that it started. */
let cpuSeconds: number | undefined;
const onProgress = ({ phase }: { phase: string }): void => {
  if (phase === 'storing') cpuSeconds ??= ownCpuSeconds();
  process.stderr.write(`${phase}\n`);
};

/** The most that this process had in memory; getrusage would count what its parent had when it was forked. */
function peakMemoryBytes(): number {
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

async function run(): Promise<unknown> {
  if (action === 'create') {
    const made = await engine.create({
      connectionString,
      storage,
      copies: storesInS3 ? distant : [],
      compression,
      acceptNewIdentity: true,
      onProgress,
    });
    const { id, manifest, copies } = made;
    const failures = copies.flatMap(({ failure }) => failure?.message ?? []);
    const memoryBytes = peakMemoryBytes();
    const dump = manifest.files.find(({ role }) => role === 'dump');
    return {
      id,
      failures,
      memoryBytes,
      durationSeconds: manifest.durationSeconds,
      sizeBytes: dump?.sizeBytes,
      cpuSeconds,
    };
  }
  if (action === 'prune') {
    const { storages } = await pruneBackups({ storages: [storage, ...distant], policy: { keepCount }, clock });
    const failure = storages
      .flatMap((pruned) => [pruned.failure, ...pruned.databases.map((one) => one.failure)])
      .find(Boolean);
    if (failure) throw failure;
    return storages.map(({ databases }) => databases.map(({ removed }) => removed));
  }
  const backup = await readBackup(storage, backupId);
  if (action === 'copy') {
    const [target] = distant;
    if (!target) throw new Error('copy where to?');
    return { id: (await engine.copy({ backup, storage: target, onProgress })).id };
  }
  if (action === 'verify') {
    const { verification } = await engine.verify({ backup, level: 'exact', onProgress });
    return verification;
  }
  return engine.restore({
    backup,
    serverUrl: connectionString,
    database: to,
    storage,
    allowUnproven: true,
    inPlace,
    onProgress,
  });
}

onProgress({ phase: 'begun' });
try {
  process.stdout.write(JSON.stringify(await run()));
} catch (error) {
  const failure = error instanceof BackupFailure ? error : undefined;
  process.stdout.write(
    JSON.stringify({ failure: failure?.reason ?? 'unexpected', message: String(error), remedy: failure?.remedy }),
  );
  process.exitCode = failure?.exitCode ?? 1;
}
