import path from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '@clearway/kernel';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { nameOfBackupId, newBackupId } from '../catalogue/id.ts';
import { databaseOfUrl } from '../connection/session.ts';
import { openSnapshot } from '../dump/snapshot.ts';
import { writeBackupFile, type WrittenFile } from '../dump/write-dump.ts';
import { asBackupFailure } from '../failures.ts';
import { whileCreating } from '../lock/storage-lock.ts';
import { writeManifest } from '../manifest/document.ts';
import { globalsScript, listRoles } from '../manifest/roles.ts';
import type { Manifest, ManifestRole, ManifestSource } from '../manifest/schema.ts';
import { describeSource } from '../manifest/source.ts';
import type { OnProgress } from '../progress.ts';
import { MANIFEST_FILE, type BackupStorage } from '../storage/storage.ts';
import { checkIdentity } from './identity.ts';
import type { CreatedBackup, CreateRequest } from './engine.ts';
import { continueStoring } from './continue.ts';
import { findMadeSince } from './made-since.ts';
import { storeCopies, type StoreOptions } from './store-copies.ts';
import { chooseDumper } from './choose-dumper.ts';
import type { MachineTools } from '../dump/tools.ts';
import { takeDump } from './take-dump.ts';
import { keepAside, openStaging, writeWhole, type Staging } from './staging.ts';

const LOCK_WAIT_MS = 60_000;

/** What the making of a backup needs besides the request. */
export interface CreateDependencies {
  readonly clock: Clock;
  readonly tools: MachineTools;
  /** Where files are written before they are stored. */
  readonly workDirectory: string;
}

/**
 * Makes a backup: dump and manifest from one snapshot, written beside the place, synced, and stored whole in each storage.
 * One that fails is kept aside with its reason; one that no storage takes waits for the next run. One process at a time
 * makes one of a database, to its last copy; a safety backup waits for none.
 *
 * @param verify reads a copy where it lies
 * @throws BackupFailure
 */
export async function createBackup(
  request: CreateRequest,
  dependencies: CreateDependencies,
  verify: StoreOptions['verify'],
): Promise<CreatedBackup> {
  const storages = [request.storage, ...(request.copies ?? [])];
  const create = () => createAlone(request, dependencies, storages, verify);
  if (request.purpose === 'safety') return create();
  const { unlessMadeSinceMs: sinceMs, connectionString } = request;
  const database = databaseOfUrl(connectionString);
  return whileCreating(storages, { database, clock: dependencies.clock }, async () => {
    const made =
      sinceMs === undefined
        ? undefined
        : await findMadeSince({ sinceMs, nowMs: dependencies.clock.nowMs() }, database, storages);
    return made ?? create();
  });
}

async function createAlone(
  request: CreateRequest,
  dependencies: CreateDependencies,
  storages: readonly BackupStorage[],
  verify: StoreOptions['verify'],
): Promise<CreatedBackup> {
  const { clock, workDirectory } = dependencies;
  const { onProgress, signal } = request;
  const id = newBackupId(databaseOfUrl(request.connectionString), clock.nowMs());
  await continueStoring(nameOfBackupId(id), storages, { clock, workDirectory, verify, onProgress, signal });
  const meantFor = { nowMs: clock.nowMs(), storages: storages.map((storage) => storage.id) };
  const staging = await openStaging(workDirectory, id, meantFor);
  try {
    const manifest = await makeBackup(id, staging, request, dependencies);
    const { folder } = staging;
    const copies = await storeCopies({ manifest, folder }, storages, { verify, onProgress, signal });
    const made = copies.find(({ backup }) => backup)?.backup as StoredBackup;
    return { ...made, copies };
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
    const taken = await takeDump(snapshot, dumper, {
      connectionString: request.connectionString,
      format,
      compression: request.compression ?? 'zstd',
      recipients: request.recipients ?? [],
      folder: staging.folder,
      owner: source.owner,
      lockWaitMs: request.lockWaitMs ?? LOCK_WAIT_MS,
      tools,
      onProgress,
      signal: request.signal,
    });
    warnings.push(...taken.warnings);
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
    return manifest;
  } finally {
    await snapshot.close();
  }
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
