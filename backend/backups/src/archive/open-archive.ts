import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BackupFailure } from '../failures.ts';
import { ByteReader } from './byte-reader.ts';
import { openCustomArchive } from './custom-archive.ts';
import { isCustomArchive } from './custom-toc.ts';
import type { OpenArchive } from './items.ts';
import { openPlainArchive } from './plain-archive.ts';

const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;
const isZstd = (start: Buffer): boolean => start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528;
const isTar = (start: Buffer): boolean => start.subarray(257, 262).toString('latin1') === 'ustar';

/**
 * Opens a dump, whatever its form: by its first bytes, not by its name.
 *
 * @param source the dump, decrypted
 * @throws BackupFailure `damaged` when it is empty or garbled, `unsupported` when it is of another kind
 */
export async function openArchive(source: AsyncIterable<Uint8Array>): Promise<OpenArchive> {
  const reader = new ByteReader(source);
  await reader.fill(512);
  const start = reader.buffered;
  if (start.length === 0) throw new BackupFailure('damaged', 'the dump is empty');
  if (isCustomArchive(start)) return openCustomArchive(reader);
  if (isTar(start))
    throw new BackupFailure('unsupported', 'dumps in tar format are not understood', {
      remedy: 'restore it with pg_restore, or dump with --format=custom',
    });
  return openPlainArchive(reader);
}

/** How a file is compressed, by its first bytes. */
export function compressionOf(start: Buffer): 'zstd' | 'gzip' | 'none' {
  if (isZstd(start)) return 'zstd';
  return isGzip(start) ? 'gzip' : 'none';
}

/** Unpacks a compressed file. A file that ends too early fails the stream. */
export function decompress(source: Readable, compression: 'zstd' | 'gzip' | 'none'): Readable {
  if (compression === 'none') return source;
  const unpacked = compression === 'zstd' ? createZstdDecompress() : createGunzip();
  // the error reaches whoever reads what was unpacked
  pipeline(source, unpacked, () => {});
  return unpacked;
}
