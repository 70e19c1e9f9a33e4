import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupFailure } from '../../failures.ts';
import type { Bucket, OpenObject } from './bucket.ts';
import { s3Failure } from './s3-failure.ts';

const FIRST_PAUSE_MS = 200;

/**
 * Reads an object. A transfer that is cut or stands still is continued where it was, as long as the object is the same.
 *
 * @throws BackupFailure `damaged` when there is no such key
 */
export async function download(bucket: Bucket, key: string): Promise<Readable> {
  const first = await bucket.get(key);
  if (!first) throw new BackupFailure('damaged', `${bucket.location} has no ${key}: it is missing`);
  return resuming(bucket, key, first);
}

/** The whole of an object whose beginning is there. */
export function resuming(bucket: Bucket, key: string, first: OpenObject): Readable {
  const reading = { body: first.body };
  const stream = Readable.from(pieces(bucket, key, first, reading), { objectMode: false, highWaterMark: 256 * 1024 });
  return stream.once('close', () => reading.body.destroy());
}

async function* pieces(
  bucket: Bucket,
  key: string,
  { sizeBytes, version, body }: OpenObject,
  reading: { body: Readable },
): AsyncGenerator<Buffer> {
  let offset = 0;
  for (let failures = 0; offset < sizeBytes;) {
    try {
      for await (const piece of untilIdle(body, bucket.idleTimeoutMs)) {
        offset += piece.length;
        failures = 0;
        yield piece;
      }
      if (offset < sizeBytes) throw new Error(`the transfer ended after ${offset} of ${sizeBytes} bytes`);
    } catch (error) {
      if (++failures >= bucket.attempts) throw s3Failure(error, bucket.location, `read ${key}`);
      await sleep(FIRST_PAUSE_MS * 2 ** (failures - 1));
      const next = await bucket.get(key, { offset, version });
      if (!next) throw new BackupFailure('damaged', `${key} went away from ${bucket.location} while it was read`);
      body = reading.body = next.body;
    }
  }
}

/** Reads a stream, and fails when nothing comes for too long. */
async function* untilIdle(body: Readable, idleMs: number): AsyncGenerator<Buffer> {
  const timer = setTimeout(() => body.destroy(new Error(`nothing came for ${idleMs / 1000} s`)), idleMs);
  try {
    for await (const piece of body) {
      timer.refresh();
      yield piece as Buffer;
      // whoever reads may take its time
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}
