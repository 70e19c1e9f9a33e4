import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

const MEBIBYTE = 2 ** 20;
/** What an upload in parts may consist of at most, for all of the storages. */
const MOST_PARTS = 10_000;
const PART_BYTES = 8 * MEBIBYTE;
/** All parts that are in memory at a time. */
const MEMORY_BYTES = 24 * MEBIBYTE;

/** How a file is cut. */
export interface Cut {
  readonly partBytes: number;
  /** Parts that are in memory at a time, with the one that is read. */
  readonly slots: number;
}

/** Cuts a file so that the number of parts is allowed and memory stays small: the same file always the same way. */
export function cutOf(sizeBytes: number, wantedBytes = PART_BYTES): Cut {
  const least = Math.ceil(sizeBytes / MOST_PARTS / MEBIBYTE) * MEBIBYTE;
  const partBytes = Math.max(wantedBytes, least);
  return { partBytes, slots: Math.max(2, Math.floor(MEMORY_BYTES / partBytes)) };
}

/** SHA-256 in the form that the storage speaks. */
export const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('base64');

/** The checksum of an object that was stored in parts. */
export function compositeSha256(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(Buffer.from(part, 'base64'));
  return `${hash.digest('base64')}-${parts.length}`;
}

/** Cuts a stream into pieces of one size; each is lent: what it lies in is filled again when it is given back. */
export async function* cutStream(
  stream: Readable,
  partBytes: number,
  lend: () => Promise<Buffer>,
): AsyncGenerator<Buffer> {
  let part: Buffer | undefined;
  let filled = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      part ??= await lend();
      const taken = chunk.copy(part, filled, at, at + partBytes - filled);
      at += taken;
      filled += taken;
      if (filled < partBytes) continue;
      yield part;
      part = undefined;
      filled = 0;
    }
  }
  if (part) yield part.subarray(0, filled);
}
