import type * as Sentry from '@sentry/node';
import { failureFacts, type FailureReason } from '@clearway/kernel';
import type { AttemptRecord, RequestRecord } from '../record/request-record.ts';
import { serverSpanName } from '../tracing/record-spans.ts';

/** A record whose cause is known. */
export type FailedRecord = RequestRecord & { reason: FailureReason };

/**
 * Fills a scope with what a failed request's event shows: which request, what happened to it step by step, and the
 * span it belongs to. Never headers, cookies, query values or bodies.
 */
export function describeRecord(scope: Sentry.Scope, record: FailedRecord, service: string, heldBack: number): void {
  const { owner } = failureFacts(record.reason);
  scope.setTransactionName(serverSpanName(record));
  scope.setFingerprint([record.reason, record.route]);
  scope.setTags({
    route: record.route,
    reason: record.reason,
    owner,
    method: record.method,
    service,
    request_id: record.requestId,
    ...(record.upstream !== undefined && { upstream: record.upstream }),
  });
  if (record.identity !== undefined) scope.setUser({ id: record.identity });
  scope.setContext('trace', {
    trace_id: record.traceId,
    span_id: record.spanId,
    ...parentOf(record),
    op: 'http.server',
  });
  scope.setContext('request', {
    method: record.method,
    path: record.path,
    status: record.status,
    duration_ms: round(record.durationMs),
    upstream_ms: round(record.upstreamMs()),
    attempts: record.attempts.length,
    ...(record.cause !== undefined && { cause: record.cause }),
    ...(heldBack > 0 && { events_held_back: heldBack }),
  });
  for (const breadcrumb of breadcrumbs(record)) scope.addBreadcrumb(breadcrumb);
}

/** The event of a failure that was not thrown: named after its class, so that Sentry shows it as such. */
export function failureEvent(record: FailedRecord): Sentry.Event {
  const value = record.cause ?? failureFacts(record.reason).title;
  return { level: 'error', exception: { values: [{ type: record.reason, value }] } };
}

function parentOf(record: RequestRecord): { parent_span_id?: string } {
  return record.parentSpanId === undefined ? {} : { parent_span_id: record.parentSpanId };
}

function breadcrumbs(record: FailedRecord): Sentry.Breadcrumb[] {
  const at = (offsetMs: number): number => (record.startedAtMs + offsetMs) / 1000;
  const steps: Sentry.Breadcrumb[] = [
    {
      category: 'route',
      message: `${record.route}${record.routeChoice ? `: ${record.routeChoice}` : ''}`,
      timestamp: at(0),
    },
  ];
  for (const policy of record.policies) {
    const message = `${policy.name} ${policy.outcome} in ${round(policy.durationMs)} ms`;
    steps.push({ category: 'policy', message, timestamp: at(policy.startMs) });
  }
  for (const attempt of record.attempts) {
    steps.push({ category: 'attempt', message: attemptText(attempt), timestamp: at(attempt.startMs) });
  }
  const answered = record.status === 0 ? 'none' : String(record.status);
  steps.push({ category: 'answer', message: `${answered}, ${record.reason}`, timestamp: at(record.durationMs) });
  return steps.map((step) => ({ type: 'default', level: 'info', ...step }));
}

function attemptText(attempt: AttemptRecord): string {
  const phases = [
    attempt.sentMs !== undefined && `sent after ${round(attempt.sentMs - attempt.startMs)} ms`,
    attempt.headersMs !== undefined && `headers after ${round(attempt.headersMs - attempt.startMs)} ms`,
    attempt.endMs !== undefined && `ended after ${round(attempt.endMs - attempt.startMs)} ms`,
  ].filter((phase) => phase !== false);
  const outcome = attempt.reason ?? attempt.status ?? 'no answer';
  return [`${attempt.resendCount + 1}: ${attempt.target} ${outcome}`, ...phases].join(', ');
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
