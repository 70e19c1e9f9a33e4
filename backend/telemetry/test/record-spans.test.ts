import { describe, expect, test } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { recordSpans, type RequestRecord } from '@clearway/telemetry';
import { makeAttempt, makeRecord, makeRefused } from './support/records.ts';

function spansOf(record: RequestRecord): ReadableSpan[] {
  const spans: ReadableSpan[] = [];
  record.end();
  const resource = resourceFromAttributes({ 'service.name': 'g' });
  recordSpans({ resource, exportSpan: (span) => spans.push(span) })(record);
  return spans;
}

function serverOf(record: RequestRecord): ReadableSpan {
  const server = spansOf(record).find((span) => span.kind === SpanKind.SERVER);
  if (!server) throw new Error('no SERVER span');
  return server;
}

describe('which requests give spans', () => {
  test('a sampled one', () => expect(spansOf(makeRecord())).toHaveLength(1));
  test('none that was not sampled and went well', () =>
    expect(spansOf(makeRecord({}, { sampled: false }))).toHaveLength(0));

  test('a failed one that was not sampled, flagged so that it is exported', () => {
    const record = makeRefused();
    record.sampled = false;
    const spans = spansOf(record);
    expect(spans).toHaveLength(2);
    expect(spans.map((span) => span.spanContext().traceFlags)).toEqual([1, 1]);
  });

  test('a slow one that was not sampled', () =>
    expect(spansOf(makeRecord({}, { sampled: false, slowAfterMs: 0 }))).toHaveLength(1));
});

describe('the SERVER span', () => {
  test('says of a request whether it was slow for its route, and of a stream that it never is', () => {
    const said = (fields: Parameters<typeof makeRecord>[1]) =>
      serverOf(makeRecord({}, fields)).attributes['clearway.slow'];
    expect(said({ slowAfterMs: 0 })).toBe(true);
    expect(said({ slowAfterMs: 60_000 })).toBeUndefined();
    expect(said({ slowAfterMs: 0, kind: 'stream' })).toBe(false);
  });

  test('has the attributes of the conventions, and no value of the query', () => {
    const span = serverOf(makeRecord({}, { bytesIn: 3, bytesOut: 5, routeChoice: 'path /v1/tracks/*' }));
    expect(span.name).toBe('GET /v1/tracks/*');
    expect(span.attributes).toEqual({
      'http.request.method': 'GET',
      'url.path': '/v1/tracks/7',
      'url.scheme': 'http',
      'url.query': 'token=REDACTED&page=REDACTED',
      'http.route': '/v1/tracks/*',
      'http.response.status_code': 200,
      'server.address': 'api.example.com',
      'server.port': 8000,
      'client.address': '192.0.2.1',
      'user_agent.original': 'test',
      'network.protocol.version': '1.1',
      'clearway.route': 'tracks',
      'clearway.upstream': 'tracks',
      'clearway.route_choice': 'path /v1/tracks/*',
      'clearway.request_id': 'request-1',
      'http.request.body.size': 3,
      'http.response.body.size': 5,
    });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('is named by its method alone when no route was found', () =>
    expect(serverOf(makeRecord({}, { routePattern: undefined })).name).toBe('GET'));

  test('folds a method that nobody knows', () => {
    const span = serverOf(makeRecord({ method: 'BREW' }));
    expect(span.name).toBe('HTTP /v1/tracks/*');
    expect(span.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'BREW',
    });
  });

  test('names the failure class and is an error when the fault is ours or an upstream’s', () => {
    const span = serverOf(makeRefused());
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes).toMatchObject({ 'error.type': 'connect_refused', 'clearway.reason': 'connect_refused' });
  });

  test('is no error when the client is to blame', () => {
    const record = makeRecord({}, { status: 404 });
    record.fail('route_not_found');
    const span = serverOf(record);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes['error.type']).toBe('route_not_found');
  });

  test('is an error with the status as its type when an answer of 5xx has no class', () => {
    const span = serverOf(makeRecord({}, { status: 503 }));
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes['error.type']).toBe('503');
  });

  test('keeps secrets out of the cause', () => {
    const record = makeRecord({}, { status: 500 });
    record.fail('internal', 'cannot reach postgres://app:hunter2@db/app');
    expect(serverOf(record).status.message).toBe('cannot reach postgres://[hidden]@db/app');
  });

  test('continues the caller’s trace with its state', () => {
    const span = serverOf(makeRecord({ parentSpanId: '00f067aa0ba902b7', traceState: 'vendor=1' }));
    expect(span.parentSpanContext).toMatchObject({ spanId: '00f067aa0ba902b7', isRemote: true });
    expect(span.spanContext().traceState?.serialize()).toBe('vendor=1');
  });

  test('takes as long as the record says', () => {
    const record = makeRecord();
    const span = serverOf(record);
    const toMs = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1000 + nanoseconds / 1e6;
    expect(toMs(span.startTime)).toBeCloseTo(record.startedAtMs, 2);
    expect(toMs(span.duration)).toBeCloseTo(record.durationMs, 2);
    expect(toMs(span.endTime) - toMs(span.startTime)).toBeCloseTo(record.durationMs, 2);
  });

  test.each([
    ['[::1]:8000', '::1', 8000],
    ['example.com', 'example.com', undefined],
    ['[2001:db8::1]', '2001:db8::1', undefined],
    ['example.com:http', 'example.com', undefined],
  ])('reads the host %s', (host, address, port) => {
    const { attributes } = serverOf(makeRecord({ host }));
    expect([attributes['server.address'], attributes['server.port']]).toEqual([address, port]);
  });

  test('hides query parts that are values without a name', () =>
    expect(serverOf(makeRecord({}, { query: 'eyJhbGciOi&a=1' })).attributes['url.query']).toBe('REDACTED&a=REDACTED'));
});

describe('the CLIENT spans', () => {
  test('are one an attempt, the second one marked as resent, each with its own target', () => {
    const record = makeRecord();
    record.attempts.push(
      makeAttempt({ status: undefined, headersMs: undefined, reason: 'connect_refused', cause: 'ECONNREFUSED' }),
      makeAttempt({ resendCount: 1, target: 'https://b.example.com', status: 200 }),
    );
    const [first, second] = spansOf(record).filter((span) => span.kind === SpanKind.CLIENT);
    expect(first?.attributes).toEqual({
      'http.request.method': 'GET',
      'url.full': 'http://127.0.0.1:4000/v1/tracks/7?token=REDACTED&page=REDACTED',
      'server.address': '127.0.0.1',
      'server.port': 4000,
      'clearway.upstream': 'tracks',
      'error.type': 'connect_refused',
    });
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'ECONNREFUSED' });
    expect(second?.attributes).toMatchObject({
      'http.request.resend_count': 1,
      'http.response.status_code': 200,
      'server.address': 'b.example.com',
      'server.port': 443,
    });
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    expect(second?.parentSpanContext?.spanId).toBe(record.spanId);
  });

  test('tell when the request was sent and when the headers came', () => {
    const record = makeRecord();
    record.attempts.push(makeAttempt({ endMs: undefined }));
    const [client] = spansOf(record).filter((span) => span.kind === SpanKind.CLIENT);
    expect(client?.events.map((event) => event.name)).toEqual(['sent', 'headers']);
  });

  test('are errors for an answer of 4xx, as the conventions have it for clients', () => {
    const record = makeRecord({ method: 'BREW' }, { status: 404, query: '' });
    record.attempts.push(makeAttempt({ status: 404 }));
    const [client] = spansOf(record).filter((span) => span.kind === SpanKind.CLIENT);
    expect(client?.name).toBe('HTTP');
    expect(client?.status.code).toBe(SpanStatusCode.ERROR);
    expect(client?.attributes['error.type']).toBe('404');
  });
});

test('a policy that waited is a child span, one that did not is none', () => {
  const record = makeRecord();
  record.policies.push(
    { name: 'rateLimit', startMs: 0.1, durationMs: 3, outcome: 'failed' },
    { name: 'headers', startMs: 0.1, durationMs: 0.01, outcome: 'passed' },
  );
  const internal = spansOf(record).filter((span) => span.kind === SpanKind.INTERNAL);
  expect(internal.map((span) => span.name)).toEqual(['policy rateLimit']);
  expect(internal[0]?.attributes).toEqual({ 'clearway.policy': 'rateLimit', 'clearway.policy.outcome': 'failed' });
  expect(internal[0]?.status.code).toBe(SpanStatusCode.ERROR);
});
