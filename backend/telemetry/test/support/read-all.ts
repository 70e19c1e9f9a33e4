import type { Readable } from 'node:stream';

/** All that a stream has taken so far: on Node 26 one `read()` gives a single piece. */
export function readAll(stream: Readable): string {
  let text = '';
  const next = () => stream.read() as Buffer | null;
  for (let piece = next(); piece !== null; piece = next()) text += piece.toString();
  return text;
}
