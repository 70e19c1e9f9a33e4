import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  startJaegerReceiver,
  startOtlpReceiver,
  startSentryReceiver,
  startZipkinReceiver,
  type ReceivedSpan,
  type Receiver,
} from '../receivers/index.ts';
import { startProcess, type RunningProcess } from './support/processes.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-exporters-'));
  writeFileSync(path.join(folder, 'clearway.yaml'), 'version: 1\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function startGateway(variables: Record<string, string>): Promise<{ process: RunningProcess; origin: string }> {
  const gateway = startProcess('backend/api-gateway/dist/index.js', {
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: path.join(folder, 'clearway.yaml'),
    ...variables,
  });
  const ready = await gateway.waitForLine((line) => line['message'] === 'gateway ready');
  return { process: gateway, origin: `http://127.0.0.1:${Number(ready['port'])}` };
}

const ask = (origin: string) =>
  fetch(`${origin}/nowhere`, { headers: { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` } });

describe('what is queued leaves before the process ends', () => {
  const exporters: [
    string,
    () => Promise<Receiver & { spans(): readonly ReceivedSpan[] }>,
    (url: string) => Record<string, string>,
  ][] = [
    ['otlp', startOtlpReceiver, (url) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })],
    ['jaeger', startJaegerReceiver, (url) => ({ OTEL_EXPORTER_JAEGER_ENDPOINT: `${url}/api/traces` })],
    ['zipkin', startZipkinReceiver, (url) => ({ OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans` })],
  ];

  test.each(exporters)('by %s', async (exporter, startReceiver, variables) => {
    const receiver = await startReceiver();
    const gateway = await startGateway({ OTEL_EXPORTER: exporter, ...variables(receiver.url) });
    const answer = await ask(gateway.origin);
    await answer.arrayBuffer();
    expect(await gateway.process.stop()).toBe(0);
    const line = gateway.process.lines.find((l) => l['trace_id'] === TRACE_ID);
    expect(receiver.spans()).toMatchObject([
      { traceId: TRACE_ID, spanId: line?.['span_id'], parentSpanId: '00f067aa0ba902b7', service: 'api-gateway' },
    ]);
    await receiver.close();
  });
});

describe('telemetry never hurts traffic', () => {
  test.each(['refuse', 'hang'] as const)(
    'a collector and an error tracker that %s change no answer and not the exit',
    async (mode) => {
      const [otlp, sentry] = await Promise.all([startOtlpReceiver(), startSentryReceiver()]);
      otlp.setMode(mode);
      sentry.setMode(mode);
      const gateway = await startGateway({ OTEL_EXPORTER: 'local', OTEL_LOCAL_URL: otlp.url, SENTRY_DSN: sentry.dsn });
      const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await ask(gateway.origin)).status));
      expect(new Set(statuses)).toEqual(new Set([404]));
      expect(await gateway.process.stop()).toBe(0);
      await Promise.all([otlp.close(), sentry.close()]);
    },
  );

  test('with tracing off, ids are still given and nothing is exported', async () => {
    const otlp = await startOtlpReceiver();
    const gateway = await startGateway({ OTEL_ENABLED: 'false', OTEL_LOCAL_URL: otlp.url });
    const answer = await ask(gateway.origin);
    expect(answer.headers.get('trace-id')).toBe(TRACE_ID);
    expect(await gateway.process.stop()).toBe(0);
    expect(otlp.deliveries).toBe(0);
    await otlp.close();
  });
});

describe('the process', () => {
  test('refuses a faulty environment and configuration with all problems and 78, before any port is opened', async () => {
    const file = path.join(folder, 'faulty.yaml');
    writeFileSync(file, 'version: 1\nroutes:\n  - { id: A }\nnonsense: 1\n');
    const environment = startProcess('backend/api-gateway/dist/index.js', { GATEWAY_PORT: 'x', LOG_LEVEL: 'loud' });
    expect(await environment.ended).toBe(78);
    expect(environment.errors()).toMatch(/GATEWAY_PORT[^]*LOG_LEVEL/);
    const configuration = startProcess('backend/api-gateway/dist/index.js', {
      CLEARWAY_CONFIG: file,
      GATEWAY_PORT: '0',
      ADMIN_PORT: '0',
    });
    expect(await configuration.ended).toBe(78);
    expect(configuration.errors()).toMatch(/faulty\.yaml:3:\d+ routes\[0\]\.id[^]*nonsense/);
  });

  test('an error that nobody handled is reported, then the process drains and exits with 1', async () => {
    const sentry = await startSentryReceiver();
    const gateway = await startGateway({
      SENTRY_DSN: sentry.dsn,
      OTEL_ENABLED: 'false',
      NODE_OPTIONS: `--import=${path.join(import.meta.dirname, 'support/reject-on-sigusr2.mjs')}`,
    });
    process.kill(gateway.process.pid, 'SIGUSR2');
    expect(await gateway.process.ended).toBe(1);
    const event = await sentry.waitFor(() => sentry.events()[0]);
    expect(event.level).toBe('fatal');
    const stopping = gateway.process.lines.find((line) => line['message'] === 'stopping');
    expect(stopping).toMatchObject({ cause: 'fatal' });
    await sentry.close();
  });
});
