import {
  createTraceState,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
  type SpanStatus,
} from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { newSpanId } from '../record/ids.ts';
import type { RecordSink } from '../record/recorder.ts';
import type { AttemptRecord, PolicyRecord, RequestRecord } from '../record/request-record.ts';
import { scrub, scrubPath } from '../redaction/scrub.ts';
import { authorityOf, isKnownMethod, redactQuery, type Authority } from './http-attributes.ts';
import type { Tracing } from './start.ts';

type SpanTarget = Pick<Tracing, 'exportSpan' | 'resource'>;
type SpanEvent = ReadableSpan['events'][number];

export const SCOPE = { name: '@clearway/telemetry' };
/** Policies without I/O take microseconds; one that took this long waited for something. */
export const POLICY_SPAN_FROM_MS = 0.5;
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };
const NONE: never[] = [];

/**
 * The sink that turns one record into its spans: a SERVER span, a CLIENT span for each attempt and an INTERNAL span for
 * each policy that waited. They are built as finished spans at the end of the request, so that a failed or slow request
 * is exported even when its trace was not sampled at its start.
 *
 * Source of names and attributes: OpenTelemetry semantic conventions for HTTP, stable since 1.23.
 */
export function recordSpans(tracing: SpanTarget): RecordSink {
  return (record) => {
    if (!record.isKept()) return;
    tracing.exportSpan(serverSpan(record, tracing));
    for (const attempt of record.attempts) tracing.exportSpan(clientSpan(record, attempt, tracing));
    for (const policy of record.policies) {
      if (policy.durationMs >= POLICY_SPAN_FROM_MS) tracing.exportSpan(policySpan(record, policy, tracing));
    }
  };
}

/** `{method} {http.route}`, or the method alone where no route was found. */
export function serverSpanName(record: Pick<RequestRecord, 'method' | 'routePattern'>): string {
  const method = isKnownMethod(record.method) ? record.method : 'HTTP';
  return record.routePattern === undefined ? method : `${method} ${record.routePattern}`;
}

function serverSpan(record: RequestRecord, { resource }: SpanTarget): ReadableSpan {
  const failed = record.status >= 500 || record.isFault();
  const parent = record.parentSpanId;
  return {
    ...times(record, 0, record.durationMs),
    name: serverSpanName(record),
    kind: SpanKind.SERVER,
    spanContext: fixed(spanContext(record, record.spanId)),
    ...(parent !== undefined && { parentSpanContext: { ...spanContext(record, parent), isRemote: true } }),
    status: failed ? errorStatus(record.cause) : UNSET,
    attributes: serverAttributes(record),
    events: record.answeredMs === undefined ? NONE : [event(record, 'answered', record.answeredMs)],
    ...rest(resource),
  };
}

function serverAttributes(record: RequestRecord): Attributes {
  const attributes: Attributes = {
    'url.path': scrubPath(record.path),
    'url.scheme': record.scheme,
    'client.address': record.clientAddress,
    'network.protocol.version': record.httpVersion,
    'clearway.route': record.route,
    'clearway.request_id': record.requestId,
    'http.request.body.size': record.bytesIn,
    'http.response.body.size': record.bytesOut,
  };
  setMethod(attributes, record.method);
  setAuthority(attributes, authorityOf(record.host));
  if (record.query !== '') attributes['url.query'] = redactQuery(record.query);
  if (record.routePattern !== undefined) attributes['http.route'] = record.routePattern;
  if (record.status !== 0) attributes['http.response.status_code'] = record.status;
  if (record.userAgent !== undefined) attributes['user_agent.original'] = record.userAgent;
  if (record.upstream !== undefined) attributes['clearway.upstream'] = record.upstream;
  if (record.routeChoice !== undefined) attributes['clearway.route_choice'] = record.routeChoice;
  if (record.reason !== undefined) attributes['clearway.reason'] = record.reason;
  // the bound is the route's: whoever keeps traces cannot know it. A stream is long, and never slow.
  if (record.isSlow()) attributes['clearway.slow'] = true;
  else if (record.kind !== 'exchange') attributes['clearway.slow'] = false;
  const errorType = record.reason ?? (record.status >= 500 ? String(record.status) : undefined);
  if (errorType !== undefined) attributes['error.type'] = errorType;
  return attributes;
}

function clientSpan(record: RequestRecord, attempt: AttemptRecord, { resource }: SpanTarget): ReadableSpan {
  const failed = attempt.reason !== undefined || (attempt.status ?? 0) >= 400;
  const events: SpanEvent[] = [];
  if (attempt.sentMs !== undefined) events.push(event(record, 'sent', attempt.sentMs));
  if (attempt.headersMs !== undefined) events.push(event(record, 'headers', attempt.headersMs));
  return {
    ...times(record, attempt.startMs, attempt.endMs ?? record.durationMs),
    name: isKnownMethod(record.method) ? record.method : 'HTTP',
    kind: SpanKind.CLIENT,
    spanContext: fixed(spanContext(record, attempt.spanId)),
    parentSpanContext: spanContext(record, record.spanId),
    status: failed ? errorStatus(attempt.cause) : UNSET,
    attributes: clientAttributes(record, attempt),
    events,
    ...rest(resource),
  };
}

function clientAttributes(record: RequestRecord, attempt: AttemptRecord): Attributes {
  const query = record.query === '' ? '' : `?${redactQuery(record.query)}`;
  const attributes: Attributes = { 'url.full': `${attempt.target}${scrubPath(record.path)}${query}` };
  setMethod(attributes, record.method);
  setAuthority(attributes, authorityOf(attempt.target));
  if (record.upstream !== undefined) attributes['clearway.upstream'] = record.upstream;
  if (attempt.status !== undefined) attributes['http.response.status_code'] = attempt.status;
  if (attempt.resendCount > 0) attributes['http.request.resend_count'] = attempt.resendCount;
  const errorType = attempt.reason ?? ((attempt.status ?? 0) >= 400 ? String(attempt.status) : undefined);
  if (errorType !== undefined) attributes['error.type'] = errorType;
  return attributes;
}

function policySpan(record: RequestRecord, policy: PolicyRecord, { resource }: SpanTarget): ReadableSpan {
  return {
    ...times(record, policy.startMs, policy.startMs + policy.durationMs),
    name: `policy ${policy.name}`,
    kind: SpanKind.INTERNAL,
    spanContext: fixed(spanContext(record, newSpanId())),
    parentSpanContext: spanContext(record, record.spanId),
    status: policy.outcome === 'failed' ? { code: SpanStatusCode.ERROR } : UNSET,
    attributes: { 'clearway.policy': policy.name, 'clearway.policy.outcome': policy.outcome },
    events: NONE,
    ...rest(resource),
  };
}

function setMethod(attributes: Attributes, method: string): void {
  if (isKnownMethod(method)) {
    attributes['http.request.method'] = method;
    return;
  }
  attributes['http.request.method'] = '_OTHER';
  attributes['http.request.method_original'] = method;
}

function setAuthority(attributes: Attributes, { address, port }: Authority): void {
  if (address === '') return;
  attributes['server.address'] = address;
  if (port !== undefined) attributes['server.port'] = port;
}

/** Exported spans are always flagged as sampled: the decision to keep the trace has been made by then. */
function spanContext(record: RequestRecord, spanId: string): SpanContext {
  return {
    traceId: record.traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    ...(record.traceState !== undefined && { traceState: createTraceState(record.traceState) }),
  };
}

function fixed<T>(value: T): () => T {
  return () => value;
}

function errorStatus(cause: string | undefined): SpanStatus {
  return cause === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message: scrub(cause) };
}

function event(record: RequestRecord, name: string, atMs: number): SpanEvent {
  return { name, time: hrTime(record.startedAtMs + atMs), attributes: {}, droppedAttributesCount: 0 };
}

function times(
  record: RequestRecord,
  fromMs: number,
  toMs: number,
): Pick<ReadableSpan, 'startTime' | 'endTime' | 'duration'> {
  return {
    startTime: hrTime(record.startedAtMs + fromMs),
    endTime: hrTime(record.startedAtMs + toMs),
    duration: hrTime(toMs - fromMs),
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.trunc(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

function rest(resource: ReadableSpan['resource']) {
  return {
    links: NONE,
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
