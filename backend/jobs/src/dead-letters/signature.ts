import { createHash } from 'node:crypto';
import type { KeptCause, KeptError } from '../runs/kept-error.ts';
import { messageShape } from './message-shape.ts';

const FRAMES = 3;

/**
 * What failures of one kind have in common: the job, the error's name and code, where in the code it was thrown, its
 * message without the parts that differ from case to case, and the same of its causes. Line numbers are left out, so that
 * a release does not make every failure new.
 *
 * @returns 16 hexadecimal digits
 * @example
 * signatureOf('render-cover', { name: 'Error', message: 'no cover for track 17' }) ===
 *   signatureOf('render-cover', { name: 'Error', message: 'no cover for track 18' }); // true
 */
export function signatureOf(jobId: string, error: KeptError): string {
  const causes = (error.causes ?? []).map((cause) => shapeOf(cause));
  const parts = [jobId, shapeOf(error), ...framesOf(error.stack), ...causes];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

function shapeOf({ name, code, message }: KeptCause): string {
  return [name, code ?? '', messageShape(message, name)].join(' ');
}

/** The innermost functions of our own code, `render (cover.ts)`; one that calls itself counts once. */
function framesOf(stack: string | undefined): string[] {
  const frames = (stack ?? '').split('\n').flatMap((line) => {
    const match = FRAME.exec(line);
    const file = match?.[2] ?? '';
    if (!match || file.startsWith('node:') || file.includes('/node_modules/')) return [];
    return [`${match[1] ?? ''} (${(file.split(/[\\/]/).at(-1) ?? '').replace(BUILD_HASH, '')})`];
  });
  return frames.filter((frame, i) => frame !== frames[i - 1]).slice(0, FRAMES);
}

/** `    at async render (file:///srv/app/cover.ts:12:34)` */
const FRAME = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?([^()\s]+?)(?::\d+){1,2}\)?$/;
/** What a bundler puts into names of files: `index-B7fz0a91.js`. */
const BUILD_HASH = /[.-](?=[\w]*\d)\w{8,}(?=\.\w+$)/;
