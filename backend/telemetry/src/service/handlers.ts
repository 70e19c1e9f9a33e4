import { Failure, problemDocument, PROBLEM_MEDIA_TYPE, type FailureReason } from '@clearway/kernel';
import type { RequestRecord } from '../record/request-record.ts';
import type { Next, ServiceRequest, ServiceResponse } from './http-types.ts';
import { recordOf } from './request-telemetry.ts';
import { serviceTelemetry, type ServiceTelemetry } from './telemetry.ts';

/** The class's own words speak of the gateway. */
const INTERNAL = {
  title: 'The service failed',
  remedy: 'Report the trace id: the service recorded the cause.',
} as const;

/**
 * Express handler for `/metrics`, in OpenMetrics.
 *
 * @example
 * app.get('/metrics', metricsHandler());
 */
export function metricsHandler(service: ServiceTelemetry = serviceTelemetry()) {
  return function metrics(_request: ServiceRequest, response: ServiceResponse, next: Next): void {
    service.metrics.render().then((text) => {
      response.setHeader('content-type', service.metrics.contentType);
      response.end(text);
    }, next);
  };
}

/**
 * Express error handler, to be mounted last: answers problem+json, and hands the error to the request's record, which
 * reports it. A `Failure` answers with its own class; the errors of Express's parsers with theirs; others with 500.
 *
 * @example
 * app.use(errorHandler());
 */
export function errorHandler() {
  // four parameters: that is how Express knows an error handler
  return function handleError(error: unknown, request: ServiceRequest, response: ServiceResponse, next: Next): void {
    const record = recordOf(request);
    const reason = reasonOf(error);
    if (record) noteFailure(record, reason, error);
    // headers are out: Express's own handler closes the connection
    if (response.headersSent) return next(error);
    const problem = problemDocument(reason, {
      detail: error instanceof Failure ? error.detail : undefined,
      ...(record && { traceId: record.traceId, requestId: record.requestId }),
    });
    response.statusCode = problem.status;
    if (error instanceof Failure) setHeaders(response, error.headers);
    response.setHeader('content-type', PROBLEM_MEDIA_TYPE);
    response.end(JSON.stringify(reason === 'internal' ? { ...problem, ...INTERNAL } : problem));
  };
}

function noteFailure(record: RequestRecord, reason: FailureReason, error: unknown): void {
  record.fail(reason, error instanceof Error ? error.message : String(error));
  if (reason === 'internal') record.error = error instanceof Error ? error : new Error(String(error));
}

function reasonOf(error: unknown): FailureReason {
  if (error instanceof Failure) return error.reason;
  const status = Number((error as { status?: unknown } | null)?.status);
  if (status === 413) return 'body_too_large';
  return status >= 400 && status < 500 ? 'request_invalid' : 'internal';
}

function setHeaders(response: ServiceResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}
