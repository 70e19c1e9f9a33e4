import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import express from 'express';
import { Failure } from '@clearway/kernel';
import {
  errorHandler,
  loggedOperation,
  logger,
  metricsHandler,
  monitoredQuery,
  reportError,
  requestTelemetry,
  serviceTelemetry,
  shutdownTelemetry,
  trackMetric,
} from '@clearway/telemetry';
import { watchRoute } from '../src/service/route-pattern.ts';

let server: Server;
let url: string;
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  jest.spyOn(process.stdout, 'write').mockImplementation(takeSilently);
  // without the register entry: the helpers work all the same, as in a user's unit test
  const service = serviceTelemetry();
  service.logs.setLevel('debug');
  service.logs.logger.on('data', (info: { [key: symbol]: unknown }) => {
    lines.push(JSON.parse(String(info[Symbol.for('message')])) as Record<string, unknown>);
  });
  server = makeApp().listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await shutdownTelemetry(500);
  jest.restoreAllMocks();
});

/** The lines are read from the logger: the test's own output stays clean. */
function takeSilently(...values: unknown[]): boolean {
  const done = values.at(-1);
  if (typeof done === 'function') (done as () => void)();
  return true;
}

function makeApp(): express.Express {
  const app = express();
  app.get('/metrics', metricsHandler());
  app.use(requestTelemetry());
  app.use(express.json({ limit: 10 }));
  app.post('/echo', (request, response) => void response.json(request.body));
  app.get('/inside', (_request, response) => {
    logger.debug('inside');
    response.send('ok');
  });
  const router = express.Router();
  router.get('/fails', () => {
    throw new Error('within a router');
  });
  app.use('/mounted/7', router);
  app.get('/forbidden', () => {
    throw new Failure('auth_forbidden', { detail: 'not yours', headers: { 'x-hint': 'ask' } });
  });
  app.get('/odd', () => {
    throw 'odd' as unknown as Error;
  });
  app.get('/503', (_request, response) => void response.status(503).send('no'));
  app.get('/half', (_request, response) => {
    response.write('half');
    throw new Error('too late');
  });
  app.get('/hang', (_request, response) => void response.write('…'));
  app.use(errorHandler());
  return app;
}

const accessLine = async (path: string): Promise<Record<string, unknown>> => {
  for (;;) {
    const line = lines.find((candidate) => candidate.message === 'request' && candidate.path === path);
    if (line) return line;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

async function metric(start: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith(start));
}

describe('requestTelemetry', () => {
  test('continues the trace of its caller though tracing is off', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'x-request-id': 'mine' };
    const answer = await fetch(`${url}/inside`, { headers });
    expect([answer.headers.get('trace-id'), answer.headers.get('x-request-id')]).toEqual([traceId, 'mine']);
    expect(lines.find((line) => line.message === 'inside')).toMatchObject({ trace_id: traceId, request_id: 'mine' });
    expect(await accessLine('/inside')).toMatchObject({
      trace_id: traceId,
      route: '/inside',
      status: 200,
      bytes_out: 2,
    });
  });

  test('makes ids where there are none, and refuses ids that could break a log', async () => {
    const answer = await fetch(`${url}/nothing?x=1`, { headers: { 'x-request-id': 'a b"c' } });
    expect(answer.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(await accessLine('/nothing')).toMatchObject({ route: '_none', status: 404, level: 'info' });
  });

  test('keeps the whole pattern of a route in a router whose handler threw', async () => {
    await fetch(`${url}/mounted/7/fails`);
    expect(await accessLine('/mounted/7/fails')).toMatchObject({ route: '/mounted/:id/fails', status: 500 });
  });

  test('names an answer of 5xx internal, though nothing was thrown', async () => {
    await fetch(`${url}/503`);
    expect(await accessLine('/503')).toMatchObject({ level: 'error', reason: 'internal', cause: 'answered 503' });
  });

  test('names the client that went away', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /hang HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(await accessLine('/hang')).toMatchObject({ level: 'warn', reason: 'client_abort', status: 200 });
  });

  test('counts requests by route', async () => {
    await fetch(`${url}/inside`);
    await accessLine('/inside');
    expect((await metric('service_requests_total{route="/inside"'))[0]).toMatch(
      /method="GET",status_class="2xx",reason="none"\} \d$/,
    );
    expect(await metric('service_open_requests')).toEqual(['service_open_requests 0']);
  });
});

describe('errorHandler', () => {
  test('answers a Failure with its own class, detail and headers', async () => {
    const answer = await fetch(`${url}/forbidden`);
    expect([answer.status, answer.headers.get('x-hint')]).toEqual([403, 'ask']);
    expect(await answer.json()).toMatchObject({ reason: 'auth_forbidden', detail: 'not yours' });
    expect(await accessLine('/forbidden')).toMatchObject({ reason: 'auth_forbidden', level: 'warn' });
  });

  test.each([
    ['a body that is no JSON', '{', 400, 'request_invalid'],
    ['a body that is too large', '{"a":"bbbbbbbbbbbb"}', 413, 'body_too_large'],
  ])('answers %s as the client’s fault', async (_what, body, status, reason) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/echo`, { method: 'POST', body, headers });
    expect([answer.status, ((await answer.json()) as { reason: string }).reason]).toEqual([status, reason]);
  });

  test('answers anything else with 500, and shows nothing of it', async () => {
    const answer = await fetch(`${url}/odd`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('odd');
    expect(await accessLine('/odd')).toMatchObject({ reason: 'internal', cause: 'odd' });
  });

  test('closes the connection when the answer had begun', async () => {
    await expect(fetch(`${url}/half`).then((answer) => answer.text())).rejects.toThrow();
    expect(await accessLine('/half')).toMatchObject({ reason: 'internal', cause: 'too late' });
  });
});

describe('helpers', () => {
  test('monitoredQuery returns the result, and warns of a slow query', async () => {
    expect(await monitoredQuery('fast', () => Promise.resolve(1))).toBe(1);
    await monitoredQuery('slow', () => new Promise((resolve) => setTimeout(resolve, 110)));
    expect(lines.filter((line) => line.message === 'slow query')).toMatchObject([{ level: 'warn', query: 'slow' }]);
    expect(await metric('service_slow_queries_total')).toEqual(['service_slow_queries_total{query="slow"} 1']);
    expect(await metric('service_query_duration_seconds_count')).toEqual(
      expect.arrayContaining(['fast', 'slow'].map((name) => `service_query_duration_seconds_count{query="${name}"} 1`)),
    );
  });

  test('monitoredQuery logs, counts and passes on a failure', async () => {
    await expect(monitoredQuery('bad', () => Promise.reject(new Error('no table')))).rejects.toThrow('no table');
    expect(lines.find((line) => line.message === 'query failed')).toMatchObject({ level: 'error', query: 'bad' });
    expect(await metric('service_failed_queries_total')).toEqual(['service_failed_queries_total{query="bad"} 1']);
  });

  test('loggedOperation tells start and outcome, with the time it took', async () => {
    await loggedOperation('upload', () => 1, { track_id: 7 });
    await expect(loggedOperation('upload', () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    const messages = lines.filter((line) => line.operation === 'upload').map((line) => line.message);
    expect(messages).toEqual(['upload started', 'upload succeeded', 'upload started', 'upload failed']);
    expect(lines.find((line) => line.message === 'upload succeeded')).toMatchObject({
      track_id: 7,
      duration_ms: expect.any(Number) as unknown,
    });
  });

  test('trackMetric sums and counts; its names and labels are bounded', async () => {
    trackMetric('upload_size_bytes', 10, { format: 'flac' });
    trackMetric('upload_size_bytes', 5, { format: 'flac', later: 'ignored' });
    trackMetric('not a name', 1);
    trackMetric('upload_size_bytes', Number.NaN);
    for (let made = 0; made < 150; made++) trackMetric('by_user', 1, { user: `user-${made}` });
    expect(await metric('service_upload_size_bytes_')).toEqual([
      'service_upload_size_bytes_sum{format="flac"} 15',
      'service_upload_size_bytes_count{format="flac"} 2',
    ]);
    expect(await metric('service_invalid_name_count')).toEqual(['service_invalid_name_count 1']);
    expect((await metric('service_by_user_count')).length).toBeLessThan(102);
    expect(await metric('service_by_user_count{user="_other"}')).toHaveLength(1);
  });

  test('reportError logs and counts by operation and feature', async () => {
    reportError('send invitation', new Error('no address'), { feature: 'playlists', password: 'x' });
    reportError('other', 'odd');
    expect(lines.find((line) => line.operation === 'send invitation')).toMatchObject({
      level: 'error',
      feature: 'playlists',
      password: '[hidden]',
    });
    expect(await metric('service_errors_total')).toEqual([
      'service_errors_total{operation="send invitation",feature="playlists"} 1',
      'service_errors_total{operation="other",feature="none"} 1',
    ]);
  });

  test('the logger has all levels', () => {
    logger.info('info line');
    logger.warn('warn line', { a: 1 });
    expect(lines.map((line) => line.message)).toEqual(expect.arrayContaining(['info line', 'warn line']));
  });
});

test.each([
  ['', '/tracks/:id', '/tracks/:id'],
  ['/v1/lists/123e4567-e89b-42d3-a456-426614174000', '/', '/v1/lists/:id'],
  ['/v1', ['/a', '/b'], '/v1/a'],
  ['', /^\/x/, '/^\\/x/'],
  ['/v1', undefined, undefined],
])('the pattern of %s + %s is %s', (baseUrl, path, pattern) => {
  const request = { baseUrl } as { baseUrl: string; route?: { path: unknown } };
  const found = watchRoute(request as Parameters<typeof watchRoute>[0]);
  if (path !== undefined) request.route = { path };
  request.baseUrl = '';
  expect(found()).toBe(pattern);
});
