import type { Readable } from 'node:stream';

/** All that a stream has taken so far: on Node 26 one `read()` gives a single piece. */
export function readAll(stream: Readable): string {
  let text = '';
  for (let piece: unknown = stream.read(); piece !== null; piece = stream.read()) text += String(piece);
  return text;
}
