import { afterEach, expect, test } from '@jest/globals';
import type { Tracing } from '@clearway/telemetry/tracing';
import { startOtlpReceiver } from '../../../tests/receivers/index.ts';
import { onceAMinute } from '../src/tracing/once-a-minute.ts';
import { makeRecord } from './support/records.ts';
import { setVariables, startTestTracing } from './support/tracing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startWithReceiver(variables: Record<string, string>, onProblem: (message: string) => void = () => {}) {
  const receiver = await startOtlpReceiver();
  cleanups.push(() => receiver.close(), setVariables(variables));
  const tracing = startTestTracing({ localUrl: receiver.url, onProblem });
  cleanups.push(() => tracing.shutdown(500));
  return { receiver, tracing };
}

function emit(tracing: Tracing, count: number): void {
  for (let sent = 0; sent < count; sent++) tracing.spanSink(makeRecord());
}

test('counts the spans that a full queue refuses, and exports the others', async () => {
  const { receiver, tracing } = await startWithReceiver({ OTEL_BSP_MAX_QUEUE_SIZE: '10' });
  emit(tracing, 25);
  expect(tracing.stats()).toEqual({ queued: 10, exported: 0, dropped: 15, exportFailures: 0 });
  await tracing.forceFlush();
  expect(receiver.spans()).toHaveLength(10);
  expect(tracing.stats()).toEqual({ queued: 0, exported: 10, dropped: 15, exportFailures: 0 });
});

test('counts the spans of an export that the collector refuses, and says so once', async () => {
  const problems: string[] = [];
  const { receiver, tracing } = await startWithReceiver({ OTEL_EXPORTER_OTLP_TIMEOUT: '100' }, (message) =>
    problems.push(message),
  );
  receiver.setMode('refuse');
  emit(tracing, 3);
  await tracing.forceFlush();
  emit(tracing, 2);
  await tracing.forceFlush();
  expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 5, exportFailures: 2 });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^spans were not exported: /);
});

test('gives up on a collector that never answers, and counts its spans once', async () => {
  const { receiver, tracing } = await startWithReceiver({ OTEL_BSP_EXPORT_TIMEOUT: '50' });
  receiver.setMode('hang');
  emit(tracing, 4);
  await tracing.forceFlush();
  expect(tracing.stats()).toEqual({ queued: 0, exported: 0, dropped: 4, exportFailures: 1 });
});

test('shuts down within its limit and never rejects, though the collector hangs', async () => {
  const { receiver, tracing } = await startWithReceiver({ OTEL_EXPORTER_OTLP_TIMEOUT: '60000' });
  receiver.setMode('hang');
  emit(tracing, 1);
  const startMs = performance.now();
  await tracing.shutdown(100);
  expect(performance.now() - startMs).toBeLessThan(30_000);
});

test('shuts down without an error when nobody listens', async () => {
  const { receiver, tracing } = await startWithReceiver({ OTEL_EXPORTER_OTLP_TIMEOUT: '100' });
  await receiver.close();
  cleanups.shift();
  emit(tracing, 1);
  await expect(tracing.shutdown(2000)).resolves.toBeUndefined();
  expect(tracing.stats().dropped).toBe(1);
});

test('tells the listener that was named last', async () => {
  const problems: string[] = [];
  const { receiver, tracing } = await startWithReceiver({ OTEL_BSP_EXPORT_TIMEOUT: '50' });
  receiver.setMode('hang');
  tracing.onProblem((message) => problems.push(message));
  emit(tracing, 1);
  await tracing.forceFlush();
  expect(problems).toEqual(['spans were not exported: the collector did not answer in time']);
});

test('lets one message a minute through and says how many it held back', () => {
  const said: string[] = [];
  let nowMs = 0;
  const say = onceAMinute(
    (message) => said.push(message),
    () => nowMs,
  );
  say('a');
  say('b');
  nowMs = 59_999;
  say('c');
  nowMs = 60_000;
  say('d');
  expect(said).toEqual(['a', 'd (and 2 more in the last minute)']);
});
