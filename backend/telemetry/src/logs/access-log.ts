import type { Logger } from 'winston';
import type { RecordSink } from '../record/recorder.ts';
import type { RequestRecord } from '../record/request-record.ts';
import { scrub, scrubPath } from '../redaction/scrub.ts';
import { TRUSTED, type LogLine } from './format.ts';

const MESSAGE = 'request';

/** What the line says beside the fields that every one has. */
export interface AccessLogOptions {
  /** How far a failed request came on its way through a gateway. Default true. */
  readonly phase?: boolean | undefined;
}

/**
 * The sink that writes one line a request. The query is left out altogether; `cause` is for operators.
 *
 * @example
 * const recorder = createRecorder([{ name: 'log', accept: accessLog(logs.logger) }], onSinkError);
 */
export function accessLog(logger: Logger, { phase = true }: AccessLogOptions = {}): RecordSink {
  return (record) => {
    const level = levelOf(record);
    if (logger.isLevelEnabled(level)) logger.log({ level, message: MESSAGE, [TRUSTED]: lineOf(record, level, phase) });
  };
}

function lineOf(record: RequestRecord, level: string, phase: boolean): LogLine {
  const line: LogLine = {
    timestamp: new Date().toISOString(),
    level,
    message: MESSAGE,
    service: undefined,
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

/** Error is for what a person must look at: the caller was given a server error that we or an upstream caused. */
function levelOf(record: RequestRecord): 'error' | 'warn' | 'info' {
  if (record.isFault() && record.status >= 500) return 'error';
  return record.reason === undefined ? 'info' : 'warn';
}

/** How far the request came: an answer that the gateway made because of the failure does not count. */
function phaseOf(record: RequestRecord): string {
  const attempt = record.attempts.at(-1);
  if (!attempt) return record.route === '_none' ? 'routing' : 'policies';
  if (attempt.sentMs === undefined) return 'connect';
  if (attempt.headersMs === undefined) return 'upstream_headers';
  return record.answeredMs === undefined ? 'upstream_body' : 'answer';
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
