import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../receivers/index.ts';
import { readOpenMetrics, type Sample } from './support/open-metrics.ts';
import { startProcess, type LogLine, type RunningProcess } from './support/processes.ts';
import { openServers } from './support/servers.ts';

const SIZE = 20 * 1024 * 1024;
const servers = openServers();
const events = Promise.withResolvers<ServerResponse>();
let folder: string;
let otlp: OtlpReceiver;
let gateway: RunningProcess;
let origin: string;
let admin: string;

const listener = (req: IncomingMessage, res: ServerResponse): void => {
  if (req.url === '/events') {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    events.resolve(res);
  } else if (req.method === 'PUT') req.resume().once('end', () => res.writeHead(204).end());
  else res.end(Buffer.alloc(SIZE));
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-kinds-'));
  otlp = await startOtlpReceiver();
  const server = createServer(listener);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data)));
  const target = await servers.listen(server);
  const file = path.join(folder, 'clearway.yaml');
  const route = (id: string): object => ({ id, match: { path: `/${id}` }, upstream: 'main' });
  const routes = ['events', 'socket', 'upload', 'download'].map(route);
  writeFileSync(file, JSON.stringify({ version: 1, upstreams: { main: { targets: [{ url: target }] } }, routes }));
  gateway = startProcess('backend/api-gateway/dist/index.js', {
    OTEL_EXPORTER: 'local',
    OTEL_LOCAL_URL: otlp.url,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
  });
  const ready = await gateway.waitForLine((line) => line['message'] === 'gateway ready');
  origin = `http://127.0.0.1:${Number(ready['port'])}`;
  admin = `http://127.0.0.1:${Number(ready['admin_port'])}`;
});

afterAll(async () => {
  await gateway.stop();
  await Promise.all([otlp.close(), servers.close()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Signals {
  readonly line: LogLine;
  readonly server: ReceivedSpan;
  readonly attempt: ReceivedSpan;
  readonly samples: readonly Sample[];
}

/** Everything that the gateway said about the one request of a route. */
async function signalsOf(route: string): Promise<Signals> {
  const line = await gateway.waitForLine((l) => l['message'] === 'request' && l['route'] === route);
  const span = (kind: string) => otlp.spans().find((s) => s.traceId === line['trace_id'] && s.kind === kind);
  const server = await otlp.waitFor(() => span('server'));
  const attempt = await otlp.waitFor(() => span('client'));
  const samples = readOpenMetrics(await (await fetch(`${admin}/metrics`)).text());
  return { line, server, attempt, samples: samples.filter(({ labels }) => labels['route'] === route) };
}

/** Holds the signals of a request that succeeded against each other. */
function expectAgreement(
  { line, server, attempt, samples }: Signals,
  status: number,
  bytes: { in: number; out: number },
) {
  expect(line).toMatchObject({ status, attempts: 1, bytes_in: bytes.in, bytes_out: bytes.out });
  expect(line).not.toHaveProperty('reason');
  expect(server.attributes).toMatchObject({
    'http.response.status_code': status,
    'http.request.body.size': bytes.in,
    'http.response.body.size': bytes.out,
  });
  expect(attempt).toMatchObject({ parentSpanId: server.spanId, attributes: { 'http.response.status_code': status } });
  const of = (name: string) => samples.filter((sample) => sample.name === name && sample.value > 0);
  expect(of('clearway_requests_total')).toMatchObject([
    { value: 1, labels: { reason: 'none', status_class: `${Math.floor(status / 100)}xx` } },
  ]);
  const counted = Object.fromEntries(of('clearway_request_bytes_total').map((s) => [s.labels['direction'], s.value]));
  expect(counted).toEqual(Object.fromEntries(Object.entries(bytes).filter(([, value]) => value > 0)));
}

const hasLatency = ({ samples }: Signals): boolean =>
  samples.some(({ name, value }) => name === 'clearway_request_duration_seconds_count' && value > 0);

test('server-sent events: each one comes before the next is sent, one record at the end, no part in the latency', async () => {
  const answer = await fetch(`${origin}/events`);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const upstream = await events.promise;
  for (let i = 0; i < 10; i++) {
    upstream.write(`data: ${i}\n\n`);
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(`data: ${i}\n\n`);
  }
  expect(gateway.lines.some((line) => line['route'] === 'events')).toBe(false);
  upstream.end();
  const signals = await signalsOf('events');
  expectAgreement(signals, 200, { in: 0, out: 90 });
  expect(signals.line['trace_id']).toBe(answer.headers.get('trace-id'));
  expect(hasLatency(signals)).toBe(false);
});

test('a WebSocket: bytes both ways, one record at the end, no part in the latency', async () => {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/socket`);
  await once(socket, 'open');
  const open = readOpenMetrics(await (await fetch(`${admin}/metrics`)).text());
  expect(open.find(({ name }) => name === 'clearway_open_upgrades')?.value).toBe(1);
  socket.send('x'.repeat(1000));
  await once(socket, 'message');
  socket.close(1000);
  await once(socket, 'close');
  const signals = await signalsOf('socket');
  // frames: 4 bytes of head, 4 of mask from the client; and a Close frame with its code each way
  expectAgreement(signals, 101, { in: 1016, out: 1008 });
  expect(hasLatency(signals)).toBe(false);
  expect(signals.attempt.endMs).toBeGreaterThan(
    signals.attempt.events.find(({ name }) => name === 'headers')?.timeMs ?? Infinity,
  );
});

test('an upload and a download, larger than all buffers', async () => {
  const put = await fetch(`${origin}/upload`, { method: 'PUT', body: new Uint8Array(SIZE) });
  expect(put.status).toBe(204);
  const got = await (await fetch(`${origin}/download`)).arrayBuffer();
  expect(got.byteLength).toBe(SIZE);
  const [upload, download] = [await signalsOf('upload'), await signalsOf('download')];
  expectAgreement(upload, 204, { in: SIZE, out: 0 });
  expectAgreement(download, 200, { in: 0, out: SIZE });
  expect([hasLatency(upload), hasLatency(download)]).toEqual([true, true]);
});
