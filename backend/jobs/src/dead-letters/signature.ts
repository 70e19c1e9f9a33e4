import { createHash } from 'node:crypto';
import type { KeptError } from '../runs/run-records.ts';

const FRAMES = 3;

/**
 * What failures of one kind have in common: the job, the error's name, where in the code it was thrown, and its message
 * without the parts that differ from case to case. Line numbers are left out, so that a release does not make every
 * failure new.
 *
 * @returns 16 hexadecimal digits
 * @example
 * signatureOf('render-cover', { name: 'Error', message: 'no cover for track 17' }) ===
 *   signatureOf('render-cover', { name: 'Error', message: 'no cover for track 18' }); // true
 */
export function signatureOf(jobId: string, error: KeptError): string {
  const parts = [jobId, error.name, messageShape(error.message), ...framesOf(error.stack)];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

/** A message with its variable parts replaced: ids, numbers, addresses, paths and quoted texts. */
export function messageShape(message: string): string {
  return message
    .slice(0, 500)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>')
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?/g, '<time>')
    .replaceAll(/(["'`])(?:(?!\1).)*\1/g, '<text>')
    .replaceAll(/\bhttps?:\/\/\S+/gi, '<url>')
    .replaceAll(/\b[\w.+-]+@[\w-]+\.[\w.]+/g, '<address>')
    .replaceAll(/(?:\/[\w.@-]+){2,}/g, '<path>')
    .replaceAll(/\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b/gi, '<hex>')
    .replaceAll(/\d+(?:\.\d+)?/g, '<n>');
}

/** The innermost functions of our own code: `render (cover.ts)`. */
function framesOf(stack: string | undefined): string[] {
  const frames = (stack ?? '').split('\n').flatMap((line) => {
    const match = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?([^()\s]+?)(?::\d+){1,2}\)?$/.exec(line);
    const file = match?.[2] ?? '';
    if (!match || file.startsWith('node:') || file.includes('/node_modules/')) return [];
    return [`${match[1] ?? ''} (${file.split(/[\\/]/).at(-1)})`];
  });
  return frames.slice(0, FRAMES);
}
