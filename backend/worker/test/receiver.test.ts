import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { problemDocumentSchema, traceListSchema, traceSchema } from '@clearway/contracts';
import { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MAX_BODY_BYTES, MAX_DECOMPRESSED_BYTES } from '../src/traces/receive-body.ts';
import { startApi, type ApiUnderTest } from './support/operations.ts';
import { field } from './support/protobuf.ts';
import { delivery, logDelivery, logRecord, newTraceId, span } from './support/spans.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi({ store: { limitBytes: 8 * 1024 * 1024 } });
});
afterEach(() => api.close());

const PROTOBUF = 'application/x-protobuf';

function post(path: string, body: Buffer | string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(api.origin + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** Spans as JSON, as a service without an SDK would write them. */
const jsonOf = ({ resourceSpans }: ReturnType<typeof delivery>) => JSON.stringify({ resourceSpans });

async function metric(name: string, labels = ''): Promise<number> {
  const text = await api.telemetry.metrics.render();
  const line = text.split('\n').find((each) => each.startsWith(`${name}${labels} `));
  return Number(line?.split(' ')[1]);
}

describe('what is sent is found', () => {
  test('from the real exporter of OpenTelemetry, gzip and protobuf', async () => {
    const exporter = new OTLPTraceExporter({ url: `${api.origin}/v1/traces`, compression: 'gzip' as never });
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'real' }),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    const made = Array.from({ length: 700 }, (_, i) => provider.getTracer('t').startSpan(`span ${i}`));
    made.forEach((each) => each.end());
    await provider.forceFlush();
    await provider.shutdown();
    const traceId = made[699]?.spanContext().traceId ?? '';
    const trace = traceSchema.parse(await (await api.get(`/api/traces/${traceId}`)).json());
    expect(trace.resourceSpans[0]?.scopeSpans[0]?.spans).toMatchObject([{ name: 'span 699', traceId }]);
    expect(await metric('clearway_traces_received_total', '{signal="spans"}')).toBe(700);
    expect(await metric('clearway_traces_stored_total', '{signal="spans"}')).toBe(700);
  });

  test('from a post of JSON, and at once', async () => {
    const only = span({ name: 'by hand' });
    const answer = await post('/v1/traces', jsonOf(delivery('curl', only)));
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
    const list = traceListSchema.parse(await (await api.get('/api/traces')).json());
    expect(list.traces).toMatchObject([{ traceId: only.traceId, service: 'curl', name: 'by hand' }]);
  });

  test('log records of a trace, and none that belong to no trace', async () => {
    const traceId = newTraceId();
    const { resourceLogs } = logDelivery('a', logRecord(traceId, 'hello'), logRecord('', 'of nobody'));
    const answer = await post('/v1/logs', JSON.stringify({ resourceLogs }));
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
    const found = await (await api.get(`/api/traces/${traceId}/logs`)).text();
    expect(found).toContain('hello');
    expect(found).not.toContain('of nobody');
    expect(await metric('clearway_traces_unusable_total', '{signal="logs",cause="no_trace"}')).toBe(1);
  });
});

describe('answers as OTLP says', () => {
  test('protobuf with protobuf, empty when all was taken', async () => {
    const answer = await post('/v1/traces', Buffer.alloc(0), { 'content-type': PROTOBUF });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(PROTOBUF);
    expect((await answer.arrayBuffer()).byteLength).toBe(0);
  });

  test('with a partial success when some of it was not taken', async () => {
    const spans = [span(), span({ attributes: { text: 'x'.repeat(300_000) } }), { ...span(), traceId: 'nonsense' }];
    const json = await post('/v1/traces', jsonOf(delivery('a', ...spans)));
    expect(await json.json()).toMatchObject({
      partialSuccess: { rejectedSpans: '2', errorMessage: expect.any(String) },
    });

    const noIds = field(1, field(2, field(2, Buffer.alloc(0))));
    const protobuf = await post('/v1/traces', noIds, { 'content-type': PROTOBUF });
    const read = ProtobufTraceSerializer.deserializeResponse(new Uint8Array(await protobuf.arrayBuffer()));
    expect(read.partialSuccess).toMatchObject({
      rejectedSpans: 1,
      errorMessage: expect.stringContaining('not stored'),
    });
    expect(await metric('clearway_traces_unusable_total', '{signal="spans",cause="rejected"}')).toBe(3);
  });

  test('for log records under their own name', async () => {
    const huge = logRecord(newTraceId(), 'x'.repeat(300_000));
    const { resourceLogs } = logDelivery('a', huge);
    const json = await post('/v1/logs', JSON.stringify({ resourceLogs }));
    expect(await json.json()).toMatchObject({ partialSuccess: { rejectedLogRecords: '1' } });
    const empty = await post('/v1/logs', Buffer.alloc(0), { 'content-type': PROTOBUF });
    expect(ProtobufLogsSerializer.deserializeResponse(new Uint8Array(await empty.arrayBuffer()))).toEqual({});
  });

  test('what is no OTLP with 400: a problem to JSON, a status to protobuf', async () => {
    const json = await post('/v1/traces', 'nonsense');
    expect(json.status).toBe(400);
    expect(problemDocumentSchema.parse(await json.json())).toMatchObject({ reason: 'request_invalid', status: 400 });
    const protobuf = await post('/v1/traces', Buffer.from([0xff]), { 'content-type': PROTOBUF });
    expect([protobuf.status, protobuf.headers.get('content-type')]).toEqual([400, PROTOBUF]);
    expect(Buffer.from(await protobuf.arrayBuffer()).toString()).toContain('the message ends within a field');
    expect(await metric('clearway_traces_refused_deliveries_total', '{signal="spans",status="400"}')).toBe(2);
  });

  test('what claims to be gzip and is not with 400', async () => {
    const answer = await post('/v1/traces', 'plain', { 'content-encoding': 'gzip' });
    expect(answer.status).toBe(400);
  });

  test.each([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': '' }],
    [{ 'content-encoding': 'br' }],
    [{ 'content-type': 'application/grpc' }],
  ])('other formats with 415: %j', async (headers) => {
    const answer = await post('/v1/traces', '{}', headers);
    expect(answer.status).toBe(415);
    expect(problemDocumentSchema.parse(await answer.json()).status).toBe(415);
  });

  test('a media type with parameters like the one without', async () => {
    expect((await post('/v1/traces', '{}', { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(200);
  });

  test('a queue without room with 429, so that the sender tries again', async () => {
    await api.close();
    api = await startApi({ store: { limitBytes: 256 * 1024, delayMs: 60_000 } });
    const spans = Array.from({ length: 300 }, () => span({ attributes: { padding: 'x'.repeat(1500) } }));
    await post('/v1/traces', jsonOf(delivery('a', ...spans)));
    const answer = await post('/v1/traces', jsonOf(delivery('a', span())));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
    api.store.flush();
    expect((await post('/v1/traces', jsonOf(delivery('a', span())))).status).toBe(200);
  });
});

describe('a body beyond the bound is refused with 413', () => {
  test('by its announced length, before it was sent', async () => {
    const answer = await announce(`Content-Length: ${MAX_BODY_BYTES + 1}`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  test('while it is sent, when it announced nothing', async () => {
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += chunk.length;
        if (sent > 64 * MAX_BODY_BYTES) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const answer = await fetch(`${api.origin}/v1/traces`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/json' },
    }).catch(() => undefined);
    // the connection may be closed before the answer was read
    expect([413, undefined]).toContain(answer?.status);
    expect(sent).toBeLessThan(16 * MAX_BODY_BYTES);
    expect(await metric('clearway_traces_refused_deliveries_total', '{signal="spans",status="413"}')).toBe(1);
  });

  test('once it is decompressed: a small body that becomes a huge one costs neither time nor memory', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(MAX_BODY_BYTES);
    const before = process.memoryUsage().rss;
    const used = process.cpuUsage();
    const answer = await post('/v1/traces', bomb, { 'content-type': PROTOBUF, 'content-encoding': 'gzip' });
    expect(answer.status).toBe(413);
    expect(process.cpuUsage(used).user / 1000).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before).toBeLessThan(20 * MAX_DECOMPRESSED_BYTES);
  });

  test('when its messages would take too much memory', async () => {
    const many = gzipSync(Buffer.alloc(800_000, field(1, Buffer.alloc(0))));
    const answer = await post('/v1/traces', many, { 'content-type': PROTOBUF, 'content-encoding': 'gzip' });
    expect(answer.status).toBe(413);
  });

  function announce(header: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(api.listener.port, '127.0.0.1', () => {
        socket.write(
          `POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${header}\r\n\r\n`,
        );
      });
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  }
});

test('a sender that goes away in the middle leaves nothing behind', async () => {
  const socket = connect(api.listener.port, '127.0.0.1');
  socket.write(
    'POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a',
  );
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.destroy();
  for (let i = 0; i < 40; i++) expect((await post('/v1/traces', '{}')).status).toBe(200);
});

test('too many deliveries at once are refused with 429, and the next one is taken again', async () => {
  const sockets = Array.from({ length: 16 }, () => {
    const socket = connect(api.listener.port, '127.0.0.1');
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    return socket;
  });
  let status = 0;
  for (let i = 0; i < 100 && status !== 429; i++) ({ status } = await post('/v1/traces', '{}'));
  expect(status).toBe(429);
  sockets.forEach((socket) => socket.destroy());
  for (let i = 0; i < 100 && status !== 200; i++) ({ status } = await post('/v1/traces', '{}'));
  expect(status).toBe(200);
});
