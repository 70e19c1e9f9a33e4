import { Failure } from '@clearway/kernel';
import type { RequestRecord } from '@clearway/telemetry';
import { isHopByHop, lowerName, nominatedByConnection } from './hop-by-hop.ts';
import { serverTiming } from './server-timing.ts';

/** Written by the gateway itself. */
const REPLACED: ReadonlySet<string> = new Set(['x-request-id', 'trace-id', 'clearway-reason']);

/**
 * The gateway's own fields: on every answer, proxied or made here.
 *
 * @param isTimingShown whether the caller may know how long each part took
 */
export function ownHeaders(record: RequestRecord, isTimingShown: boolean): string[] {
  const own = ['X-Request-Id', record.requestId, 'Trace-Id', record.traceId];
  if (record.reason !== undefined) own.push('Clearway-Reason', record.reason);
  if (isTimingShown) own.push('Server-Timing', serverTiming(record));
  return own;
}

/**
 * The header fields for the client, as a flat list: order, case and repetition as the upstream sent them, without
 * fields of the connection, with the gateway's own.
 *
 * @param fields names and values in turn, as they came
 * @param isTimingShown whether the caller may know how long each part took
 */
export function clientHeaders(fields: readonly string[], record: RequestRecord, isTimingShown: boolean): string[] {
  const out = endToEnd(fields);
  if (record.status === NO_CONTENT || record.status === RESET_CONTENT)
    return withoutContent(out, record, isTimingShown);
  out.push(...ownHeaders(record, isTimingShown));
  return out;
}

const NO_CONTENT = 204;
const RESET_CONTENT = 205;

/** RFC 9110, 8.6 and 15.3.6: neither has content; the length of none is not written for one and is 0 for the other. */
function withoutContent(fields: readonly string[], record: RequestRecord, isTimingShown: boolean): string[] {
  const out = withoutLength(fields);
  if (record.status === RESET_CONTENT) out.push('Content-Length', '0');
  out.push(...ownHeaders(record, isTimingShown));
  return out;
}

/** The fields of an answer that must not have a length (RFC 9110, 8.6: 204 and 1xx). */
export function withoutLength(fields: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerName(fields[i] as string) !== 'content-length') out.push(fields[i] as string, fields[i + 1] as string);
  }
  return out;
}

/** Whether content that an upstream sends with this status is dropped. */
export function isContentDropped(status: number): boolean {
  return status === RESET_CONTENT;
}

/** Fields as undici gives them, as text. */
export function textOf(raw: readonly (Buffer | string)[]): string[] {
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}

/**
 * The fields that are not of one connection (RFC 9110, 7.6.1) nor the gateway's own to write.
 *
 * @throws Failure `upstream_protocol` when the body comes in a coding that is not known
 */
export function endToEnd(fields: readonly string[]): string[] {
  let connection: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerName(fields[i] as string) !== 'connection') continue;
    connection = connection === undefined ? fields[i + 1] : `${connection},${fields[i + 1]}`;
  }
  const nominated = nominatedByConnection(connection);
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = lowerName(fields[i] as string);
    if (name === 'transfer-encoding') checkTransferCoding(fields[i + 1] as string);
    if (!REPLACED.has(name) && !isHopByHop(name, nominated)) out.push(fields[i] as string, fields[i + 1] as string);
  }
  return out;
}

/** RFC 9112, 6.1: any other coding would have to be undone, and nobody asked for one; passed on untold it spoils the body. */
function checkTransferCoding(coding: string): void {
  if (coding.toLowerCase() === 'chunked') return;
  throw new Failure('upstream_protocol', {
    message: `the transfer coding ${JSON.stringify(coding)} is not known here`,
  });
}

/** The value of a field, or undefined; of the first when there are several. */
export function fieldOf(fields: readonly string[], wanted: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (lowerName(fields[i] as string) === wanted) return fields[i + 1];
  return undefined;
}

/** Whether the answer is a stream of server-sent events, by its fields for the client. */
export function isEventStream(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.length === 12 && headers[i]?.toLowerCase() === 'content-type') {
      return headers[i + 1]?.startsWith('text/event-stream') ?? false;
    }
  }
  return false;
}
