import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { defineJob, PermanentFailure } from '@clearway/jobs';
import { z } from 'zod';
import type { Database } from '../database.ts';
import type { UploadStore } from '../tracks/upload-store.ts';
import { wavDurationSeconds } from './wav-duration.ts';

const HEAD_BYTES = 64 * 1024;

/** What inspecting needs. */
export interface InspectDependencies {
  readonly database: Database;
  readonly uploads: UploadStore;
}

/** Reads an uploaded file once more: is it still what was sent, and how long does it play? */
export function inspectUpload({ database, uploads }: InspectDependencies) {
  return defineJob({
    id: 'inspect-upload',
    description: 'Checks that a stored file is what was uploaded, and notes how long it plays.',
    input: z.strictObject({ trackId: z.uuid(), fileName: z.string(), sha256: z.string(), sizeBytes: z.int() }),
    timeoutMs: 5 * 60_000,
    retries: 3,
    concurrency: 2,
    idempotencyKey: ({ fileName }) => fileName,
    async run({ trackId, fileName, sha256, sizeBytes }, { progress, signal, log, itemsProcessed }) {
      const track = await database.track.findUnique({ where: { id: trackId } });
      if (track?.fileName !== fileName) return { outcome: 'replaced meanwhile' };
      const file = join(uploads.directory, fileName);
      const seen = await readWhole(file, signal, (bytes) => progress(bytes, sizeBytes, 'reading'));
      if (seen.sha256 !== sha256) throw new PermanentFailure('the stored file is not what was uploaded');
      const durationSeconds = wavDurationSeconds(seen.head);
      if (durationSeconds !== undefined) {
        await database.track.updateMany({ where: { id: trackId, fileName }, data: { durationSeconds } });
      }
      itemsProcessed(seen.sizeBytes);
      log.info('inspected', { track_id: trackId, size_bytes: seen.sizeBytes });
      return { outcome: 'sound', ...(durationSeconds !== undefined && { durationSeconds }) };
    },
  });
}

async function readWhole(file: string, signal: AbortSignal, onBytes: (bytes: number) => void) {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
    if (sizeBytes < HEAD_BYTES) head.push(chunk);
    hash.update(chunk);
    sizeBytes += chunk.length;
    onBytes(sizeBytes);
  }
  return { sizeBytes, sha256: hash.digest('hex'), head: Buffer.concat(head).subarray(0, HEAD_BYTES) };
}
