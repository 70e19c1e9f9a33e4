import { context, trace, TraceFlags } from '@opentelemetry/api';
import { getRPCMetadata, RPCType, type RPCMetadata } from '@opentelemetry/core';
import { newSpanId, newTraceId } from '../record/ids.ts';
import { RequestRecord, type RequestArrival } from '../record/request-record.ts';
import { createRecorder, type Recorder } from '../record/recorder.ts';
import { parseTraceparent } from '../record/trace-context.ts';
import { accessLog } from '../logs/index.ts';
import { scrub } from '../redaction/scrub.ts';
import { recordContext, withRecord } from '../tracing/correlation.ts';
import { DEFAULT_IGNORED_PATHS } from '../tracing/instrumentations.ts';
import type { Next, ServiceRequest, ServiceResponse } from './http-types.ts';
import { watchRoute } from './route-pattern.ts';
import { serviceTelemetry, type ServiceTelemetry } from './telemetry.ts';

const REQUEST_ID = /^[\w.:=+/-]{1,128}$/;
const IGNORED: ReadonlySet<string> = new Set(DEFAULT_IGNORED_PATHS);

/**
 * Express middleware that joins a service to its callers: an access-log line, metrics, error events, and the headers
 * `Trace-Id` and `X-Request-Id` on every answer, all with the ids of the gateway's trace. It also names the SERVER span
 * after the route, which the HTTP instrumentation cannot know. To be mounted first; probes and scrapes pass through.
 *
 * @example
 * app.use(requestTelemetry());
 */
export function requestTelemetry(service: ServiceTelemetry = serviceTelemetry()) {
  const recorder = createRecorder(
    [
      { name: 'metrics', accept: (record) => service.serviceMetrics.closed(record) },
      { name: 'log', accept: accessLog(service.logs, { phase: false }) },
      { name: 'errors', accept: service.errors.recordSink },
    ],
    (sink) => service.health.sinkFailed(sink),
  );
  return function requestTelemetry(request: ServiceRequest, response: ServiceResponse, next: Next): void {
    if (IGNORED.has(pathOf(request))) return next();
    const record = new RequestRecord(arrivalOf(request));
    record.path = pathOf(request);
    record.sampled = isSampled(request);
    response.setHeader('Trace-Id', record.traceId);
    response.setHeader('X-Request-Id', record.requestId);
    service.serviceMetrics.opened();
    records.set(request, record);
    finishOnClose(record, request, response, recorder);
    const active = context.active();
    context.with(trace.getSpan(active) ? withRecord(active, record) : recordContext(record), next);
  };
}

const records = new WeakMap<ServiceRequest, RequestRecord>();

/** The record of a request, also where the context was lost, as behind the events of some body parsers. */
export function recordOf(request: ServiceRequest): RequestRecord | undefined {
  return records.get(request);
}

/** Before the instrumentation's own listener, which ends the span and takes the route over from the RPC metadata. */
function finishOnClose(
  record: RequestRecord,
  request: ServiceRequest,
  response: ServiceResponse,
  recorder: Recorder,
): void {
  const rpc = getRPCMetadata(context.active());
  const routePattern = watchRoute(request, (pattern) => (record.routePattern = pattern));
  const writtenBefore = request.socket.bytesWritten;
  response.prependListener('close', () => {
    const pattern = routePattern();
    record.route = pattern ?? '_none';
    record.routePattern = pattern;
    record.status = response.headersSent ? response.statusCode : 0;
    record.bytesIn = lengthOf(request.headers['content-length']) ?? 0;
    record.bytesOut = lengthOf(response.getHeader('content-length')) ?? writtenBytes(request, response, writtenBefore);
    if (!response.writableFinished) record.fail('client_abort', 'the connection was closed before the answer ended');
    else if (record.status >= 500) record.fail('internal', `answered ${record.status}`);
    recorder.emit(record);
    if (rpc?.type === RPCType.HTTP) describeSpan(rpc, record);
  });
}

/** What the HTTP instrumentation cannot know; it takes the route from here into the span's name. */
function describeSpan(rpc: RPCMetadata, record: RequestRecord): void {
  if (record.routePattern !== undefined) rpc.route = record.routePattern;
  rpc.span.setAttribute('clearway.request_id', record.requestId);
  if (record.reason === undefined) return;
  rpc.span.setAttributes({ 'error.type': record.reason, 'clearway.reason': record.reason });
  if (record.error) rpc.span.recordException({ name: record.error.name, message: scrub(record.error.message) });
}

function arrivalOf(request: ServiceRequest): RequestArrival {
  const span = trace.getSpanContext(context.active());
  const parent = parseTraceparent(headerOf(request, 'traceparent'));
  const requestId = headerOf(request, 'x-request-id');
  return {
    traceId: span?.traceId ?? parent?.traceId ?? newTraceId(),
    spanId: span?.spanId ?? newSpanId(),
    parentSpanId: parent?.spanId,
    traceState: undefined,
    requestId: requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : newTraceId(),
    method: request.method ?? 'GET',
    scheme: request.protocol ?? 'http',
    host: request.headers.host ?? '',
    httpVersion: request.httpVersion,
    clientAddress: request.ip ?? request.socket.remoteAddress ?? '',
    userAgent: request.headers['user-agent'],
  };
}

function isSampled(request: ServiceRequest): boolean {
  const span = trace.getSpanContext(context.active());
  if (span) return (span.traceFlags & TraceFlags.SAMPLED) !== 0;
  return parseTraceparent(headerOf(request, 'traceparent'))?.sampled ?? false;
}

function headerOf(request: ServiceRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function pathOf(request: ServiceRequest): string {
  const url = request.originalUrl ?? request.url ?? '';
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** What a streamed answer took on the connection, without its head; the framing of its chunks is counted in. */
function writtenBytes(request: ServiceRequest, response: ServiceResponse, before: number): number {
  const head = (response as { _header?: string | null })._header?.length ?? 0;
  return Math.max(0, request.socket.bytesWritten - before - head);
}

function lengthOf(header: number | string | readonly string[] | undefined): number | undefined {
  const length = Number(header);
  return header !== undefined && Number.isSafeInteger(length) ? length : undefined;
}
