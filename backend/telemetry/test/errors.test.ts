import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runWithRecord, startErrors, type Errors, type ErrorsOptions } from '@clearway/telemetry';
import { startSentryReceiver, type SentryEvent, type SentryReceiver } from '../../../tests/receivers/index.ts';
import { RateBound } from '../src/errors/rate-bound.ts';
import { sentryOptions } from '../src/errors/sentry-options.ts';
import { makeAttempt, makeRecord, makeRefused } from './support/records.ts';
import { startTestTracing } from './support/tracing.ts';

let receiver: SentryReceiver;
let errors: Errors;

function start(options: Partial<ErrorsOptions> = {}): Errors {
  return startErrors({
    dsn: receiver.dsn,
    environment: 'test',
    release: 'clearway@1.2.3',
    serviceName: 'api-gateway',
    ...options,
  });
}

startTestTracing({ enabled: false });
beforeEach(async () => {
  receiver = await startSentryReceiver();
  errors = start();
});
afterEach(async () => {
  await errors.close(2000);
  await receiver.close();
});

async function sent(): Promise<SentryEvent> {
  await errors.flush(20_000);
  return receiver.waitFor(() => receiver.events()[0]);
}

describe('the event of a failed request', () => {
  test('has the trace and span of the record, and says what happened', async () => {
    const record = makeRefused({ parentSpanId: '00f067aa0ba902b7' });
    record.identity = 'user-7';
    record.routeChoice = 'path /v1/tracks/*';
    record.policies.push({ name: 'rateLimit', startMs: 0.1, durationMs: 0.2, outcome: 'passed' });
    record.attempts.push(makeAttempt({ resendCount: 1, status: undefined, headersMs: undefined, endMs: undefined }));
    record.end();
    errors.recordSink(record);
    const event = await sent();
    expect(event).toMatchObject({
      level: 'error',
      transaction: 'GET /v1/tracks/*',
      environment: 'test',
      release: 'clearway@1.2.3',
      fingerprint: ['connect_refused', 'tracks'],
      user: { id: 'user-7' },
      tags: {
        route: 'tracks',
        reason: 'connect_refused',
        owner: 'upstream',
        upstream: 'tracks',
        method: 'GET',
        service: 'api-gateway',
      },
      contexts: {
        trace: { trace_id: record.traceId, span_id: record.spanId, parent_span_id: '00f067aa0ba902b7' },
        request: { method: 'GET', path: '/v1/tracks/7', status: 502, attempts: 2 },
      },
      exception: { values: [{ type: 'connect_refused', value: 'connect ECONNREFUSED 127.0.0.1:4000' }] },
    });
    expect(Object.keys(event.user ?? {})).toEqual(['id']);
    expect(event.breadcrumbs?.map((step) => step.category)).toEqual([
      'route',
      'policy',
      'attempt',
      'attempt',
      'answer',
    ]);
    expect(event.breadcrumbs?.[2]?.message).toContain('http://127.0.0.1:4000 connect_refused');
  });

  test('belongs to its record’s trace whatever span is active, and though the trace is not sampled', async () => {
    const other = makeRecord();
    const record = makeRefused();
    record.sampled = false;
    runWithRecord(other, () => errors.recordSink(record));
    expect((await sent()).contexts?.trace).toMatchObject({ trace_id: record.traceId, span_id: record.spanId });
  });

  test('has the stack of the error that was thrown', async () => {
    const record = makeRecord({}, { status: 500, error: new RangeError('index 7 of 3') });
    record.fail('internal', 'index 7 of 3');
    errors.recordSink(record);
    const event = await sent();
    expect(event.exception?.values[0]).toMatchObject({ type: 'RangeError', value: 'index 7 of 3' });
    expect(event.fingerprint).toEqual(['internal', 'tracks']);
    expect(event.contexts?.trace).toMatchObject({ trace_id: record.traceId, span_id: record.spanId });
  });

  test('carries no query value, header, cookie, body or credential', async () => {
    const record = makeRecord(
      {},
      { status: 500, error: new Error('no postgres://app:hunter2@db and Bearer abcdefgh') },
    );
    record.fail('internal', 'password=hunter2');
    errors.recordSink(record);
    const event = await sent();
    expect(event.request).toBeUndefined();
    for (const secret of ['s3cr3t', 'hunter2', 'abcdefgh', '192.0.2.1']) expect(receiver.text()).not.toContain(secret);
  });
});

describe('which records become events', () => {
  test('none without a failure, none that the client is to blame for', async () => {
    errors.recordSink(makeRecord());
    const notFound = makeRecord({}, { status: 404 });
    notFound.fail('route_not_found');
    errors.recordSink(notFound);
    await errors.flush(20_000);
    expect(receiver.events()).toEqual([]);
  });

  test('refusals are counted by route instead', async () => {
    const refused = makeRecord({}, { status: 401 });
    refused.fail('auth_missing');
    errors.recordSink(refused);
    await errors.flush(20_000);
    await receiver.waitFor(() => receiver.items('trace_metric').length > 0);
    expect(receiver.events()).toEqual([]);
    const [metric] = (receiver.items('trace_metric')[0]?.payload as { items: Record<string, unknown>[] }).items;
    expect(metric).toMatchObject({ name: 'clearway.refusals', value: 1, type: 'counter' });
    expect(metric?.attributes).toMatchObject({ route: { value: 'tracks' }, reason: { value: 'auth_missing' } });
  });

  test('one a second of each class and route: an outage does not flood', async () => {
    for (let failed = 0; failed < 50; failed++) errors.recordSink(makeRefused());
    const other = makeRefused();
    other.route = 'posts';
    errors.recordSink(other);
    await errors.flush(20_000);
    await receiver.waitFor(() => receiver.events().length === 2);
    expect(errors.stats()).toEqual({ queued: 0, exported: 2, dropped: 49, exportFailures: 0 });
  });
});

test('reportError tags operation and feature, within the trace that is active', async () => {
  const record = makeRecord();
  runWithRecord(record, () =>
    errors.reportError('send invitation', new TypeError('no address'), { feature: 'playlists', token: 'abc', size: 3 }),
  );
  const event = await sent();
  expect(event.tags).toMatchObject({ operation: 'send invitation', feature: 'playlists', service: 'api-gateway' });
  expect(event.contexts?.operation).toEqual({ token: '[hidden]', size: 3 });
  expect(event.contexts?.trace).toMatchObject({ trace_id: record.traceId });
});

test('captureFatal is sent before the process ends', async () => {
  errors.captureFatal(new Error('the end'));
  await errors.close(2000);
  await receiver.waitFor(() => receiver.events().length === 1);
  expect(receiver.events()[0]).toMatchObject({ level: 'fatal', exception: { values: [{ value: 'the end' }] } });
});

test('a tracker that refuses is counted, and nothing is thrown', async () => {
  receiver.setMode('refuse');
  errors.recordSink(makeRefused());
  await errors.flush(20_000);
  expect(errors.stats()).toEqual({ queued: 0, exported: 0, dropped: 1, exportFailures: 1 });
});

test('tells where the tracker takes spans, and whom not to trace', () => {
  expect(errors.tracesEndpoint()).toEqual({
    url: `${receiver.url}/api/42/integration/otlp/v1/traces/`,
    headers: { 'X-Sentry-Auth': expect.stringContaining('sentry_key=publickey') as unknown },
  });
  expect(errors.host).toBe(new URL(receiver.url).host);
});

test('is off without a DSN: nothing is sent and every call is harmless', async () => {
  const off = start({ dsn: undefined });
  off.recordSink(makeRefused());
  off.reportError('x', new Error('x'));
  off.captureFatal(new Error('x'));
  await off.flush(10);
  await off.close(10);
  expect(off).toMatchObject({ enabled: false, host: undefined });
  expect(off.tracesEndpoint()).toBeUndefined();
  expect(off.stats()).toEqual({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 });
  expect(receiver.deliveries).toBe(0);
});

test('refuses a DSN that is none, without repeating it', () => {
  expect(() => start({ dsn: 'http://secretkey@nothing' })).toThrow('not of the form https://key@host/project');
});

test('collects nothing by itself, and makes no spans, whatever SENTRY_TRACES_SAMPLE_RATE says', () => {
  const options = sentryOptions({ dsn: receiver.dsn, environment: 'test', serviceName: 'g' });
  expect(options.tracesSampleRate).toBeNull();
  expect(options.dataCollection).toEqual({
    userInfo: false,
    cookies: false,
    httpHeaders: false,
    httpBodies: [],
    urlQueryParams: false,
  });
});

test('sends a test event on request, and says whether it arrived', async () => {
  expect(await errors.sendTest(20_000)).toMatchObject({ delivered: true });
  receiver.setMode('refuse');
  expect(await errors.sendTest(20_000)).toMatchObject({ delivered: false });
  expect(await start({ dsn: undefined }).sendTest(10)).toBeUndefined();
});

describe('the rate bound', () => {
  test('passes one a key in each interval and tells how many it held', () => {
    let nowMs = 0;
    const bound = new RateBound(1000, () => nowMs);
    expect([bound.pass('a'), bound.pass('a'), bound.pass('a'), bound.pass('b')]).toEqual([0, undefined, undefined, 0]);
    nowMs = 1000;
    expect(bound.pass('a')).toBe(2);
  });

  test('does not grow with keys that anyone can invent', () => {
    const bound = new RateBound(1000, () => 0);
    const passed = Array.from({ length: 5000 }, (_, index) => bound.pass(`key ${index}`));
    expect(passed.filter((held) => held !== undefined)).toHaveLength(1001);
  });
});
