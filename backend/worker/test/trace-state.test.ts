import { describe, expect, test } from '@jest/globals';
import { FAILURE_REASONS, failureFacts } from '@clearway/kernel';
import type { Span } from '@clearway/contracts';
import { absorbSpan, newTraceState, RETENTION, type TraceState } from '../src/traces/store/trace-state.ts';
import { gatewaySpan, newSpanId, newTraceId, span } from './support/spans.ts';

function stateOf(...spans: (readonly [Span, string])[]): TraceState {
  const state = newTraceState(newTraceId());
  for (const [each, service] of spans) absorbSpan(state, each, service);
  return state;
}

const nameOf = (retention: number) => Object.keys(RETENTION)[retention];

describe('the span that names its trace', () => {
  const gateway = [gatewaySpan({ parentSpanId: newSpanId(), startMs: 5 }), 'api-gateway'] as const;
  const client = [span({ name: 'click', kind: 3, startMs: 0, durationMs: 30 }), 'browser'] as const;
  const server = [span({ name: 'GET /x', parentSpanId: newSpanId(), startMs: 7 }), 'tracks'] as const;
  const inner = [span({ name: 'query', parentSpanId: newSpanId(), kind: 1, startMs: 8 }), 'tracks'] as const;
  const byGoodness = [gateway, client, server, inner];

  test.each([0, 1, 2, 3])('is the best one that came, in whatever order they came: from %i on', (best) => {
    const present = byGoodness.slice(best);
    for (const order of [present, present.toReversed(), [...present.slice(1), ...present.slice(0, 1)]]) {
      const [expected, service] = present[0] ?? gateway;
      expect(stateOf(...order)).toMatchObject({ name: expected.name, service, spanCount: present.length });
    }
  });

  test('is the first one of those that are equally good', () => {
    const early = [span({ name: 'early', startMs: 1 }), 'a'] as const;
    const late = [span({ name: 'late', startMs: 2 }), 'a'] as const;
    expect([stateOf(early, late).name, stateOf(late, early).name]).toEqual(['early', 'early']);
  });

  test('gives route, method, path, status, reason, request id and duration', () => {
    const traceId = newTraceId();
    const state = stateOf(inner, [gatewaySpan({ traceId, reason: 'connect_refused', status: 502 }), 'api-gateway']);
    expect(state).toMatchObject({
      route: 'tracks',
      method: 'GET',
      path: '/v1/tracks/1',
      status: 502,
      reason: 'connect_refused',
      requestId: `request-of-${traceId}`,
      durationUs: 10_000,
    });
  });

  test('may be one of a service that no gateway stands in front of', () => {
    const attributes = { 'http.route': '/jobs/:id', 'error.type': 'TypeError', 'http.response.status_code': 500 };
    const state = stateOf([span({ attributes }), 'jobs']);
    expect(state).toMatchObject({ route: '/jobs/:id', reason: 'TypeError', status: 500, requestId: null });
  });
});

describe('a trace is kept as', () => {
  test.each(FAILURE_REASONS)('%s says: what the client did wrong is ordinary, all else failed', (reason) => {
    const { owner, status } = failureFacts(reason);
    const state = stateOf([gatewaySpan({ reason, status }), 'api-gateway']);
    expect(nameOf(state.class)).toBe(owner === 'client' ? 'ordinary' : 'failed');
  });

  test.each<[string, string, Span]>([
    ['ordinary', 'a quick request', gatewaySpan()],
    ['ordinary', 'one that is as long as slow begins', gatewaySpan({ durationMs: 1000 })],
    ['slow', 'one above a second', gatewaySpan({ durationMs: 1000.1 })],
    ['slow', 'one that the gateway calls slow', gatewaySpan({ attributes: { 'clearway.slow': true } })],
    [
      'ordinary',
      'a stream, which the gateway never calls slow',
      gatewaySpan({ durationMs: 9e5, attributes: { 'clearway.slow': false } }),
    ],
    ['failed', 'an answer of the upstream above 499', gatewaySpan({ status: 503 })],
    ['failed', 'a class that is not known yet', gatewaySpan({ reason: 'meteor_strike' })],
    ['failed', 'an error within a service', span({ kind: 1, parentSpanId: newSpanId(), error: true })],
    ['failed', 'a call that got no answer', span({ kind: 3, parentSpanId: newSpanId(), error: true })],
    [
      'ordinary',
      'a call that was answered with 404',
      span({ kind: 3, error: true, attributes: { 'http.response.status_code': 404 } }),
    ],
    ['ordinary', 'long work inside', span({ kind: 1, parentSpanId: newSpanId(), durationMs: 5000 })],
  ])('%s: %s', (expected, _what, only) => {
    expect(nameOf(stateOf([only, 'a']).class)).toBe(expected);
  });

  test('the worst that happened in it', () => {
    const state = stateOf([span({ kind: 1, error: true }), 'a'], [gatewaySpan({ durationMs: 5000 }), 'api-gateway']);
    expect(nameOf(state.class)).toBe('failed');
    expect(state.errorCount).toBe(1);
  });
});

test('the failure of a second request of a trace is found under the trace', () => {
  const first = gatewaySpan({ startMs: 0 });
  const second = gatewaySpan({ startMs: 5, reason: 'upstream_5xx', status: 500 });
  for (const order of [
    [first, second],
    [second, first],
  ]) {
    const state = stateOf(...order.map((each) => [each, 'api-gateway'] as const));
    expect(state).toMatchObject({ status: 200, reason: 'upstream_5xx', class: RETENTION.failed });
  }
});

test('times beyond all calendars and ends before starts are cut, not believed', () => {
  const absurd = { ...span(), startTimeUnixNano: '18446744073709551615', endTimeUnixNano: '0' };
  const state = stateOf([absurd, 'a']);
  expect(Number.isSafeInteger(state.startUs)).toBe(true);
  expect(state.durationUs).toBe(0);
  expect(() => new Date(state.startUs / 1000).toISOString()).not.toThrow();
});

test('names are cut, and so are lists of services: a stranger may choose them', () => {
  const services = Array.from({ length: 200 }, (_, i) => [span({ name: 'x'.repeat(5000) }), `service-${i}`] as const);
  const state = stateOf(...services);
  expect(state.services.length).toBeLessThanOrEqual(50);
  expect(state.name.length).toBeLessThanOrEqual(500);
});
