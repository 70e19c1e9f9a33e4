import { text } from 'node:stream/consumers';
import { isBackupId } from '../../catalogue/id.ts';
import { BackupFailure } from '../../failures.ts';
import { MANIFEST_FILE, type BackupStorage, type BackupToStore, type StorageLocks } from '../storage.ts';
import { Bucket, type ListedKey } from './bucket.ts';
import { download, resuming } from './download.ts';
import type { S3StorageOptions } from './options.ts';
import { sha256Of } from './parts.ts';
import { storeFile } from './upload.ts';

const LOCKS_FOLDER = '.locks/';
const LOCK_SUFFIX = '.json';

/**
 * Keeps backups in a bucket of Amazon S3, or of a server that speaks its protocol: an object for each file, below the
 * backup's id. The manifest is stored last, and without it there is no backup.
 *
 * @example
 * s3Storage({ id: 'offsite', bucket: 'backups', prefix: 'clearway/', endpoint, accessKeyId, secretAccessKey })
 */
export function s3Storage(options: S3StorageOptions): BackupStorage {
  const bucket = new Bucket(options);
  const prefix = options.prefix ? `${options.prefix.replace(/\/+$/, '')}/` : '';
  const keyOf = (id: string, file: string): string => {
    if (!isBackupId(id)) throw new BackupFailure('not-found', `${id} is not the id of a backup`);
    return `${prefix}${id}/${file}`;
  };
  const byBackup = async (): Promise<Map<string, ListedKey[]>> => groupKeys(await bucket.list(prefix), prefix);
  const readText = async (key: string): Promise<string | undefined> => {
    const first = await bucket.get(key);
    return first && text(resuming(bucket, key, first));
  };
  return {
    id: options.id,
    location: bucket.location,
    async list() {
      const whole = [...(await byBackup())].filter(([id, keys]) =>
        keys.some(({ key }) => key === keyOf(id, MANIFEST_FILE)),
      );
      return whole.map(([id]) => id).sort();
    },
    readText: (id, file) => readText(keyOf(id, file)),
    sizeOf: async (id, file) => (await bucket.head(keyOf(id, file)))?.sizeBytes,
    open: (id, file) => download(bucket, keyOf(id, file)),
    store: (backup) => storeBackup(bucket, backup, keyOf, options.partSizeBytes),
    async replaceText(id, file, content) {
      const bytes = Buffer.from(content);
      await bucket.put(keyOf(id, file), bytes, { sha256: sha256Of(bytes) });
    },
    async remove(id) {
      // out of sight in one step, so that half a backup never looks like one
      await bucket.remove(keyOf(id, MANIFEST_FILE));
      for (const { key } of await bucket.list(keyOf(id, ''))) await bucket.remove(key);
    },
    async tidy(beforeMs) {
      const folders = await byBackup();
      const leftovers = [...folders]
        .filter(([id, keys]) => !keys.some(({ key }) => key === keyOf(id, MANIFEST_FILE)))
        .filter(([, keys]) => keys.every(({ modifiedMs }) => modifiedMs < beforeMs))
        .flatMap(([, keys]) => keys.map(({ key }) => key));
      for (const key of leftovers) await bucket.remove(key);
      const isOurs = ({ key }: { readonly key: string }): boolean => backupOf(key, prefix) !== undefined;
      const uploads = (await bucket.listUploads(prefix)).filter(
        (upload) => isOurs(upload) && upload.begunMs < beforeMs,
      );
      for (const { key, uploadId } of uploads) await bucket.abortUpload(key, uploadId);
      return [...leftovers, ...uploads.map(({ key }) => `upload of ${key}`)];
    },
    locks: locksIn(bucket, `${prefix}${LOCKS_FOLDER}`),
    freeBytes: () => Promise.resolve(undefined),
  };
}

/** Keys by the backup that they belong to; what belongs to none is not ours. */
function groupKeys(keys: readonly ListedKey[], prefix: string): Map<string, ListedKey[]> {
  const groups = new Map<string, ListedKey[]>();
  for (const listed of keys) {
    const id = backupOf(listed.key, prefix);
    if (id !== undefined) groups.set(id, [...(groups.get(id) ?? []), listed]);
  }
  return groups;
}

/** Id of the backup that a key belongs to. */
function backupOf(key: string, prefix: string): string | undefined {
  const [id = '', ...rest] = key.slice(prefix.length).split('/');
  return rest.length === 1 && isBackupId(id) ? id : undefined;
}

async function storeBackup(
  bucket: Bucket,
  { id, files, open, sizeOf, onProgress, signal }: BackupToStore,
  keyOf: (id: string, file: string) => string,
  partSizeBytes: number | undefined,
): Promise<void> {
  const sizes = await Promise.all(files.map(sizeOf));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let before = 0;
  for (const [i, file] of files.entries()) {
    const sizeBytes = sizes[i] ?? 0;
    const onBytes = (bytes: number): void =>
      onProgress?.({ phase: 'storing', done: before + bytes, total, unit: 'bytes' });
    signal?.throwIfAborted();
    const key = keyOf(id, file);
    await storeFile(bucket, { key, sizeBytes, open: () => open(file), partSizeBytes, onBytes, signal });
    before += sizeBytes;
  }
}

function locksIn(bucket: Bucket, folder: string): StorageLocks {
  const keyOf = (name: string): string => `${folder}${name}${LOCK_SUFFIX}`;
  return {
    create: (name, content) => bucket.put(keyOf(name), Buffer.from(content), { isNew: true }),
    async read(name) {
      const found = await bucket.get(keyOf(name));
      return found && { text: await text(found.body), version: found.version, writtenAtMs: found.modifiedMs };
    },
    async list(beginning) {
      const keys = await bucket.list(`${folder}${beginning}`);
      return keys.map(({ key }) => key.slice(folder.length, -LOCK_SUFFIX.length));
    },
    replace: (name, content, version) => bucket.put(keyOf(name), Buffer.from(content), { version }),
    async remove(name, version) {
      if ((await bucket.head(keyOf(name)))?.version === version) await bucket.remove(keyOf(name));
    },
    nowMs: () => bucket.nowMs(),
  };
}
