import { loggedOperation, monitoredQuery, reportError, trackMetric } from '@clearway/telemetry';
import { Router, type Request, type Response } from 'express';
import type { Database } from '../database.ts';
import type { Track } from '../generated/client.ts';
import { notFound, Problem } from '../http/problem.ts';
import { idOf } from '../http/validation.ts';
import { trackView, withOwner } from './representation.ts';
import { UploadTooLarge, type StoredFile, type UploadStore } from './upload-store.ts';

const FILE_TYPE = /^(audio\/[\w.+-]{1,64}|application\/octet-stream)$/;

/** What the routes of a track's file need. */
export interface FileRoutesOptions {
  readonly database: Database;
  readonly uploads: UploadStore;
  readonly maxUploadBytes: number;
  /** Hears of each file that a track points to from now on. */
  readonly onStored?: ((track: Track, stored: StoredFile) => Promise<void>) | undefined;
}

/** `/v1/tracks/:id/file`: a track's file, streamed both ways. */
export function fileRoutes(options: FileRoutesOptions): Router {
  const { database, uploads } = options;
  const router = Router();

  router.put('/:id/file', async (request, response) => {
    const type = checkHeaders(request, options.maxUploadBytes);
    const track = await findTrack(database, request.params.id);
    const stored = await loggedOperation('upload file', () => receive(uploads, request), { track_id: track.id });
    const updated = await pointTo(options, track, stored, type);
    trackMetric('upload_size_bytes', stored.sizeBytes);
    await options.onStored?.(track, stored);
    response.json(updated);
  });

  router.get('/:id/file', async (request, response) => {
    const track = await findTrack(database, request.params.id);
    if (track.fileName === null) throw notFound('file');
    await sendFile(response, uploads.directory, track);
  });

  return router;
}

/** What can be refused before the body is read. Returns the file's type. */
function checkHeaders(request: Request, maxBytes: number): string {
  const type =
    (request.headers['content-type'] ?? 'application/octet-stream').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!FILE_TYPE.test(type)) {
    throw new Problem(
      415,
      'unsupported_type',
      "send the file with 'Content-Type: audio/…' or application/octet-stream",
    );
  }
  const length = request.headers['content-length'];
  if (length === '0') throw new Problem(400, 'request_invalid', 'the file is empty');
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  return type;
}

const tooLarge = (maxBytes: number): Problem =>
  new Problem(413, 'file_too_large', `the file is larger than ${maxBytes} bytes`);

async function findTrack(database: Database, id: unknown): Promise<Track> {
  const wanted = idOf(id, 'track');
  const track = await monitoredQuery('tracks.get', () => database.track.findUnique({ where: { id: wanted } }));
  if (!track) throw notFound('track');
  return track;
}

async function receive(uploads: UploadStore, request: Request): Promise<StoredFile> {
  try {
    const stored = await uploads.receive(request);
    if (stored.sizeBytes > 0) return stored;
    await uploads.remove(stored.name);
    throw new Problem(400, 'request_invalid', 'the file is empty');
  } catch (error) {
    if (error instanceof UploadTooLarge) {
      request.resume(); // the rest is let go, so that the sender comes to read the answer
      throw tooLarge(error.maxBytes);
    }
    // the client went away: nobody reads the answer, and it is no fault of this service
    if (!request.complete) throw new Problem(400, 'upload_interrupted', 'the upload broke off');
    throw error;
  }
}

/**
 * Lets the track point to the new file, then removes the old one; whoever loses a race removes its own. When the
 * database fails it is not known which file the track points to: then both stay.
 */
async function pointTo(options: FileRoutesOptions, track: Track, stored: StoredFile, type: string): Promise<object> {
  const { database, uploads } = options;
  const { name: fileName, sizeBytes, sha256: fileSha256 } = stored;
  const data = { fileName, fileSha256, fileSizeBytes: BigInt(sizeBytes), fileType: type };
  const { count } = await monitoredQuery('tracks.set_file', () =>
    database.track.updateMany({ where: { id: track.id, fileName: track.fileName }, data }),
  );
  if (count === 0) {
    await removeFile(uploads, fileName);
    throw new Problem(409, 'file_changed', "the track's file was replaced by another upload meanwhile");
  }
  if (track.fileName !== null) await removeFile(uploads, track.fileName);
  const updated = await monitoredQuery('tracks.get', () =>
    database.track.findUniqueOrThrow({ where: { id: track.id }, include: withOwner }),
  );
  return trackView(updated);
}

/** A file that nothing refers to costs only its space. */
async function removeFile(uploads: UploadStore, name: string): Promise<void> {
  try {
    await uploads.remove(name);
  } catch (error) {
    reportError('remove replaced file', error, { feature: 'uploads', file: name });
  }
}

interface SendError extends Error {
  readonly code?: string;
  readonly status?: number;
}

/** Streams a file, or the part of it that a Range header asks for. */
function sendFile(response: Response, root: string, track: Track): Promise<void> {
  const headers = {
    'Content-Type': track.fileType,
    'Content-Disposition': 'attachment',
    'Cache-Control': 'private, no-cache',
    ETag: `"${track.fileSha256}"`,
  };
  return new Promise((resolve, reject) => {
    response.sendFile(track.fileName ?? '', { root, headers, cacheControl: false }, (error?: SendError) => {
      if (!error || error.code === 'ECONNABORTED' || response.headersSent) return resolve();
      if (error.status === 412) return reject(new Problem(412, 'precondition_failed', 'the file is another one now'));
      if (error.status !== 416)
        return reject(new Error(`the file of track ${track.id} cannot be read`, { cause: error }));
      response.setHeader('Content-Range', `bytes */${track.fileSizeBytes}`);
      reject(new Problem(416, 'range_not_satisfiable', 'the file has no such part'));
    });
  });
}
