import { afterEach, describe, expect, test } from '@jest/globals';
import { healthDocumentSchema, problemDocumentSchema } from '@clearway/contracts';
import type { OperationsToken } from '@clearway/kernel';
import { connect } from 'node:net';
import { cronOperations } from '../src/database/monitoring/cron-operations.ts';
import type { DatabaseMonitoring } from '../src/database/monitoring/monitoring.ts';
import { startApi, type ApiOptions, type ApiUnderTest } from './support/operations.ts';
import { rawRequest } from './support/raw-request.ts';

const VIEWER = 'viewer-token-0123456789';
const OPERATOR = 'operator-token-0123456789';
const TOKENS: OperationsToken[] = [
  { role: 'viewer', token: VIEWER },
  { role: 'operator', token: OPERATOR },
];

const opened: ApiUnderTest[] = [];
async function start(options: ApiOptions = {}): Promise<ApiUnderTest> {
  const api = await startApi(options);
  opened.push(api);
  return api;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((api) => api.close()));
});

const READS = [
  '/api/traces',
  `/api/traces/${'1'.repeat(32)}`,
  `/api/traces/${'1'.repeat(32)}/logs`,
  '/api/health',
  '/api/health/database',
  '/metrics',
  '/nothing/here',
];
const PUBLIC = ['/livez', '/readyz', '/startupz', '/api/openapi.json', '/api/docs', '/api/docs/start.js'];
const INGEST = ['/v1/traces', '/v1/logs'];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test.each(['GET', 'POST'])(
  'without a secret for schedulers none is let in, whatever it presents (%s)',
  async (method) => {
    const monitoring = { watches: new Map() } as unknown as DatabaseMonitoring;
    const api = await start({ tokens: TOKENS, more: cronOperations(monitoring) });
    for (const headers of [{}, bearer(''), bearer('undefined'), bearer(OPERATOR)]) {
      const answer = await fetch(`${api.origin}/api/cron/monitor`, { method, headers });
      expect([answer.status, problemDocumentSchema.parse(await answer.json()).reason]).toEqual([403, 'auth_forbidden']);
    }
  },
);

describe('with tokens', () => {
  test.each(READS)('%s is read by viewers and operators only', async (path) => {
    const api = await start({ tokens: TOKENS });
    const status = async (headers: Record<string, string>) => (await api.get(path, headers)).status;
    const refused = await api.get(path);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="clearway"']);
    expect(problemDocumentSchema.parse(await refused.json()).reason).toBe('auth_missing');
    expect(await status(bearer('wrong-token-0123456789'))).toBe(401);
    expect(await status({ authorization: 'Basic dXNlcjpwYXNz' })).toBe(401);
    for (const token of [VIEWER, OPERATOR]) expect([200, 404]).toContain(await status(bearer(token)));
  });

  test.each(PUBLIC)('%s is open: it holds nothing of this deployment', async (path) => {
    const api = await start({ tokens: TOKENS });
    expect([200, 503]).toContain((await api.get(path)).status);
  });

  test.each(INGEST)('%s takes what programs of this machine send, and others with a token only', async (path) => {
    const api = await start({ tokens: TOKENS });
    const post = async (headers: Record<string, string>) => {
      const all = { 'content-type': 'application/json', ...headers };
      const { status } = await rawRequest(api.origin + path, { method: 'POST', headers: all, body: Buffer.from('{}') });
      return status;
    };
    expect(await post({})).toBe(200);
    expect(await post(bearer(VIEWER))).toBe(200);
    expect(await post(bearer('wrong-token-0123456789'))).toBe(401);
    // a proxy on this machine speaks for somebody else
    for (const header of ['x-forwarded-for', 'forwarded', 'via']) {
      expect(await post({ [header]: 'for=203.0.113.9' })).toBe(401);
      expect(await post({ [header]: 'for=203.0.113.9', ...bearer(OPERATOR) })).toBe(200);
    }
    expect(await post({ host: 'attacker.example' })).toBe(403);
    expect(await post({ origin: 'https://attacker.example' })).toBe(403);
  });

  test('a caller from another machine needs one to send as well', async () => {
    const api = await start({ tokens: TOKENS, host: '0.0.0.0' });
    const address = await otherAddress();
    if (address === undefined) return;
    const url = `http://${address}:${api.listener.port}/v1/traces`;
    const send = (headers: Record<string, string>) =>
      rawRequest(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: Buffer.from('{}'),
      });
    expect((await send({})).status).toBe(401);
    expect((await send(bearer(VIEWER))).status).toBe(200);
  });

  test('operations of operators are refused to viewers', async () => {
    const api = await start({ tokens: TOKENS, more: [operatorOnly()] });
    const status = async (token: string) => (await api.get('/api/only', bearer(token))).status;
    expect([await status(VIEWER), await status(OPERATOR)]).toEqual([403, 200]);
  });

  test('hosts and error texts are shown to operators only', async () => {
    const api = await start({ tokens: TOKENS });
    api.isUp = false;
    const body = async (token: string) => (await api.get('/api/health', bearer(token))).text();
    expect(await body(VIEWER)).not.toMatch(/secret host|5432/);
    expect(await body(OPERATOR)).toMatch(/127\.0\.0\.1:5432.*secret host is down/);
  });
});

describe('without tokens', () => {
  test.each([...READS, ...PUBLIC])('%s answers loopback names only, and no page of another site', async (path) => {
    const api = await start();
    const status = async (headers: Record<string, string>) => (await rawRequest(api.origin + path, { headers })).status;
    const isServed = async (headers: Record<string, string>) => [200, 404, 503].includes(await status(headers));
    for (const host of ['localhost', 'localhost:8002', '127.0.0.1:8002', '[::1]:8002'])
      expect(await isServed({ host })).toBe(true);
    for (const host of ['attacker.example', '127.0.0.1.attacker.example', '10.0.0.1']) {
      expect(await status({ host })).toBe(403);
    }
    const host = `127.0.0.1:${api.listener.port}`;
    expect(await isServed({ host, origin: `http://${host}` })).toBe(true);
    expect(await isServed({ host, 'sec-fetch-site': 'none' })).toBe(true);
    expect(await status({ host, origin: 'https://attacker.example' })).toBe(403);
    expect(await status({ host, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await status({ host, 'sec-fetch-site': 'same-site' })).toBe(403);
  });

  test.each(INGEST)('%s takes nothing that a page of another site sends', async (path) => {
    const api = await start();
    const headers = { 'content-type': 'application/json', origin: 'https://attacker.example' };
    const { status } = await rawRequest(api.origin + path, { method: 'POST', headers, body: Buffer.from('{}') });
    expect(status).toBe(403);
  });
});

describe('every answer', () => {
  test.each([...READS, ...PUBLIC])('%s has the headers that keep browsers from misusing it', async (path) => {
    const api = await start();
    const { headers } = await api.get(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('content-security-policy')).not.toMatch(/script-src[^;]*unsafe/);
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('x-powered-by')).toBeNull();
  });

  test.each<[string, string, number, string]>([
    ['GET', '/nothing', 404, 'route_not_found'],
    ['GET', '/api/docs/package.json', 404, 'route_not_found'],
    ['GET', '/api/docs/..%2f..%2fpackage.json', 404, 'route_not_found'],
    ['GET', '/api/traces/%E0%A4%A', 400, 'request_invalid'],
    ['GET', '/api/health/unknown', 404, 'route_not_found'],
    ['POST', '/api/traces', 405, 'method_not_allowed'],
    ['GET', '/v1/traces', 405, 'method_not_allowed'],
    ['DELETE', '/api/health', 405, 'method_not_allowed'],
    ['GET', '/api/broken', 500, 'internal'],
  ])('%s %s fails as a problem document with %i', async (method, path, status, reason) => {
    const api = await start({ more: [broken()] });
    const answer = await rawRequest(api.origin + path, { method });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const problem = problemDocumentSchema.parse(JSON.parse(answer.body.toString()));
    expect(problem).toMatchObject({ status, reason });
    expect(answer.status).toBe(status);
    expect(JSON.stringify(problem)).not.toContain('internal detail');
  });

  test('that failed inside is logged with its cause, under the trace that the answer names', async () => {
    const api = await start({ more: [broken()] });
    const { traceId } = problemDocumentSchema.parse(await (await api.get('/api/broken')).json());
    await api.telemetry.logs.close(1000);
    const line = api.logged.find((each) => each.includes('an operation failed'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      trace_id: traceId,
      error: expect.stringContaining('internal detail'),
    });
  });

  test('to a method that is not taken names those that are', async () => {
    const api = await start();
    const allow = async (method: string, path: string) =>
      (await rawRequest(api.origin + path, { method })).headers.allow;
    expect([await allow('POST', '/api/traces'), await allow('PUT', '/v1/logs')]).toEqual(['GET, HEAD', 'POST']);
  });

  test('of a recorded operation carries the ids that its problem names', async () => {
    const api = await start();
    const answer = await api.get('/api/traces?limit=0', { 'x-request-id': 'order-4711' });
    const problem = problemDocumentSchema.parse(await answer.json());
    expect(problem).toMatchObject({ requestId: 'order-4711', traceId: answer.headers.get('trace-id') });
  });

  test.each<[string, RegExp]>([
    ['nonsense\r\n\r\n', /^HTTP\/1.1 400 .*request_invalid/s],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431 .*headers_too_large/s],
  ])('to what is no request is a problem document, too', async (text, expected) => {
    const api = await start();
    const socket = connect(api.listener.port, '127.0.0.1');
    socket.end(text);
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(expected);
    expect(answer).toContain('application/problem+json');
  });
});

describe('health', () => {
  test('is 200 while the database is up, 503 while it is down, and says so of one service alone', async () => {
    const api = await start();
    const get = async (path: string) => {
      const answer = await api.get(path);
      return [answer.status, healthDocumentSchema.parse(await answer.json()).status];
    };
    expect(await get('/api/health')).toEqual([200, 'healthy']);
    api.isUp = false;
    expect(await get('/api/health?quick=true')).toEqual([200, 'healthy']);
    expect(await get('/api/health')).toEqual([503, 'unhealthy']);
    expect(await get('/api/health/database')).toEqual([503, 'unhealthy']);
    expect(await get('/api/health?quick=true')).toEqual([503, 'unhealthy']);
  });

  test('readiness follows the process: starting, ready, draining', async () => {
    const api = await start();
    const states = async () => {
      const answers = await Promise.all(['/livez', '/startupz', '/readyz'].map((path) => api.get(path)));
      return answers.map(({ status }) => status);
    };
    expect(await states()).toEqual([200, 200, 503]);
    expect(await (await api.get('/readyz')).json()).toEqual({ status: 'starting', waitingFor: ['database'] });
    api.readiness.have('database');
    expect(await states()).toEqual([200, 200, 200]);
    api.readiness.drain();
    expect(await states()).toEqual([200, 200, 503]);
  });
});

test('metrics are OpenMetrics and tell of receiver and store', async () => {
  const api = await start();
  const answer = await api.get('/metrics');
  expect(answer.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
  const text = await answer.text();
  for (const name of ['received', 'stored', 'dropped', 'evicted', 'store_bytes', 'store_limit_bytes', 'kept']) {
    expect(text).toMatch(new RegExp(`# TYPE clearway_traces_${name} (counter|gauge)`));
  }
  expect(text).toMatch(/clearway_traces_dropped_total\{cause="disk"\} 0/);
  expect(text).toMatch(/clearway_traces_evicted_total\{class="failed"\} 0/);
  expect(text.endsWith('# EOF\n')).toBe(true);
});

function operatorOnly() {
  return {
    method: 'get',
    path: '/api/only',
    access: 'operator',
    recorded: true,
    documentation: { responses: { '200': { description: 'Yes.' } } },
    handle: (_req: unknown, res: { json(body: object): unknown }) => void res.json({}),
  } as const;
}

function broken() {
  return {
    ...operatorOnly(),
    path: '/api/broken',
    handle: () => Promise.reject(new Error('internal detail')),
  } as const;
}

/** An address of this machine that is not loopback's. */
async function otherAddress(): Promise<string | undefined> {
  const { networkInterfaces } = await import('node:os');
  return Object.values(networkInterfaces())
    .flat()
    .find((each) => each && !each.internal && each.family === 'IPv4')?.address;
}
