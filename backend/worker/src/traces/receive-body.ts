import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DeliveryTooLargeError } from './otlp/bounds.ts';

/** Most bytes that a delivery may have on the wire. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Most bytes that it may have once it is decompressed. */
export const MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024;

/** A body that is not what its headers say. */
export class MalformedBodyError extends Error {}

const decompress = promisify(gunzip);

/**
 * The body of a request, decompressed.
 *
 * @throws DeliveryTooLargeError, MalformedBodyError when it cannot be decompressed
 */
export async function receiveBody(request: IncomingMessage): Promise<Buffer> {
  const body = await readBody(request);
  if ((request.headers['content-encoding'] ?? 'identity') === 'identity') return body;
  try {
    return await decompress(body, { maxOutputLength: MAX_DECOMPRESSED_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') {
      throw new MalformedBodyError('the body is not gzip', { cause: error });
    }
    throw new DeliveryTooLargeError(`more than ${MAX_DECOMPRESSED_BYTES} bytes when decompressed`);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = new DeliveryTooLargeError(`more than ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
