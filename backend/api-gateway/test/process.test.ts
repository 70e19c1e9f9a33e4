import { recentRecordListSchema } from '@clearway/contracts';
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneRoute, startWhole, type GatewayUnderTest } from './support.ts';

const releases: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

async function upstream(listener: Parameters<typeof createServer>[1]): Promise<{ origin: string; server: Server }> {
  const server = createServer(listener as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function start(yaml: string, variables?: Record<string, string>): Promise<GatewayUnderTest> {
  const gateway = await startWhole(yaml, variables);
  releases.push(() => gateway.close());
  return gateway;
}

const json = async (url: string, init?: RequestInit) =>
  (await (await fetch(url, init)).json()) as Record<string, unknown>;

async function exchangeRaw(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

/** Repeats an expectation until it holds: the file system tells of a change when it likes. */
async function eventually(expectation: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await expectation();
    } catch (error) {
      if (attempt === 500) throw error;
      await sleep(50);
    }
  }
}

describe('the public listener', () => {
  test("keeps the gateway's own paths from wildcard routes, and only those", async () => {
    const { origin } = await upstream((req, res) => res.end(`upstream ${req.method} ${req.url}`));
    const gateway = await start(oneRoute(origin));
    for (const path of ['/livez', '/readyz', '/startupz', '/api/health']) {
      expect((await fetch(gateway.origin + path)).status).toBe(200);
      expect((await fetch(gateway.origin + path)).headers.get('content-type')).toMatch(/json/);
    }
    expect(await (await fetch(`${gateway.origin}/api/healthy`)).text()).toBe('upstream GET /api/healthy');
    expect((await fetch(`${gateway.origin}/api/health/nothing`)).status).toBe(404);
    const ask = (target: string) =>
      exchangeRaw(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    for (const disguised of ['/v1/../livez', 'http://a/livez', 'http://a//%6Civez?x=%zz']) {
      expect(await ask(disguised)).toContain('{"status":"ready"}');
    }
    for (const broken of ['/api/health/%zz', '/api/health/%E0']) {
      expect(await ask(broken)).toContain('"reason":"request_invalid"');
    }
    expect((await fetch(`${gateway.origin}/livez`, { method: 'POST' })).status).toBe(405);
  });

  test('an expectation that nobody knows is ignored, and the request recorded', async () => {
    const { origin } = await upstream((_req, res) => res.end('upstream'));
    const gateway = await start(oneRoute(origin));
    const answer = await exchangeRaw(
      gateway.port,
      'GET /a HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/\r\nX-Request-Id: /);
  });

  test('moves its own paths below a prefix', async () => {
    const { origin } = await upstream((req, res) => res.end(`upstream ${req.url}`));
    const gateway = await start(oneRoute(origin, 'server: { healthPrefix: /_gateway }'));
    expect(await json(`${gateway.origin}/_gateway/readyz`)).toEqual({ status: 'ready' });
    expect(await (await fetch(`${gateway.origin}/readyz`)).text()).toBe('upstream /readyz');
  });

  test.each([
    ['request_invalid', 400, 'NONSENSE\r\n\r\n'],
    ['request_invalid', 400, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['headers_too_large', 431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('answers and records what the parser refuses: %s', async (reason, status, text) => {
    const gateway = await start(oneRoute('http://127.0.0.1:9'));
    const answer = await exchangeRaw(gateway.port, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(`Clearway-Reason: ${reason}`);
    const { records } = (await json(`${gateway.admin}/api/gateway/records`)) as { records: Record<string, unknown>[] };
    expect(records[0]).toMatchObject({ reason, status });
    expect(answer).toContain(`Trace-Id: ${String(records[0]?.['traceId'])}`);
  });

  test('drains: not ready at once, open requests end, then the port is closed', async () => {
    let finish: (() => void) | undefined;
    const { origin, server } = await upstream((_req, res) => (finish = () => res.end('done')));
    const gateway = await start(oneRoute(origin, 'server: { drain: { delayMs: 1500 } }'));
    const slow = fetch(gateway.origin);
    await once(server, 'request');
    const released = gateway.lifecycle.release();
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(503);
    expect((await fetch(`${gateway.origin}/livez`)).headers.get('connection')).toBe('close');
    finish?.();
    expect(await (await slow).text()).toBe('done');
    const outcomes = await released;
    expect(outcomes.filter(({ error }) => error)).toEqual([]);
    await expect(fetch(gateway.origin)).rejects.toThrow();
  });
});

describe('the admin listener', () => {
  test('hides what looks like a credential in the paths of recent requests, as the log does', async () => {
    const { origin } = await upstream((_req, res) => res.end('ok'));
    const gateway = await start(oneRoute(origin));
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl';
    await (await fetch(`${gateway.origin}/invitations/${token}`)).text();
    const { records } = recentRecordListSchema.parse(await json(`${gateway.admin}/api/gateway/records`));
    expect(records[0]?.path).toBe('/invitations/[hidden]');
  });

  test('shows the configuration, recent requests and OpenMetrics', async () => {
    const { origin } = await upstream((_req, res) => res.end('ok'));
    const gateway = await start(oneRoute(origin));
    const answer = await fetch(`${gateway.origin}/x?page=secret`);
    await answer.text();
    const { records } = recentRecordListSchema.parse(await json(`${gateway.admin}/api/gateway/records?limit=5`));
    expect(records).toMatchObject([{ route: 'all', path: '/x', traceId: answer.headers.get('trace-id') }]);
    expect(JSON.stringify(records)).not.toContain('secret');
    const metrics = await fetch(`${gateway.admin}/metrics`);
    expect(metrics.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
    const text = await metrics.text();
    expect(text).toMatch(
      /clearway_requests_total\{route="all",method="GET",status_class="2xx",reason="none",upstream="main"\} 1/,
    );
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(await json(`${gateway.admin}/api/gateway/configuration`)).toMatchObject({
      configuration: { routes: [{ id: 'all' }] },
    });
  });

  test('changes the log level at run time and refuses nonsense', async () => {
    const gateway = await start(oneRoute('http://127.0.0.1:9'));
    const put = (body: string) =>
      fetch(`${gateway.admin}/api/gateway/log-level`, {
        method: 'PUT',
        body,
        headers: { 'content-type': 'application/json' },
      });
    expect((await put('{"level":"debug"}')).status).toBe(200);
    expect(await json(`${gateway.admin}/api/gateway/log-level`)).toEqual({ level: 'debug' });
    for (const bad of ['{"level":"loud"}', '{', '[]']) expect((await put(bad)).status).toBe(400);
    expect((await fetch(`${gateway.admin}/api/gateway/records?limit=x`)).status).toBe(400);
    expect((await fetch(`${gateway.admin}/nothing`)).status).toBe(404);
  });

  test('without tokens refuses names that are not loopback and pages of other sites', async () => {
    const gateway = await start(oneRoute('http://127.0.0.1:9'));
    const rebound = await exchangeRaw(
      gateway.adminPort,
      'GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    );
    expect(rebound).toMatch(/^HTTP\/1.1 403 /);
    const page = await fetch(`${gateway.admin}/metrics`, { headers: { origin: 'https://evil.example' } });
    expect(page.status).toBe(403);
  });

  test('with tokens a viewer reads, an operator changes, and details are for operators alone', async () => {
    const tokens = { OPERATIONS_TOKENS: 'viewer:viewer-token-0000,operator:operator-token-00' };
    const yaml = oneRoute(
      'http://127.0.0.1:9',
      "checks: [{ id: api, url: 'http://127.0.0.1:9/health', timeoutMs: 500 }]",
    );
    const gateway = await start(yaml, tokens);
    const as = (token: string, init: RequestInit = {}) => ({ ...init, headers: { authorization: `Bearer ${token}` } });
    expect((await fetch(`${gateway.admin}/metrics`)).status).toBe(401);
    expect((await fetch(`${gateway.admin}/metrics`, as('wrong-token-000000'))).status).toBe(401);
    expect((await fetch(`${gateway.admin}/metrics`, as('viewer-token-0000'))).status).toBe(200);
    const reload = (token: string) => fetch(`${gateway.admin}/api/gateway/reload`, as(token, { method: 'POST' }));
    expect((await reload('viewer-token-0000')).status).toBe(403);
    expect((await reload('operator-token-00')).status).toBe(200);
    const service = async (url: string, token: string) => {
      const { services } = await json(url, as(token));
      return (services as Record<string, object>)['api'];
    };
    for (const base of [gateway.admin, gateway.origin]) {
      expect(await service(`${base}/api/health`, 'viewer-token-0000')).not.toHaveProperty('error');
      expect(await service(`${base}/api/health`, 'operator-token-00')).toMatchObject({
        status: 'down',
        target: '127.0.0.1:9',
      });
      expect(await service(`${base}/api/health`, 'operator-token-00')).toHaveProperty('error');
    }
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200);
  });
});

describe('health', () => {
  test('an optional service down is degraded and 200, a required one unhealthy and 503', async () => {
    let status = 200;
    const { origin } = await upstream((_req, res) => res.writeHead(status).end());
    const check = (required: boolean) =>
      oneRoute(origin, `checks: [{ id: api, url: '${origin}', required: ${required} }]`);
    const optional = await start(check(false));
    const required = await start(check(true));
    expect((await json(`${optional.origin}/api/health`))['status']).toBe('healthy');
    status = 500;
    const fresh = await start(check(true));
    expect((await fetch(`${fresh.origin}/api/health`)).status).toBe(503);
    expect((await json(`${fresh.origin}/api/health/api`))['status']).toBe('unhealthy');
    const other = await start(check(false));
    const answer = await fetch(`${other.origin}/api/health`);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { status: string }).status).toBe('degraded');
    // the last results of the first two are still good: quick does not ask again
    expect((await json(`${optional.origin}/api/health?quick=true`))['status']).toBe('healthy');
    expect((await fetch(`${required.origin}/readyz`)).status).toBe(200);
  });
});

describe('the configuration', () => {
  test('is shown without what came from variables, and without secrets', async () => {
    const { origin } = await upstream((_req, res) => res.end());
    const gateway = await start(
      `version: 1
upstreams:
  main:
    targets: [{ url: 'env:MAIN_URL' }]
    healthCheck: { path: /, headers: { authorization: 'Bearer of-the-file', x-check: 'env:CHECK_KEY', accept: '*/*' } }
routes:
  - { id: all, match: { path: /*, headers: { x-partner: 'env:PARTNER', x-api-key: '*' } }, upstream: main }
checks:
  - { id: music, url: 'https://music.example/health?token=of-the-check' }
`,
      { MAIN_URL: origin, CHECK_KEY: 'of-the-environment', PARTNER: 'of-the-partner' },
    );
    const text = await (await fetch(`${gateway.admin}/api/gateway/configuration`)).text();
    expect(text).not.toMatch(/of-the-(?:file|environment|partner|check)/);
    expect(JSON.parse(text)).toMatchObject({
      configuration: {
        // an address is no secret, and has to be one
        upstreams: {
          main: {
            targets: [{ url: origin }],
            healthCheck: { headers: { authorization: '[hidden]', 'x-check': 'env:CHECK_KEY', accept: '*/*' } },
          },
        },
        routes: [{ match: { headers: { 'x-partner': 'env:PARTNER', 'x-api-key': '*' } } }],
      },
    });
    const reloaded = await (await fetch(`${gateway.admin}/api/gateway/reload`, { method: 'POST' })).text();
    expect(reloaded).toContain('env:CHECK_KEY');
    expect(reloaded).not.toMatch(/of-the-(?:file|environment|partner|check)/);
  });

  test('a changed file takes effect, a faulty one is refused and the old one stays', async () => {
    const { origin } = await upstream((_req, res) => res.end('ok'));
    const gateway = await start(oneRoute(origin));
    const reload = () => fetch(`${gateway.admin}/api/gateway/reload`, { method: 'POST' });
    writeFileSync(gateway.file, oneRoute(origin).replace('path: /*', 'path: /only'));
    expect((await reload()).status).toBe(200);
    expect((await fetch(`${gateway.origin}/x`)).status).toBe(404);
    writeFileSync(gateway.file, oneRoute(origin).replace('upstream: main', 'upstream: nowhere'));
    const refused = await reload();
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("there is no upstream 'nowhere'");
    expect((await fetch(`${gateway.origin}/only`)).status).toBe(200);
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
    expect(metrics).toMatch(/clearway_configuration_reloads_total\{cause="\w+",outcome="changed"\} 1/);
    expect(metrics).toMatch(/outcome="refused"\} \d/);
  });

  test('a new check and a new include take effect at once; a setting of the open listener says that it waits', async () => {
    const gateway = await start(oneRoute('http://127.0.0.1:9'));
    const folder = path.join(path.dirname(gateway.file), 'more');
    mkdirSync(folder);
    const included = path.join(folder, 'checks.yaml');
    writeFileSync(included, "checks: [{ id: first, url: 'http://127.0.0.1:9/' }]");
    writeFileSync(
      gateway.file,
      oneRoute('http://127.0.0.1:9', 'include: more/checks.yaml\nserver: { maxConnections: 5 }'),
    );
    const checks = async () => Object.keys((await json(`${gateway.admin}/api/health`))['services'] as object);
    await eventually(async () => expect(await checks()).toEqual(['first']));
    writeFileSync(included, "checks: [{ id: second, url: 'http://127.0.0.1:9/' }]");
    await eventually(async () => expect(await checks()).toEqual(['second']));
  });

  test('is refused before any port is opened', async () => {
    await expect(startWhole('version: 2')).rejects.toThrow(/version/);
    await expect(startWhole(oneRoute('http://x'), { GATEWAY_PORT: 'eighty' })).rejects.toThrow(/GATEWAY_PORT/);
    await expect(startWhole(oneRoute('http://x'), { ADMIN_HOST: '0.0.0.0' })).rejects.toThrow(/OPERATIONS_TOKENS/);
  });

  test('a taken port is named with the variable that moves it', async () => {
    const gateway = await start(oneRoute('http://127.0.0.1:9'));
    const taken = { GATEWAY_PORT: String(gateway.port) };
    await expect(startWhole(oneRoute('http://x'), taken)).rejects.toThrow(/set GATEWAY_PORT to another port/);
  });
});
