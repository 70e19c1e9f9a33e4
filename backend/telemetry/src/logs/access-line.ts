import type { RequestRecord } from '../record/request-record.ts';
import { scrub, scrubPath } from '../redaction/scrub.ts';
import type { LogLine } from './format.ts';
import { isoTime } from './iso-time.ts';
import { renderJson } from './render.ts';

/** What the line says beside its fields. */
export const ACCESS_MESSAGE = 'request';

/** The levels that a request's line may have. */
export type AccessLevel = 'error' | 'warn' | 'info';

/** Error is for what a person must look at: the caller was given a server error that we or an upstream caused. */
export function accessLevelOf(record: RequestRecord): AccessLevel {
  if (record.isFault() && record.status >= 500) return 'error';
  return record.reason === undefined ? 'info' : 'warn';
}

/**
 * The line as fields, in their order.
 *
 * @param phase whether a failed request's says how far it came
 * @param service undefined where the logger's format puts it in
 */
export function accessLine(record: RequestRecord, level: AccessLevel, phase: boolean, service?: string): LogLine {
  const line: LogLine = {
    timestamp: isoTime(Date.now()),
    level,
    message: ACCESS_MESSAGE,
    service,
    trace_id: record.traceId,
    span_id: record.spanId,
    request_id: record.requestId,
    route: record.route,
    method: record.method,
    status: record.status,
    reason: record.reason,
    duration_ms: round(record.durationMs),
    upstream_ms: round(record.upstreamMs()),
    attempts: record.attempts.length,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    client_ip: record.clientAddress,
    path: scrubPath(record.path),
    upstream: record.upstream,
  };
  if (phase && record.reason !== undefined) line.phase = phaseOf(record);
  if (record.cause !== undefined) line.cause = scrub(record.cause);
  return line;
}

/**
 * Makes the function that renders the line as JSON, field by field: an object of twenty names costs JSON.stringify the
 * better part of a microsecond. The text is that of `accessLine`, which still renders what is to be escaped.
 */
export function accessLineRenderer(
  service: string,
  phase: boolean,
): (record: RequestRecord, level: AccessLevel) => string {
  const headOf = (level: AccessLevel): string =>
    `","level":"${level}","message":"${ACCESS_MESSAGE}","service":${JSON.stringify(service)},"trace_id":"`;
  const heads = { error: headOf('error'), warn: headOf('warn'), info: headOf('info') };
  return (record, level) => {
    const path = scrubPath(record.path);
    const cause = record.cause === undefined ? '' : scrub(record.cause);
    if (!isPlain(record, path, cause)) return renderJson(accessLine(record, level, phase, service));
    const { traceId, spanId, requestId, route, method, status, reason, bytesIn, bytesOut, clientAddress } = record;
    return (
      `{"timestamp":"${isoTime(Date.now())}${heads[level]}${traceId}","span_id":"${spanId}","request_id":"${requestId}"` +
      `,"route":"${route}","method":"${method}","status":${status}${field('reason', reason)}` +
      `,"duration_ms":${milliseconds(record.durationMs)},"upstream_ms":${milliseconds(record.upstreamMs())}` +
      `,"attempts":${record.attempts.length},"bytes_in":${bytesIn},"bytes_out":${bytesOut}` +
      `,"client_ip":"${clientAddress}","path":"${path}"${field('upstream', record.upstream)}` +
      `${phase && reason !== undefined ? field('phase', phaseOf(record)) : ''}` +
      `${record.cause === undefined ? '' : field('cause', cause)}}`
    );
  };
}

function field(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":"${value}"`;
}

/** Whether no text is to be escaped and every number can be written: asked of all texts at once, since that is cheap. */
function isPlain(record: RequestRecord, path: string, cause: string): boolean {
  const { traceId, spanId, requestId, route, method, clientAddress, upstream = '' } = record;
  const texts = `${traceId}${spanId}${requestId}${route}${method}${clientAddress}${path}${upstream}${cause}`;
  return (
    JSON.stringify(texts).length === texts.length + 2 &&
    Number.isFinite(record.status + record.bytesIn + record.bytesOut)
  );
}

/** How far the request came: an answer that the gateway made because of the failure does not count. */
export function phaseOf(record: RequestRecord): string {
  const attempt = record.attempts.at(-1);
  if (!attempt) return record.route === '_none' ? 'routing' : 'policies';
  if (attempt.sentMs === undefined) return 'connect';
  if (attempt.headersMs === undefined) return attempt.isUploading ? 'request_body' : 'upstream_headers';
  const isComplete = attempt.reason === undefined || attempt.reason === 'upstream_5xx';
  return isComplete ? 'answer' : 'upstream_body';
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** `.001` to `.999`, without zeros at the end. */
const FRACTIONS = Array.from({ length: 1000 }, (_, thousandths) => String(thousandths / 1000).slice(1));
/** An hour: what is longer, or negative, is written as any number is. */
const MAX_MICROSECONDS = 3_600_000_000;

/** `round(ms)` as text, from two whole numbers: turning a fraction into text costs twice as much. */
function milliseconds(ms: number): string {
  const microseconds = Math.round(ms * 1000);
  if (!(microseconds >= 0 && microseconds <= MAX_MICROSECONDS)) return JSON.stringify(microseconds / 1000);
  const whole = Math.trunc(microseconds / 1000);
  return `${whole}${FRACTIONS[microseconds - whole * 1000]}`;
}
