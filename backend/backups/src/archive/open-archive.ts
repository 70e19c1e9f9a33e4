import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BackupFailure } from '../failures.ts';
import { ByteReader } from './byte-reader.ts';
import { openCustomArchive } from './custom-archive.ts';
import { isCustomArchive } from './custom-toc.ts';
import type { OpenArchive } from './items.ts';
import { forOneDatabase } from './one-database.ts';
import { openPlainArchive } from './plain-archive.ts';
import { assertReadable } from './unsupported-files.ts';

const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;
const isZstd = (start: Buffer): boolean => start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528;

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
  assertReadable(start);
  const archive = isCustomArchive(start) ? await openCustomArchive(reader) : await openPlainArchive(reader);
  return { ...archive, items: forOneDatabase(archive.items) };
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
