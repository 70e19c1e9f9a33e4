import { Failure, PROBLEM_MEDIA_TYPE, problemDocument } from '@clearway/kernel';
import type { RequestRecord } from '@clearway/telemetry';
import { hasBody } from '../proxy/request-body.ts';
import { ownHeaders } from '../proxy/response-headers.ts';
import type { Exchange } from './exchange.ts';
import { lingerOnClose } from './linger.ts';

/**
 * Answers with a problem document, or resets the connection when an answer is already on its way: the client must not
 * take half of it for the whole.
 */
export function answerFailure(exchange: Exchange, failure: Failure): void {
  const { res, req, record } = exchange;
  record.fail(failure.reason, failure.message);
  if (failure.reason === 'internal') record.error ??= failure.cause instanceof Error ? failure.cause : failure;
  if (res.headersSent) {
    if (!res.writableFinished) req.socket.resetAndDestroy();
    return;
  }
  if (req.socket.destroyed) return;
  const { reason, detail, status, headers } = firstOf(record, failure);
  const { traceId, requestId } = record;
  const body = JSON.stringify(problemDocument(reason, { detail, traceId, requestId, status }));
  const fields = ['Content-Type', PROBLEM_MEDIA_TYPE];
  for (const [name, value] of Object.entries(headers)) fields.push(name, value);
  fields.push('Cache-Control', 'no-store');
  answerDirectly(exchange, status, fields, body);
}

/** The first failure stands: what is answered is what is recorded. */
function firstOf({ reason }: RequestRecord, failure: Failure): Failure {
  return reason === undefined || reason === failure.reason ? failure : new Failure(reason);
}

/**
 * Gives an answer of the gateway's own.
 *
 * @param fields names and values in turn
 * @param body absent for an answer that has none
 */
export function answerDirectly(exchange: Exchange, status: number, fields: string[], body?: string): void {
  const { res, req, record } = exchange;
  const bodyBytes = body === undefined ? 0 : Buffer.byteLength(body);
  if (body !== undefined) fields.push('Content-Length', String(bodyBytes));
  // what is left of the request's body is not waited for; `complete` is set later than now for a request without one
  const isUnread = hasBody(req) && !req.complete;
  if (isUnread && !fields.includes('connection')) fields.push('Connection', 'close');
  if (isUnread) lingerOnClose(req);
  record.status = status;
  record.answeredMs = record.elapsedMs();
  if (req.method !== 'HEAD') record.bytesOut = bodyBytes;
  res.writeHead(status, [...fields, ...ownHeaders(record, exchange.trust.timing)]);
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Any thrown value as a failure: what is not known to us is our own fault. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure('internal', { message, cause: error });
}
