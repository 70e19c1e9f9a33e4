import type { RequestRecord } from '@clearway/telemetry';
import type { Exchange } from '../pipeline/exchange.ts';
import { lowerName } from './hop-by-hop.ts';
import { fieldOf } from './response-headers.ts';

/**
 * Fields that must not come after a body: what frames or routes a message, authenticates somebody, or says how the content
 * is to be read was needed before it (RFC 9110, 6.5.1), and the gateway's own are not an upstream's to write.
 */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...[
    'transfer-encoding',
    'content-length',
    'trailer',
    'te',
    'connection',
    'keep-alive',
    'upgrade',
    'proxy-connection',
  ],
  ...[
    'host',
    'via',
    'max-forwards',
    'forwarded',
    'location',
    'expect',
    'range',
    'date',
    'age',
    'expires',
    'vary',
    'warning',
  ],
  ...['cache-control', 'pragma', 'content-encoding', 'content-type', 'content-range', 'retry-after'],
  ...['authorization', 'proxy-authorization', 'www-authenticate', 'proxy-authenticate', 'cookie', 'set-cookie'],
  ...['authentication-info', 'proxy-authentication-info'],
  ...['x-request-id', 'trace-id', 'clearway-reason', 'server-timing'],
]);
const FORBIDDEN_PREFIX = /^(?:access-control-|x-forwarded-|sec-)/;

/** Whether the client takes fields after the body: only then are they passed on (RFC 9110, 6.5.1 and 10.1.4). */
export function takesTrailers({ req }: Exchange): boolean {
  const { te } = req.headers;
  if (te === undefined || req.httpVersion !== '1.1') return false;
  return String(te)
    .split(',')
    .some((coding) => coding.trim().toLowerCase() === 'trailers');
}

/**
 * The fields that are to follow an answer's body, announced to the client too; undefined when there are none, or no body
 * in chunks that they could follow.
 *
 * @param headers for the client; `Trailer` is added to them
 * @param fields names and values in turn, as the upstream sent them
 */
export function announceTrailers(
  { method, status }: RequestRecord,
  headers: string[],
  fields: readonly string[],
): string[] | undefined {
  const hasChunks = fieldOf(fields, 'content-length') === undefined && ![204, 205, 304].includes(status);
  const names = hasChunks && method !== 'HEAD' ? announcedTrailers(fields) : [];
  if (names.length === 0) return undefined;
  headers.push('Trailer', names.join(', '));
  return names;
}

/**
 * The names that an answer's `Trailer` announces and that may come after its body, as they were written.
 *
 * @param fields names and values in turn
 */
function announcedTrailers(fields: readonly string[]): string[] {
  const names: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerName(fields[i] as string) !== 'trailer') continue;
    names.push(...(fields[i + 1] as string).split(',').map((name) => name.trim()));
  }
  return names.filter((name) => name !== '' && isSafe(name.toLowerCase()));
}

function isSafe(name: string): boolean {
  return !FORBIDDEN.has(name) && !FORBIDDEN_PREFIX.test(name);
}

/**
 * The fields that came after an answer's body and were announced.
 *
 * @param fields names and values in turn
 */
export function safeTrailers(fields: readonly string[], announced: readonly string[]): [string, string][] {
  const names = new Set(announced.map((name) => name.toLowerCase()));
  const trailers: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (names.has((fields[i] as string).toLowerCase())) trailers.push([fields[i] as string, fields[i + 1] as string]);
  }
  return trailers;
}
