import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { startOtlpReceiver, type OtlpReceiver } from './index.ts';

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.close());

const TRACE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const RESOURCE = { attributes: [{ key: 'service.name', value: { stringValue: 'worker' } }] };

function send(path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  return fetch(receiver.url + path, { method: 'POST', headers, body: gzipSync(JSON.stringify(body)) });
}

test('reads spans in OTLP’s JSON', async () => {
  const span = {
    ...TRACE,
    name: 'GET /',
    kind: 2,
    startTimeUnixNano: '1000000000',
    endTimeUnixNano: '1002000000',
    attributes: [{ key: 'http.response.status_code', value: { intValue: '200' } }],
    events: [{ name: 'sent', timeUnixNano: '1001000000' }],
    status: { code: 2, message: 'no' },
  };
  await send('/v1/traces', {
    resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ scope: { name: 's' }, spans: [span] }] }],
  });
  expect(receiver.spans()).toEqual([
    {
      ...TRACE,
      parentSpanId: '',
      service: 'worker',
      scope: 's',
      name: 'GET /',
      kind: 'server',
      startMs: 1000,
      endMs: 1002,
      attributes: { 'http.response.status_code': 200 },
      events: [{ name: 'sent', timeMs: 1001 }],
      failed: true,
      statusMessage: 'no',
    },
  ]);
});

test('reads log records in OTLP’s JSON', async () => {
  const record = { ...TRACE, severityText: 'warn', body: { stringValue: 'slow' }, attributes: [] };
  await send('/v1/logs', { resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ logRecords: [record] }] }] });
  expect(receiver.logs()).toEqual([{ ...TRACE, service: 'worker', severity: 'warn', body: 'slow', attributes: {} }]);
});

test('waits until something comes, and says what it waited for in vain', async () => {
  const waiting = receiver.waitFor(() => receiver.deliveries === 1);
  await send('/v1/traces', { resourceSpans: [] });
  await waiting;
  await expect(receiver.waitFor(() => receiver.spans()[0], 10)).rejects.toThrow('not received within 10 ms');
});

test('fails those who wait when it is sent what it cannot read', async () => {
  await send('/elsewhere', {});
  await expect(receiver.waitFor(() => receiver.spans()[0], 100)).rejects.toThrow('OTLP was sent to /elsewhere');
});

test('refuses when it is told to, and keeps nothing', async () => {
  receiver.setMode('refuse');
  expect((await send('/v1/traces', { resourceSpans: [] })).status).toBe(503);
  expect(receiver.spans()).toEqual([]);
});
