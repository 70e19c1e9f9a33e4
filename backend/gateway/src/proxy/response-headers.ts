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
 * fields of the connection.
 *
 * @param raw names and values in turn, as they came
 * @param isTimingShown whether the caller may know how long each part took
 */
export function clientHeaders(
  raw: readonly (Buffer | string)[],
  record: RequestRecord,
  isTimingShown: boolean,
): string[] {
  const fields = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  let connection: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerName(fields[i] as string) !== 'connection') continue;
    connection = connection === undefined ? fields[i + 1] : `${connection},${fields[i + 1]}`;
  }
  const nominated = nominatedByConnection(connection);
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = lowerName(fields[i] as string);
    if (!REPLACED.has(name) && !isHopByHop(name, nominated)) out.push(fields[i] as string, fields[i + 1] as string);
  }
  out.push(...ownHeaders(record, isTimingShown));
  return out;
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
