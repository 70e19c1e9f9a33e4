import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@clearway/kernel';
import { compressionOf, openArchive, decompress } from '../archive/open-archive.ts';
import { AS_SCRIPT } from '../archive/unsupported-files.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { newBackupId } from '../catalogue/id.ts';
import { noVerifications } from '../catalogue/states.ts';
import { writeBackupFile } from '../dump/write-dump.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { writeManifest } from '../manifest/document.ts';
import type { Manifest } from '../manifest/schema.ts';
import type { OnProgress } from '../progress.ts';
import { fromFolder } from '../storage/sources.ts';
import { MANIFEST_FILE, type BackupStorage } from '../storage/storage.ts';
import { openStaging, writeWhole } from './staging.ts';

/** A dump that was made elsewhere. */
export interface AdoptRequest {
  readonly file: string;
  readonly storage: BackupStorage;
  /** Name for its id: that of the file when it is left out. */
  readonly name?: string | undefined;
  readonly recipients?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes a copy of a dump that was made elsewhere: pg_dump's custom format or a script, with or without zstd or gzip. It
 * has no manifest to be compared with, so it can be proven up to `restored`. Of what cannot be taken over nothing is kept,
 * since the file is still where it was.
 *
 * @param decode reads the stored copy to its last byte
 * @throws BackupFailure `storage-failed` when the file cannot be read, `damaged` or `unsupported` when it is no dump
 */
export async function adoptDump(
  request: AdoptRequest,
  dependencies: { readonly clock: Clock; readonly workDirectory: string },
  decode: (copy: StoredBackup) => Promise<StoredBackup>,
): Promise<StoredBackup> {
  try {
    const copy = await storeCopy(request, dependencies);
    try {
      return await decode(copy);
    } catch (error) {
      await copy.storage.remove(copy.id).catch(() => {});
      throw error;
    }
  } catch (error) {
    throw notAdopted(request.file, error);
  }
}

function notAdopted(file: string, error: unknown): BackupFailure {
  const failure = asBackupFailure(error, 'storage-failed');
  const { reason, message, remedy } = failure;
  if (reason !== 'damaged' && reason !== 'unsupported') return failure;
  return new BackupFailure(reason, `${file} cannot be taken over: ${message}`, {
    cause: error,
    remedy:
      remedy ?? 'name a script or a file in custom format that pg_dump wrote to its end; nothing was kept of this one',
  });
}

async function storeCopy(
  request: AdoptRequest,
  { clock, workDirectory }: { readonly clock: Clock; readonly workDirectory: string },
): Promise<StoredBackup> {
  const { file, storage, onProgress, signal } = request;
  const startMs = clock.monotonicMs();
  const { compression, format, tool } = await recognise(file);
  const stem = path.basename(file).replace(/(\.(dump|sql|custom|pgdump|backup|zst|gz))+$/i, '');
  const id = newBackupId(request.name ?? stem, clock.nowMs());
  const staging = await openStaging(workDirectory, id, { nowMs: clock.nowMs(), storages: [storage.id] });
  try {
    const startedAt = new Date(clock.nowMs()).toISOString();
    const { file: written } = await writeBackupFile(createReadStream(file, { highWaterMark: 1024 * 1024 }), {
      folder: staging.folder,
      role: 'dump',
      name: `database.${format === 'custom' ? 'dump' : 'sql'}${{ zstd: '.zst', gzip: '.gz', none: '' }[compression]}`,
      compression: 'none',
      recipients: request.recipients ?? [],
      onBytes: (done) => onProgress?.({ phase: 'storing', done, unit: 'bytes' }),
      signal,
    });
    const manifest: Manifest = {
      formatVersion: 1,
      id,
      engine: 'logical',
      purpose: 'adopted',
      startedAt,
      completedAt: new Date(clock.nowMs()).toISOString(),
      durationSeconds: (clock.monotonicMs() - startMs) / 1000,
      source: null,
      dump: { format, compression, tool, plainSizeBytes: null },
      encryption: request.recipients?.length ? { type: 'age', recipients: [...request.recipients] } : null,
      files: [written],
      content: null,
      roles: [],
      warnings: ['made elsewhere: there is nothing to compare it with, and no roles are taken along'],
    };
    await writeWhole(path.join(staging.folder, MANIFEST_FILE), writeManifest(manifest));
    const files = [written.name, MANIFEST_FILE];
    await storage.store({ id, files, ...fromFolder(staging.folder), onProgress, signal });
    return { id, storage, manifest, verifications: noVerifications(manifest.completedAt) };
  } finally {
    await staging.close();
  }
}

async function recognise(file: string): Promise<Pick<Manifest['dump'], 'compression' | 'format' | 'tool'>> {
  await assertFile(file);
  const start = await firstBytes(file);
  const compression = compressionOf(start);
  const source = createReadStream(file);
  try {
    const { format, dumpVersion } = await openArchive(decompress(source, compression));
    const tool = dumpVersion === undefined ? 'unknown' : `pg_dump ${dumpVersion}`;
    return { compression, format: format === 'plain' ? 'plain' : 'custom', tool };
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    throw new BackupFailure('damaged', (error as Error).message, { cause: error });
  } finally {
    source.destroy();
  }
}

/** A pipe or a device may never end, and cannot be read twice. */
async function assertFile(file: string): Promise<void> {
  const remedy = 'name the file that holds the dump';
  const found = await stat(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw asBackupFailure(error, 'storage-failed');
    throw new BackupFailure('storage-failed', `there is no file ${file}`, { remedy });
  });
  if (found.isFile()) return;
  if (found.isDirectory() && (await stat(path.join(file, 'toc.dat')).catch(() => undefined)))
    throw new BackupFailure('unsupported', 'dumps in directory format are not understood', { remedy: AS_SCRIPT });
  throw new BackupFailure('storage-failed', `${file} is no file`, { remedy });
}

async function firstBytes(file: string): Promise<Buffer> {
  try {
    for await (const piece of createReadStream(file, { end: 15 })) return piece as Buffer;
    throw new BackupFailure('damaged', 'it is empty');
  } catch (error) {
    throw asBackupFailure(error, 'storage-failed');
  }
}
