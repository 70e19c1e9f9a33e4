import { expect } from '@jest/globals';
import { failureFacts, type FailureReason } from '@clearway/kernel';
import type { ExpectedAttempt, FailureCase } from './case.ts';
import type { FailureMatrix, FailureSignals } from './runner.ts';

/** Holds span, metric, log line, header and body of one failed request against its case, all at once. */
export function expectAgreement(failure: FailureCase, signals: FailureSignals, matrix: FailureMatrix): void {
  const route = failure.isRouted === false ? '_none' : matrix.routeOf(failure);
  expectLine(failure, signals, route);
  expectSpans(failure, signals, route);
  expectMetrics(failure, signals, route);
  expectAnswer(failure, signals);
  failure.expect?.(signals.received);
}

function expectLine(
  { reason, status, attempts = [], method = 'GET', phase, cause }: FailureCase,
  { lines }: FailureSignals,
  route: string,
) {
  expect(lines).toMatchObject([{ reason, status, route, method, attempts: attempts.length }]);
  if (phase !== undefined) expect(lines[0]?.['phase']).toBe(phase);
  if (cause !== undefined) expect(lines[0]?.['cause']).toContain(cause);
}

function expectSpans(failure: FailureCase, { server, attempts }: FailureSignals, route: string): void {
  const { reason, status } = failure;
  expect(server.attributes).toMatchObject({ 'error.type': reason, 'clearway.reason': reason, 'clearway.route': route });
  expect(server.attributes['http.response.status_code']).toBe(status === 0 ? undefined : status);
  expect(server.failed).toBe(failureFacts(reason).owner !== 'client' || status >= 500);
  const seen: ExpectedAttempt[] = attempts.map(({ attributes }) => ({
    ...('http.response.status_code' in attributes && { status: Number(attributes['http.response.status_code']) }),
    ...('error.type' in attributes && { reason: attributes['error.type'] as FailureReason }),
  }));
  expect(seen).toEqual(failure.attempts ?? []);
  for (const { parentSpanId } of attempts) expect(parentSpanId).toBe(server.spanId);
}

function expectMetrics(failure: FailureCase, { requests, counted }: FailureSignals, route: string): void {
  const { reason, status, method = 'GET', attempts = [], succeeded = 0 } = failure;
  const status_class = status === 0 ? 'none' : `${Math.floor(status / 100)}xx`;
  expect(requests).toMatchObject([{ value: 1, labels: { route, method, status_class, reason } }]);
  const grown = counted.flatMap(({ value, labels }) => Array.from({ length: value }, () => labels['reason']));
  const around = Array.from({ length: succeeded }, () => 'none');
  expect(grown.sort()).toEqual([...attempts.map((attempt) => attempt.reason ?? 'none'), ...around].sort());
}

function expectAnswer({ reason, status, answer }: FailureCase, { received, server, lines }: FailureSignals): void {
  const { text, isReset } = received;
  if (answer === 'none') return expect(text).not.toContain('Clearway-Reason');
  if (answer === 'reset') {
    expect(text).not.toContain('Clearway-Reason');
    return expect(isReset).toBe(true);
  }
  const failed = text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((part) => part.includes('\r\nClearway-Reason: '));
  expect(failed).toHaveLength(1);
  const [fields = '', body = ''] = (failed[0] ?? '').split('\r\n\r\n');
  expect(fields).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(fields).toContain(`\r\nClearway-Reason: ${reason}`);
  expect(fields).toContain(`\r\nTrace-Id: ${server.traceId}`);
  expect(fields).toContain(`\r\nX-Request-Id: ${String(lines[0]?.['request_id'])}`);
  if (answer === 'upstream') return;
  expect(fields).toMatch(/\r\nContent-Type: application\/problem\+json\r\n/);
  const { title } = failureFacts(reason);
  expect(JSON.parse(body)).toMatchObject({ reason, status, title, traceId: server.traceId });
}
