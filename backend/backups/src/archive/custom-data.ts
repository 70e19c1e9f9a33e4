import { createInflate, createZstdDecompress } from 'node:zlib';
import { Readable, type Transform } from 'node:stream';
import { BackupFailure } from '../failures.ts';
import { truncated, type ByteReader } from './byte-reader.ts';
import type { CustomHeader } from './custom-toc.ts';

const PIECE_BYTES = 256 * 1024;
const LONGEST_CHUNK = 1024 * 1024 * 1024;

/**
 * The data of one block as it was written, gathered into larger pieces: without compression each row is a chunk of its
 * own.
 */
async function* chunks(reader: ByteReader, intSize: number): AsyncGenerator<Buffer, void, undefined> {
  const head = 1 + intSize;
  for (let done = false; !done;) {
    if (!(await reader.fill(head))) throw truncated(reader.position);
    let gathered: Buffer[] = [];
    let size = 0;
    // all whole chunks that are at hand
    for (let bytes = reader.buffered; bytes.length >= head; bytes = reader.buffered) {
      const length = chunkLength(bytes, intSize);
      if (length === 0) {
        reader.skip(head);
        done = true;
        break;
      }
      if (bytes.length < head + length) {
        if (size === 0) await needed(reader, head + length);
        else break;
      }
      reader.skip(head);
      gathered.push(reader.take(length));
      size += length;
      if (size >= PIECE_BYTES) {
        yield Buffer.concat(gathered, size);
        gathered = [];
        size = 0;
      }
    }
    if (size > 0) yield Buffer.concat(gathered, size);
  }
}

function chunkLength(bytes: Buffer, intSize: number): number {
  const length = bytes.readUIntLE(1, Math.min(intSize, 6));
  if (bytes[0] !== 0 || length > LONGEST_CHUNK) throw new BackupFailure('damaged', 'the data of the dump is garbled');
  return length;
}

async function needed(reader: ByteReader, count: number): Promise<void> {
  if (!(await reader.fill(count))) throw truncated(reader.position + reader.buffered.length);
}

/** The data of one block, unpacked. It must be read to its end before anything else is read. */
export function blockData(reader: ByteReader, header: CustomHeader): AsyncIterable<Buffer> {
  const raw = chunks(reader, header.intSize);
  if (header.compression === 'none') return raw;
  return unpack(raw, unpacker(header.compression));
}

function unpacker(compression: CustomHeader['compression']): Transform {
  if (compression === 'gzip') return createInflate();
  if (compression === 'zstd') return createZstdDecompress();
  throw new BackupFailure('unsupported', `dumps that are compressed with ${compression} are not understood`, {
    remedy: 'restore it with pg_restore',
  });
}

async function* unpack(raw: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<Buffer, void, undefined> {
  const source = Readable.from(raw, { objectMode: false });
  source.once('error', (error) => transform.destroy(error));
  try {
    for await (const piece of source.pipe(transform)) yield piece as Buffer;
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    throw new BackupFailure('damaged', `compressed data of the dump cannot be unpacked: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
