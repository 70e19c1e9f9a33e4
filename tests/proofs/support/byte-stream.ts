import { randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { crc32 } from 'node:zlib';

const PIECE = randomBytes(256 * 1024);

/** What went through: how many bytes, and which. */
export class Passed {
  bytes = 0;
  checksum = 0;

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.checksum = crc32(chunk, this.checksum);
  }
}

/** Bytes without end but for their number, made as fast as they are taken. */
export function bytesOf(size: number, passed: Passed): Readable {
  return new Readable({
    highWaterMark: PIECE.length,
    read() {
      const left = size - passed.bytes;
      if (left <= 0) return void this.push(null);
      const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left);
      passed.take(piece);
      this.push(piece);
    },
  });
}

/**
 * Takes bytes and keeps none.
 *
 * @param stallAt stops once when it has this many, for `stallMs`: whoever sends must stop too
 */
export function sink(passed: Passed, { stallAt, stallMs }: { stallAt: number; stallMs: number }): Writable {
  let isStalled = false;
  return new Writable({
    highWaterMark: PIECE.length,
    write(chunk: Buffer, _encoding, done) {
      passed.take(chunk);
      if (isStalled || passed.bytes < stallAt) return void done();
      isStalled = true;
      setTimeout(done, stallMs);
    },
  });
}
