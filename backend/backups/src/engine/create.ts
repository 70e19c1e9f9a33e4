import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '@clearway/kernel';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { newBackupId } from '../catalogue/id.ts';
import { noVerifications } from '../catalogue/states.ts';
import { databaseOfUrl } from '../connection/session.ts';
import type { Dumper, RunningDump } from '../dump/dumper.ts';
import { openSnapshot, type OpenSnapshot } from '../dump/snapshot.ts';
import { writeBackupFile, type WrittenFile } from '../dump/write-dump.ts';
import { asBackupFailure } from '../failures.ts';
import { syncDirectory, syncFile } from '../files/durable.ts';
import { writeManifest } from '../manifest/document.ts';
import { closeContent, measureContent, openContent } from '../manifest/measure.ts';
import { globalsScript, listRoles } from '../manifest/roles.ts';
import type { Manifest, ManifestContent, ManifestRole, ManifestSource } from '../manifest/schema.ts';
import { describeSource } from '../manifest/source.ts';
import type { OnProgress } from '../progress.ts';
import { MANIFEST_FILE } from '../storage/storage.ts';
import { checkIdentity } from './identity.ts';
import type { CreateRequest } from './engine.ts';
import { chooseDumper } from './choose-dumper.ts';
import type { MachineTools } from '../dump/tools.ts';
import { keepAside, openStaging, type Staging } from './staging.ts';

const LOCK_WAIT_MS = 60_000;

/** What the making of a backup needs besides the request. */
export interface CreateDependencies {
  readonly clock: Clock;
  readonly tools: MachineTools;
  /** Where files are written before they are stored. */
  readonly workDirectory: string;
}

/**
 * Makes a backup: dump and manifest from one snapshot, written beside the place, synced, and moved there whole. One that
 * fails is kept aside with its reason.
 *
 * @throws BackupFailure
 */
export async function createBackup(request: CreateRequest, dependencies: CreateDependencies): Promise<StoredBackup> {
  const { clock, workDirectory } = dependencies;
  const id = newBackupId(databaseOfUrl(request.connectionString), clock.nowMs());
  const staging = await openStaging(workDirectory, id, clock.nowMs());
  try {
    const manifest = await makeBackup(id, staging, request, dependencies);
    const files = [...manifest.files.map(({ name }) => name), MANIFEST_FILE];
    request.onProgress?.({ phase: 'storing', message: `storing ${id} in ${request.storage.location}` });
    await request.storage.store({ id, folder: staging.folder, files, signal: request.signal });
    return { id, storage: request.storage, manifest, verifications: noVerifications(manifest.completedAt) };
  } catch (error) {
    const failure = asBackupFailure(error, 'dump-failed');
    await keepAside(staging, failure, clock.nowMs());
    throw failure;
  } finally {
    await staging.close();
  }
}

async function makeBackup(
  id: string,
  staging: Staging,
  request: CreateRequest,
  { clock, tools }: CreateDependencies,
): Promise<Manifest> {
  const startMs = clock.monotonicMs();
  const startedAt = new Date(clock.nowMs()).toISOString();
  const warnings: string[] = [];
  const onProgress: OnProgress = (progress) => {
    if (progress.isWarning && progress.message !== undefined) warnings.push(progress.message);
    request.onProgress?.(progress);
  };
  onProgress({ phase: 'connecting', message: 'opening a snapshot' });
  const snapshot = await openSnapshot(request.connectionString, request.lockWaitMs ?? LOCK_WAIT_MS);
  try {
    const source = await describeSource(snapshot.client);
    await checkIdentity(source, request);
    const roles = await listRoles(snapshot.client);
    const { dumper, format } = await chooseDumper(source, { format: request.format, tools, onProgress });
    const taken = await takeDump(snapshot, dumper, { ...request, format, onProgress, folder: staging.folder });
    const globals = await writeGlobals(staging.folder, roles, source, request);
    const manifest: Manifest = {
      formatVersion: 1,
      id,
      engine: 'logical',
      purpose: request.purpose ?? 'regular',
      startedAt,
      completedAt: new Date(clock.nowMs()).toISOString(),
      durationSeconds: (clock.monotonicMs() - startMs) / 1000,
      source,
      dump: { format, compression: taken.outer, tool: dumper.tool, plainSizeBytes: taken.written.plainSizeBytes },
      encryption: request.recipients?.length ? { type: 'age', recipients: [...request.recipients] } : null,
      files: [taken.written.file, globals.file],
      content: taken.content,
      roles,
      warnings,
    };
    await writeWhole(path.join(staging.folder, MANIFEST_FILE), writeManifest(manifest));
    await syncDirectory(staging.folder);
    return manifest;
  } finally {
    await snapshot.close();
  }
}

interface Taken {
  readonly content: ManifestContent;
  readonly written: WrittenFile;
  /** How the file as a whole is compressed; the archive may be compressed within. */
  readonly outer: Manifest['dump']['compression'];
}

/** Runs dump and manifest beside each other, in one snapshot; when one of them fails, the other is stopped. */
async function takeDump(
  snapshot: OpenSnapshot,
  dumper: Dumper,
  request: CreateRequest & {
    readonly format: 'custom' | 'plain';
    readonly folder: string;
    readonly onProgress: OnProgress;
  },
): Promise<Taken> {
  const { format, onProgress } = request;
  const compression = request.compression ?? 'zstd';
  const shallCompress = dumper.compressesItself(format, compression);
  const outer = shallCompress ? 'none' : compression;
  const abort = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, abort.signal]) : abort.signal;
  const opened = await openContent(snapshot.client, snapshot.tables);
  const total = opened.tables.measured.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const running = dumper.start({
    connectionString: request.connectionString,
    snapshot: snapshot.id,
    format,
    shallCompress,
    lockWaitMs: request.lockWaitMs ?? LOCK_WAIT_MS,
    onProgress,
    signal,
  });
  const dumping = writeBackupFile(running.output, {
    folder: request.folder,
    role: 'dump',
    name: format === 'custom' ? 'database.dump' : 'database.sql',
    compression: outer,
    recipients: request.recipients ?? [],
    onBytes: (bytes) => onProgress({ phase: 'dumping', done: bytes, total, unit: 'bytes' }),
    signal,
  });
  const measuring = measureContent(snapshot.client, opened, { onProgress, signal });
  const [written, measured] = await allOrFirstFailure(running, dumping, measuring, abort);
  return { written, outer, content: await closeContent(snapshot.client, opened, measured) };
}

/**
 * Waits for the dumper, the file and the manifest. The first one that fails is the reason: what the others say then
 * follows from it. A dumper that failed is the reason for a file that ended.
 */
async function allOrFirstFailure<Written, Measured>(
  { ended }: RunningDump,
  dumping: Promise<Written>,
  measuring: Promise<Measured>,
  abort: AbortController,
): Promise<[Written, Measured]> {
  let first: unknown;
  const note = (error: unknown): never => {
    first ??= error;
    abort.abort();
    throw error;
  };
  const dumped = Promise.allSettled([ended, dumping]).then(([dumper, file]) => {
    if (dumper.status === 'rejected' && !abort.signal.aborted) return note(dumper.reason);
    if (file.status === 'rejected') return note(file.reason);
    if (dumper.status === 'rejected') return note(dumper.reason);
    return file.value;
  });
  dumping.catch(() => {
    // the file cannot be written: there is nobody to dump for
    setImmediate(() => abort.abort());
  });
  const outcomes = await Promise.allSettled([dumped, measuring.catch(note)]);
  const [file, measured] = outcomes;
  if (file.status === 'fulfilled' && measured.status === 'fulfilled') return [file.value, measured.value];
  throw first;
}

async function writeGlobals(
  folder: string,
  roles: readonly ManifestRole[],
  source: ManifestSource,
  { recipients = [], signal }: CreateRequest,
): Promise<WrittenFile> {
  const script = Readable.from([Buffer.from(globalsScript(roles, source))]);
  const common = { folder, role: 'globals' as const, name: 'globals.sql', compression: 'none' as const };
  return writeBackupFile(script, { ...common, recipients, onBytes: () => {}, signal });
}

async function writeWhole(file: string, content: string): Promise<void> {
  await writeFile(file, content, { flag: 'wx', mode: 0o600 });
  await syncFile(file);
}
