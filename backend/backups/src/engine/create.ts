import path from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '@clearway/kernel';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { newBackupId } from '../catalogue/id.ts';
import { noVerifications } from '../catalogue/states.ts';
import { databaseOfUrl } from '../connection/session.ts';
import { openSnapshot } from '../dump/snapshot.ts';
import { writeBackupFile, type WrittenFile } from '../dump/write-dump.ts';
import { asBackupFailure } from '../failures.ts';
import { writeManifest } from '../manifest/document.ts';
import { globalsScript, listRoles } from '../manifest/roles.ts';
import type { Manifest, ManifestRole, ManifestSource } from '../manifest/schema.ts';
import { describeSource } from '../manifest/source.ts';
import type { OnProgress } from '../progress.ts';
import { MANIFEST_FILE } from '../storage/storage.ts';
import { checkIdentity } from './identity.ts';
import type { CreateRequest } from './engine.ts';
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
    const taken = await takeDump(snapshot, dumper, {
      connectionString: request.connectionString,
      format,
      compression: request.compression ?? 'zstd',
      recipients: request.recipients ?? [],
      folder: staging.folder,
      owner: source.owner,
      lockWaitMs: request.lockWaitMs ?? LOCK_WAIT_MS,
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
