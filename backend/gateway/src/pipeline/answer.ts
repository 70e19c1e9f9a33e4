import { Failure, failureFacts, PROBLEM_MEDIA_TYPE, problemDocument } from '@clearway/kernel';
import { hasBody } from '../proxy/request-body.ts';
import { ownHeaders } from '../proxy/response-headers.ts';
import type { Exchange } from './exchange.ts';

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
  const reason = record.reason ?? failure.reason;
  const { status } = failureFacts(reason);
  const { detail, headers } = failure;
  const body = JSON.stringify(
    problemDocument(reason, { detail, traceId: record.traceId, requestId: record.requestId }),
  );
  const fields = ['Content-Type', PROBLEM_MEDIA_TYPE, 'Content-Length', String(Buffer.byteLength(body))];
  for (const [name, value] of Object.entries(headers)) fields.push(name, value);
  // what is left of the request's body is not waited for; `complete` is set later than now for a request without one
  if (hasBody(req) && !req.complete) fields.push('Connection', 'close');
  record.status = status;
  record.answeredMs = record.elapsedMs();
  fields.push('Cache-Control', 'no-store', ...ownHeaders(record, exchange.trust.timing));
  if (req.method !== 'HEAD') record.bytesOut = Buffer.byteLength(body);
  res.writeHead(status, fields);
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Any thrown value as a failure: what is not known to us is our own fault. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure('internal', { message, cause: error });
}
