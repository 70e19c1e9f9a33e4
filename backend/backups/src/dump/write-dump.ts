import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { encryptStream } from '../encryption/age.ts';
import { asBackupFailure } from '../failures.ts';
import { syncFile } from '../files/durable.ts';
import type { ManifestFile } from '../manifest/schema.ts';
import type { Compression } from './dumper.ts';

/** How a file of a backup is written. */
export interface WriteOptions {
  readonly folder: string;
  readonly role: ManifestFile['role'];
  /** Name without what compression and encryption add. */
  readonly name: string;
  readonly compression: Compression | 'none';
  /** Whether the source is compressed that way already. */
  readonly isCompressed?: boolean | undefined;
  readonly recipients: readonly string[];
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A file that was written and is on the disk. */
export interface WrittenFile {
  readonly file: ManifestFile;
  /** Before compression and encryption; null when it was compressed elsewhere. */
  readonly plainSizeBytes: number | null;
}

/** What zstd calls its default; higher ones take far more time for a few percent. */
export const ZSTD_LEVEL = 3;

const SUFFIX = { zstd: '.zst', gzip: '.gz', none: '' } as const;

/**
 * Writes a stream into a new file: compressed, encrypted, hashed, and synced to the disk.
 *
 * @throws BackupFailure `storage-failed` when the disk is full or refuses; whatever the source fails with
 */
export async function writeBackupFile(source: Readable, options: WriteOptions): Promise<WrittenFile> {
  const { folder, role, compression, isCompressed, recipients, signal } = options;
  const name = `${options.name}${SUFFIX[compression]}${recipients.length > 0 ? '.age' : ''}`;
  const target = path.join(folder, name);
  const plain = counting(options.onBytes);
  const stored = hashing();
  const compressor = compression === 'none' || isCompressed ? [] : [compressorOf(compression)];
  const file = createWriteStream(target, { flags: 'wx', mode: 0o600, highWaterMark: 1024 * 1024 });
  const abort = signal ? { signal } : {};
  const chain = [source, plain.stream, ...compressor];
  try {
    if (recipients.length === 0) await pipeline([...chain, stored.stream, file], abort);
    else {
      const clear = new PassThrough();
      const encrypting = encryptStream(clear, recipients).then((secret) =>
        pipeline(secret, stored.stream, file, abort),
      );
      encrypting.catch((error: Error) => clear.destroy(error));
      await Promise.all([encrypting, pipeline([...chain, clear], abort)]);
    }
  } catch (error) {
    source.destroy();
    file.destroy();
    throw asBackupFailure(error, 'storage-failed');
  }
  await syncFile(target);
  return {
    file: { role, name, sizeBytes: stored.size(), sha256: stored.sha256() },
    plainSizeBytes: isCompressed ? null : plain.size(),
  };
}

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
function hashing(): { stream: Transform; size: () => number; sha256: () => string } {
  const hash = createHash('sha256');
  let size = 0;
  const stream = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  return { stream, size: () => size, sha256: () => hash.digest('hex') };
}
