import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { decryptStream } from '../encryption/age.ts';
import { BackupFailure } from '../failures.ts';
import type { ManifestFile } from '../manifest/schema.ts';
import { counted } from '../sentences.ts';
import type { OpenArchive } from './items.ts';
import { decompress, openArchive } from './open-archive.ts';

/** A dump that is read from a storage and compared with its hash on the way. */
export interface OpenDump {
  readonly archive: OpenArchive;
  /**
   * To be called when the archive was read: reads what is left of the file.
   *
   * @throws BackupFailure `damaged` when the file is not what was stored
   */
  finish(): Promise<void>;
  /** Gives up reading. */
  close(): void;
}

/** How a backup is opened. */
export interface OpenDumpOptions {
  readonly identities?: readonly string[] | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** The file of a backup that holds a role. */
export function fileOf({ manifest, id }: StoredBackup, role: ManifestFile['role']): ManifestFile {
  const file = manifest.files.find((candidate) => candidate.role === role);
  if (!file) throw new BackupFailure('damaged', `the manifest of ${id} names no ${role}`);
  return file;
}

/**
 * Opens the dump of a backup where it lies: decrypted, unpacked, and hashed while it is read.
 *
 * @throws BackupFailure `damaged`, `key-missing`, `key-wrong`, `unsupported`
 */
export async function openDump(backup: StoredBackup, options: OpenDumpOptions = {}): Promise<OpenDump> {
  const file = fileOf(backup, 'dump');
  const { manifest } = backup;
  if (manifest.encryption && !options.identities?.length) {
    throw new BackupFailure('key-missing', `${backup.id} is encrypted and no identity was given`, {
      remedy: 'name the file that holds the identity: --identity FILE',
    });
  }
  const stored = await backup.storage.open(backup.id, file.name);
  const hashed = stored.pipe(hashing(file, options.onBytes));
  stored.once('error', (error) => hashed.destroy(error));
  try {
    const plain = manifest.encryption ? await decryptStream(hashed, options.identities ?? []) : hashed;
    const archive = await openArchive(asDamage(decompress(plain, manifest.dump.compression)));
    return { archive, finish: () => drain(hashed), close: () => stored.destroy() };
  } catch (error) {
    stored.destroy();
    throw error;
  }
}

/**
 * Looks whether the identities open a backup: at its first bytes, which name the recipients.
 *
 * @throws BackupFailure `key-missing`, `key-wrong`, or `damaged`
 */
export async function keyOpens(backup: StoredBackup, identities: readonly string[]): Promise<void> {
  if (!backup.manifest.encryption) return;
  const stored = await backup.storage.open(backup.id, fileOf(backup, 'dump').name);
  try {
    (await decryptStream(stored, identities)).destroy();
  } finally {
    stored.destroy();
  }
}

/**
 * Compares a stored file with its size and hash.
 *
 * @throws BackupFailure `damaged`
 */
export async function checkHash(
  backup: StoredBackup,
  file: ManifestFile,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  const stored = await backup.storage.open(backup.id, file.name);
  const hashed = stored.pipe(hashing(file, onBytes));
  stored.once('error', (error) => hashed.destroy(error));
  await drain(hashed);
}

/** Reads what nobody has read, and waits for the verdict on the whole. */
async function drain(stream: Readable): Promise<void> {
  if (stream.errored) throw stream.errored;
  if (stream.readableEnded) return;
  stream.unpipe();
  stream.resume();
  await finished(stream);
}

/** Lets bytes through, and fails at the end when they are not those that were stored. */
function hashing({ name, sizeBytes, sha256 }: ManifestFile, onBytes: (bytes: number) => void = () => {}): Transform {
  const hash = createHash('sha256');
  let size = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      onBytes(size);
      done(null, piece);
    },
    flush(done) {
      if (size !== sizeBytes)
        return done(new BackupFailure('damaged', `${name} has ${counted(size, 'byte')}, and ${sizeBytes} were stored`));
      if (hash.digest('hex') === sha256) return done();
      done(new BackupFailure('damaged', `${name} is not what was stored: its hash differs`));
    },
  });
}

/** What fails while a dump is read, and is not a failure of the storage, is damage. */
async function* asDamage(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* source;
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    const { message } = error as Error;
    throw new BackupFailure('damaged', `the dump cannot be read: ${message}`, { cause: error });
  }
}
