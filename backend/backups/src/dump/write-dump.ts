import { createHash } from 'node:crypto';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { encryptStream } from '../encryption/age.ts';
import { asBackupFailure } from '../failures.ts';
import { syncFile } from '../files/durable.ts';
import type { ManifestFile } from '../manifest/schema.ts';
import type { Compression } from './dumper.ts';
import { startZstd, ZSTD_LEVEL, type ZstdOptions } from './zstd-program.ts';

/** How a file of a backup is written. */
export interface WriteOptions {
  readonly folder: string;
  readonly role: ManifestFile['role'];
  /** Name without what compression and encryption add. */
  readonly name: string;
  readonly compression: Compression | 'none';
  readonly recipients: readonly string[];
  /** An installed zstd: it compresses what comes from another program. */
  readonly zstd?: Pick<ZstdOptions, 'program' | 'variables'> | undefined;
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A file that was written and is on the disk. */
export interface WrittenFile {
  readonly file: ManifestFile;
  /** Before compression and encryption; null when another program compressed it. */
  readonly plainSizeBytes: number | null;
}

const SUFFIX = { zstd: '.zst', gzip: '.gz', none: '' } as const;

/**
 * Writes a stream into a new file: compressed, encrypted, hashed, and synced to the disk.
 *
 * @throws BackupFailure `storage-failed` when the disk is full or refuses; whatever the source fails with
 */
export async function writeBackupFile(source: Readable, options: WriteOptions): Promise<WrittenFile> {
  const { role, compression, recipients } = options;
  const name = `${options.name}${SUFFIX[compression]}${recipients.length > 0 ? '.age' : ''}`;
  const target = path.join(options.folder, name);
  try {
    const { stored, plainSizeBytes } = await writeAndHash(source, target, options);
    return { file: { role, name, sizeBytes: stored.size(), sha256: stored.sha256() }, plainSizeBytes };
  } catch (error) {
    source.destroy();
    throw asBackupFailure(error, 'storage-failed');
  }
}

/** Makes an empty file that this account alone can read, and returns its path. */
export async function makeFile(folder: string, name: string): Promise<string> {
  const file = path.join(folder, name);
  await (await open(file, 'wx', 0o600)).close();
  return file;
}

/**
 * Takes a file over that another program writes, once that has ended: hashed, and synced to the disk.
 *
 * @param ended Resolves when the program has ended well
 * @throws BackupFailure as for a file that is written here; whatever `ended` rejects with
 */
export async function takeWrittenFile(
  { folder, role, name, onBytes, signal }: Pick<WriteOptions, 'folder' | 'role' | 'name' | 'onBytes' | 'signal'>,
  ended: Promise<void>,
): Promise<WrittenFile> {
  const target = path.join(folder, name);
  const growth = setInterval(
    () =>
      void stat(target).then(
        ({ size }) => onBytes(size),
        () => {},
      ),
    GROWTH_MS,
  );
  await ended.finally(() => clearInterval(growth));
  try {
    const stored = hashing();
    await hashWritten(target, stored.add, signal);
    return { file: { role, name, sizeBytes: stored.size(), sha256: stored.sha256() }, plainSizeBytes: null };
  } catch (error) {
    throw asBackupFailure(error, 'storage-failed');
  }
}

/** Into one buffer again and again: a stream makes one for each piece, and takes twice as long. */
async function hashWritten(target: string, add: (piece: Buffer) => void, signal?: AbortSignal): Promise<void> {
  const file = await open(target, 'r+');
  try {
    const synced = file.sync();
    synced.catch(() => {}); // it may fail before it is waited for
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES);
      if (bytesRead === 0) break;
      add(buffer.subarray(0, bytesRead));
    }
    await synced;
  } finally {
    await file.close();
  }
}

async function writeAndHash(source: Readable, target: string, options: WriteOptions) {
  const { compression, recipients, zstd, onBytes, signal } = options;
  const stored = hashing();
  if (!zstd || compression !== 'zstd' || !(source instanceof Socket)) {
    const plain = counting(onBytes);
    const compressor = compression === 'none' ? [] : [compressorOf(compression)];
    await writeStream([source, plain.stream, ...compressor], stored.stream, target, options);
    return { stored, plainSizeBytes: plain.size() };
  }
  // started before anything of the source is read here
  const how = { ...zstd, input: source, onBytes, signal };
  if (recipients.length > 0) {
    const { output, ended } = startZstd(how);
    await Promise.all([writeStream([output], stored.stream, target, options), ended]);
  } else {
    const file = openSync(target, 'wx', 0o600);
    const { ended } = startZstd({ ...how, file });
    await ended.finally(() => closeSync(file));
    await hashWritten(target, stored.add, signal);
  }
  return { stored, plainSizeBytes: null };
}

async function writeStream(
  chain: readonly (Readable | Transform)[],
  stored: Transform,
  target: string,
  { recipients, signal }: WriteOptions,
): Promise<void> {
  const file = createWriteStream(target, { flags: 'wx', mode: 0o600, highWaterMark: PIECE_BYTES });
  const abort = signal ? { signal } : {};
  if (recipients.length === 0) await pipeline([...chain, stored, file], abort);
  else {
    const clear = new PassThrough();
    const encrypting = encryptStream(clear, recipients).then((secret) => pipeline(secret, stored, file, abort));
    encrypting.catch((error: Error) => clear.destroy(error));
    await Promise.all([encrypting, pipeline([...chain, clear], abort)]);
  }
  await syncFile(target);
}

const PIECE_BYTES = 1024 * 1024;
const GROWTH_MS = 500;

function compressorOf(compression: Compression): Transform {
  if (compression === 'gzip') return createGzip({ level: 6, chunkSize: 256 * 1024 });
  return createZstdCompress({
    chunkSize: 256 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/** Lets bytes through and knows their number. */
function counting(onBytes: (bytes: number) => void): { stream: Transform; size: () => number } {
  let size = 0;
  const stream = new Transform({
    transform(piece: Buffer, _encoding, done) {
      size += piece.length;
      onBytes(size);
      done(null, piece);
    },
  });
  return { stream, size: () => size };
}

/** Lets bytes through and knows their number and hash. */
function hashing() {
  const hash = createHash('sha256');
  let size = 0;
  const add = (piece: Buffer): void => {
    hash.update(piece);
    size += piece.length;
  };
  const stream = new Transform({
    transform(piece: Buffer, _encoding, done) {
      add(piece);
      done(null, piece);
    },
  });
  return { add, stream, size: () => size, sha256: () => hash.digest('hex') };
}
