import { afterEach, describe, expect, test } from '@jest/globals';
import { createRecorder } from '@clearway/telemetry';
import type { Tracing } from '@clearway/telemetry/tracing';
import {
  startJaegerReceiver,
  startOtlpReceiver,
  startSentryReceiver,
  startZipkinReceiver,
  type ReceivedSpan,
} from '../../../tests/receivers/index.ts';
import { makeAttempt, makeRecord } from './support/records.ts';
import { setVariables, startTestTracing } from './support/tracing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function started(tracing: Tracing): Tracing {
  cleanups.push(() => tracing.shutdown(2000));
  return tracing;
}

async function sendOne(tracing: Tracing) {
  const record = makeRecord({ parentSpanId: '00f067aa0ba902b7' });
  record.attempts.push(makeAttempt());
  createRecorder([{ name: 'spans', accept: tracing.spanSink }], (_sink, error) => {
    throw error;
  }).emit(record);
  await tracing.forceFlush();
  return record;
}

function expectSameTree(spans: readonly ReceivedSpan[], record: Awaited<ReturnType<typeof sendOne>>): void {
  expect(spans).toHaveLength(2);
  const server = spans.find((span) => span.kind === 'server');
  const client = spans.find((span) => span.kind === 'client');
  expect(server).toMatchObject({
    service: 'test-gateway',
    traceId: record.traceId,
    spanId: record.spanId,
    parentSpanId: '00f067aa0ba902b7',
    name: 'GET /v1/tracks/*',
  });
  expect(client).toMatchObject({
    traceId: record.traceId,
    spanId: record.attempts[0]?.spanId,
    parentSpanId: record.spanId,
    name: 'GET',
  });
}

describe('one record gives the same spans, with the same ids, by', () => {
  test('the local receiver (OTLP, protobuf)', async () => {
    const receiver = await startOtlpReceiver();
    cleanups.push(() => receiver.close());
    const record = await sendOne(started(startTestTracing({ localUrl: receiver.url })));
    expectSameTree(receiver.spans(), record);
  });

  test('OTLP to the standard endpoint, with the standard headers and attributes', async () => {
    const receiver = await startOtlpReceiver();
    cleanups.push(
      () => receiver.close(),
      setVariables({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=music',
        OTEL_SERVICE_NAME: 'named-by-variable',
      }),
    );
    await sendOne(started(startTestTracing({ exporter: 'otlp' })));
    expect(receiver.spans().map((span) => span.service)).toEqual(['named-by-variable', 'named-by-variable']);
  });

  test('Jaeger over HTTP', async () => {
    const receiver = await startJaegerReceiver();
    cleanups.push(() => receiver.close());
    const endpoint = `${receiver.url}/api/traces`;
    const record = await sendOne(started(startTestTracing({ exporter: 'jaeger', jaegerEndpoint: endpoint })));
    expectSameTree(receiver.spans(), record);
    expect(receiver.spans()[0]?.attributes).toMatchObject({ 'http.route': '/v1/tracks/*' });
  });

  test('Zipkin', async () => {
    const receiver = await startZipkinReceiver();
    cleanups.push(() => receiver.close());
    cleanups.push(setVariables({ OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${receiver.url}/api/v2/spans` }));
    const record = await sendOne(started(startTestTracing({ exporter: 'zipkin' })));
    expectSameTree(receiver.spans(), record);
  });

  test('an endpoint that was added later, beside the first', async () => {
    const local = await startOtlpReceiver();
    const sentry = await startSentryReceiver();
    cleanups.push(
      () => local.close(),
      () => sentry.close(),
    );
    const tracing = started(startTestTracing({ localUrl: local.url }));
    tracing.addEndpoint({ url: `${sentry.url}/api/42/integration/otlp/v1/traces/`, headers: { 'x-sentry-auth': 'k' } });
    const record = await sendOne(tracing);
    expectSameTree(local.spans(), record);
    expectSameTree(sentry.spans(), record);
  });
});

describe('tracing that is off', () => {
  test('exports nothing, by option', async () => {
    const receiver = await startOtlpReceiver();
    cleanups.push(() => receiver.close());
    const tracing = started(startTestTracing({ enabled: false, localUrl: receiver.url }));
    await sendOne(tracing);
    tracing.addEndpoint({ url: `${receiver.url}/v1/traces`, headers: {} });
    expect(tracing.enabled).toBe(false);
    expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 });
    expect(receiver.deliveries).toBe(0);
  });

  test('exports nothing, by OTEL_SDK_DISABLED', () => {
    cleanups.push(setVariables({ OTEL_SDK_DISABLED: 'true' }));
    expect(started(startTestTracing()).enabled).toBe(false);
  });
});
