import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { sendRaw, simple, startGateway, startRawUpstream, startUpstream } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';

const echo = () =>
  startUpstream((req, res) => {
    void text(req).then((body) => {
      res.setHeader('X-Seen', 'yes');
      res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, raw: req.rawHeaders, body }));
    });
  });
interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  raw: string[];
  body: string;
}

describe('a request that succeeds', () => {
  test('reaches the upstream with its method, path, query and body, and the answer comes back', async () => {
    const upstream = await open(echo());
    const gateway = await open(startGateway(simple([upstream.origin])));
    const answer = await fetch(`${gateway.origin}/a//b/../c?x=1&y=%20`, { method: 'POST', body: 'hello' });
    const seen = (await answer.json()) as Echo;
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject({ method: 'POST', url: '/a/c?x=1&y=%20', body: 'hello' });
    expect(answer.headers.get('x-seen')).toBe('yes');
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ route: 'all', status: 200, reason: undefined, bytesIn: 5, path: '/a/c' });
    expect(record.attempts).toHaveLength(1);
    expect(answer.headers.get('trace-id')).toBe(record.traceId);
    expect(answer.headers.get('x-request-id')).toBe(record.requestId);
  });

  test('carries the trace on: the upstream is a child of the attempt, the attempt of the caller', async () => {
    const upstream = await open(echo());
    const gateway = await open(startGateway(simple([upstream.origin])));
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-00`, tracestate: 'a=1', 'x-request-id': 'mine' };
    const seen = (await (await fetch(gateway.origin, { headers })).json()) as Echo;
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ traceId, parentSpanId: '00f067aa0ba902b7', sampled: false, requestId: 'mine' });
    expect(seen.headers['traceparent']).toBe(`00-${traceId}-${record.attempts[0]?.spanId}-00`);
    expect(seen.headers['tracestate']).toBe('a=1');
    expect(seen.headers['x-request-id']).toBe('mine');
  });

  test('ids of callers outside the trusted networks are not believed', async () => {
    const upstream = await open(echo());
    const untrusting = simple([upstream.origin], { sections: { server: { trustIds: [] } } });
    const gateway = await open(startGateway(untrusting));
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'a=1', 'x-request-id': 'mine' };
    const seen = (await (await fetch(gateway.origin, { headers })).json()) as Echo;
    const record = await gateway.nextRecord();
    expect(record.traceId).not.toBe(traceId);
    expect(record.parentSpanId).toBeUndefined();
    expect(seen.headers['tracestate']).toBeUndefined();
    expect(seen.headers['x-request-id']).toBe(record.requestId);
  });

  test('fields of the connection stay behind; case, order and repetition of the others are kept', async () => {
    const upstream = await open(echo());
    const gateway = await open(startGateway(simple([upstream.origin])));
    const answer = await sendRaw(
      gateway.port,
      'GET / HTTP/1.1\r\nHost: a.example\r\nX-Two: 1\r\nConnection: close, X-Drop\r\nX-Drop: x\r\nTE: gzip\r\n' +
        'x-TWO: 2\r\nForwarded: for=evil\r\nX-Forwarded-For: 1.2.3.4\r\nProxy-Authorization: x\r\n\r\n',
    );
    const seen = JSON.parse(
      answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, ''),
    ) as Echo;
    const names = seen.raw.filter((_, i) => i % 2 === 0);
    expect(names.filter((name) => /two/i.test(name))).toEqual(['X-Two', 'x-TWO']);
    for (const gone of ['x-drop', 'te', 'forwarded', 'proxy-authorization'])
      expect(seen.headers).not.toHaveProperty(gone);
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example',
      'x-forwarded-proto': 'http',
      via: expect.stringMatching(/^1\.1 clearway-[0-9a-f]{8}$/) as unknown as string,
      host: new URL(upstream.origin).host,
    });
  });

  test('repeated fields of the answer stay apart and keep their case', async () => {
    const upstream = await open(
      startUpstream((_req, res) =>
        res.writeHead(200, ['Set-Cookie', 'a=1', 'set-COOKIE', 'b=2', 'Trace-Id', 'lie']).end(),
      ),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const answer = await sendRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answer).toContain('\r\nSet-Cookie: a=1\r\nset-COOKIE: b=2\r\n');
    expect(answer).not.toContain('lie');
  });

  test.each(['HEAD', 'GET'])('an answer without a body ends for %s with 204, 304 and a length', async (method) => {
    const upstream = await open(
      startUpstream((req, res) => {
        if (req.url === '/length') res.writeHead(200, { 'content-length': method === 'HEAD' ? 9 : 0 }).end();
        else res.writeHead(Number(req.url?.slice(1))).end();
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    for (const path of ['/204', '/304', '/length']) {
      const answer = await fetch(gateway.origin + path, { method });
      expect(await answer.text()).toBe('');
      expect((await gateway.nextRecord()).reason).toBeUndefined();
    }
  });

  test('headers reach the client before a body that comes later, and events are not held back', async () => {
    let release: (() => void) | undefined;
    const upstream = await open(
      startUpstream((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        release = () => res.end('data: 2\n\n');
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const answer = await fetch(gateway.origin);
    expect(answer.status).toBe(200);
    release?.();
    expect(await answer.text()).toBe('data: 2\n\n');
    expect((await gateway.nextRecord()).kind).toBe('stream');
  });

  test('a short answer keeps every byte, whole or in pieces', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const upstream = await open(
      startUpstream((req, res) => {
        if (req.url === '/whole') return res.end(bytes);
        res.write(bytes);
        setImmediate(() => res.end(bytes));
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const ask = async (path: string) => Buffer.from(await (await fetch(gateway.origin + path)).arrayBuffer());
    expect(await ask('/whole')).toEqual(bytes);
    expect(await ask('/pieces')).toEqual(Buffer.concat([bytes, bytes]));
    expect([(await gateway.nextRecord()).bytesOut, (await gateway.nextRecord()).bytesOut]).toEqual([256, 512]);
  });

  test('a body larger than all buffers passes both ways unchanged', async () => {
    const upstream = await open(startUpstream((req, res) => void req.pipe(res)));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const bytes = 24 * 1024 * 1024;
    const answer = await fetch(gateway.origin, { method: 'PUT', body: new Uint8Array(bytes).fill(7) });
    const back = new Uint8Array(await answer.arrayBuffer());
    expect(back.length).toBe(bytes);
    expect(back.every((byte) => byte === 7)).toBe(true);
    expect(await gateway.nextRecord()).toMatchObject({ bytesIn: bytes, bytesOut: bytes });
  });

  test('an upload that was answered before its end does not block the connection for the next request', async () => {
    const upstream = await open(startUpstream((_req, res) => res.end('early')));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const bytes = 300_000;
    const socket = net.connect(gateway.port, '127.0.0.1');
    const answers = text(socket);
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\npart`);
    expect(await gateway.nextRecord()).toMatchObject({ status: 200, reason: undefined });
    socket.write('x'.repeat(bytes - 4));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect((await answers).match(/200 OK/g)).toHaveLength(2);
  });

  test('stripPrefix takes off whole segments only', async () => {
    const upstream = await open(echo());
    const gateway = await open(startGateway(simple([upstream.origin], { route: { stripPrefix: '/api' } })));
    const urlSeen = async (path: string) => ((await (await fetch(gateway.origin + path)).json()) as Echo).url;
    expect(await urlSeen('/api/x?y')).toBe('/x?y');
    expect(await urlSeen('/api')).toBe('/');
    expect(await urlSeen('/apix')).toBe('/apix');
  });

  test('a reload serves new requests by the new routes and lets the old ones end', async () => {
    const first = await open(startUpstream((_req, res) => setTimeout(() => res.end('first'), 30)));
    const second = await open(startUpstream((_req, res) => res.end('second')));
    const gateway = await open(startGateway(simple([first.origin])));
    const slow = fetch(gateway.origin).then((answer) => answer.text());
    await once(first, 'request');
    const { configurationOf } = await import('./support/gateway-under-test.ts');
    gateway.gateway.swap(configurationOf(simple([second.origin])));
    expect(await (await fetch(gateway.origin)).text()).toBe('second');
    expect(await slow).toBe('first');
  });
});

describe('a request that fails is answered, and its record says why', () => {
  const refused = async () => {
    const server = await startRawUpstream(() => undefined);
    server.close();
    await once(server, 'close');
    return server.origin;
  };
  const cases: [string, number, () => Promise<{ targets: string[]; upstream?: object }>][] = [
    ['connect_refused', 502, async () => ({ targets: [await refused()] })],
    [
      'dns_failure',
      502,
      () =>
        Promise.resolve({ targets: ['http://does-not-exist.invalid'], upstream: { timeouts: { connectMs: 8000 } } }),
    ],
    [
      'reset_before_headers',
      502,
      async () => ({
        targets: [(await open(startRawUpstream((s) => s.once('data', () => s.resetAndDestroy())))).origin],
      }),
    ],
    [
      'upstream_protocol',
      502,
      async () => ({
        targets: [(await open(startRawUpstream((s) => s.once('data', () => s.end('no http\r\n\r\n'))))).origin],
      }),
    ],
    [
      'headers_timeout',
      504,
      async () => ({
        targets: [(await open(startRawUpstream((s) => s.on('error', () => s.destroy())))).origin],
        upstream: { timeouts: { headersMs: 50 } },
      }),
    ],
    [
      'total_timeout',
      504,
      async () => ({
        targets: [(await open(startRawUpstream((s) => s.on('error', () => s.destroy())))).origin],
        upstream: { timeouts: { totalMs: 50 } },
      }),
    ],
    [
      'tls_failure',
      502,
      async () => ({
        targets: [
          (await open(startRawUpstream((s) => s.once('data', () => s.end('plain'))))).origin.replace('http', 'https'),
        ],
      }),
    ],
  ];

  test.each(cases)('%s', async (reason, status, prepare) => {
    const { targets, upstream } = await prepare();
    const gateway = await open(startGateway(simple(targets, { upstream: upstream ?? {} })));
    const answer = await fetch(`${gateway.origin}/x`);
    const record = await gateway.nextRecord();
    expect(record.reason).toBe(reason);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('clearway-reason')).toBe(reason);
    expect(await answer.json()).toMatchObject({ reason, status, traceId: record.traceId, requestId: record.requestId });
    expect(record.status).toBe(status);
    expect(record.attempts[0]).toMatchObject({ status: undefined, reason });
    expect(record.cause).toBeTruthy();
  });

  test('an upstream 5xx passes unchanged, with its class', async () => {
    const upstream = await open(
      startUpstream((_req, res) => res.writeHead(503, { 'content-type': 'text/plain' }).end('busy')),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const answer = await fetch(gateway.origin);
    expect([answer.status, await answer.text()]).toEqual([503, 'busy']);
    expect(answer.headers.get('clearway-reason')).toBe('upstream_5xx');
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ status: 503, reason: 'upstream_5xx' });
    expect(record.attempts[0]).toMatchObject({ status: 503, reason: 'upstream_5xx' });
  });

  test.each([
    ['reset_mid_body', {}, (res: http.ServerResponse) => res.socket?.resetAndDestroy()],
    ['body_timeout', { timeouts: { idleMs: 50 } }, () => undefined],
  ] as const)(
    '%s after the headers resets the client, which never takes half for the whole',
    async (reason, upstreamOptions, end) => {
      const upstream = await open(
        startUpstream((_req, res) => {
          res.writeHead(200, { 'content-length': 100 }).write('half');
          setImmediate(() => end(res));
        }),
      );
      const gateway = await open(startGateway(simple([upstream.origin], { upstream: upstreamOptions })));
      await expect(fetch(gateway.origin).then((answer) => answer.text())).rejects.toThrow();
      expect(await gateway.nextRecord()).toMatchObject({ reason, status: 200 });
    },
  );

  test('a client that goes away cancels the upstream request at once', async () => {
    let closed: Promise<unknown> | undefined;
    const upstream = await open(
      startUpstream((req) => {
        closed = new Promise((resolve) => req.once('close', resolve));
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin])));
    const abort = new AbortController();
    const asked = fetch(gateway.origin, { signal: abort.signal });
    await once(upstream, 'request');
    abort.abort();
    await expect(asked).rejects.toThrow();
    await closed;
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ reason: 'client_abort', status: 499 });
    expect(record.attempts[0]).toMatchObject({ reason: 'client_abort', status: undefined });
  });

  test('an upload that breaks off cancels the upstream request', async () => {
    const upstream = await open(startUpstream((req) => void req.resume()));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const upload = http.request(gateway.origin, { method: 'POST', headers: { 'content-length': 100 } });
    upload.on('error', () => undefined);
    upload.write('part');
    await once(upstream, 'request');
    upload.destroy();
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'client_abort', bytesIn: 4 });
  });

  test('a body over the limit is refused, announced or not, and the upstream is not left waiting', async () => {
    const upstream = await open(echo());
    const route = { policies: { bodyLimit: { maxBytes: 10 } } };
    const gateway = await open(startGateway(simple([upstream.origin], { route })));
    const announced = await fetch(gateway.origin, { method: 'POST', body: 'x'.repeat(11) });
    expect(announced.status).toBe(413);
    expect((await gateway.nextRecord()).attempts).toHaveLength(0);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('x'.repeat(11)));
        controller.close();
      },
    });
    const chunked = await fetch(gateway.origin, { method: 'POST', body: stream, duplex: 'half' });
    expect(chunked.status).toBe(413);
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'body_too_large' });
    expect((await fetch(gateway.origin, { method: 'POST', body: 'x'.repeat(10) })).status).toBe(200);
  });

  test('no route, a wrong method and a bad path are told apart', async () => {
    const gateway = await open(
      startGateway({
        upstreams: { main: { targets: [{ url: 'http://127.0.0.1:9' }] } },
        routes: [{ id: 'a', match: { path: '/a', methods: ['GET'] }, upstream: 'main' }],
      }),
    );
    expect((await fetch(`${gateway.origin}/b`)).status).toBe(404);
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'route_not_found', route: '_none' });
    const method = await fetch(`${gateway.origin}/a`, { method: 'POST' });
    expect([method.status, method.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const bad = await sendRaw(gateway.port, 'GET /a/..%2fb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(bad).toMatch(/^HTTP\/1\.1 400 /);
    expect(bad).toContain('"reason":"request_invalid"');
  });

  test.each([
    ['a target that names another host than Host', 'GET http://other.example/ HTTP/1.1'],
    ['a fragment', 'GET /a?x=1#y HTTP/1.1'],
  ])('%s is refused: an upstream might read it in another way', async (_what, line) => {
    const gateway = await open(startGateway(simple([(await open(echo())).origin])));
    const ask = (first: string) => sendRaw(gateway.port, `${first}\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
    expect(await ask(line)).toContain('"reason":"request_invalid"');
    expect(await ask('GET http://A.example/ HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a refusal leaves the connection open, unless a body is still on its way', async () => {
    const gateway = await open(startGateway({ routes: [] }));
    const request = (more: string) => sendRaw(gateway.port, `GET /x HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
    const second = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
    expect((await request(`\r\n${second}`)).match(/404 Not Found/g)).toHaveLength(2);
    expect(await request('Content-Length: 5\r\n')).toMatch(/\r\nConnection: close\r\n/);
  });

  test('rate_limited says when to come back, and the upstream is spared', async () => {
    const upstream = await open(echo());
    const route = { policies: { rateLimit: { limit: 2, windowSeconds: 60 } } };
    const gateway = await open(startGateway(simple([upstream.origin], { route })));
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await fetch(gateway.origin)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const last = gateway.records[2];
    expect(last).toMatchObject({ reason: 'rate_limited', attempts: [] });
    expect(last?.policies).toMatchObject([{ name: 'rate-limit', outcome: 'refused' }]);
  });
});

describe('several targets', () => {
  test('a target that refuses is passed over, with one attempt for each try and the body intact', async () => {
    const gone = await startRawUpstream(() => undefined);
    gone.close();
    const upstream = await open(echo());
    const upstreamOptions = { balance: 'round-robin' };
    const gateway = await open(startGateway(simple([gone.origin, upstream.origin], { upstream: upstreamOptions })));
    const answer = await fetch(gateway.origin, { method: 'POST', body: 'once' });
    expect(((await answer.json()) as Echo).body).toBe('once');
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ status: 200, reason: undefined });
    expect(record.attempts).toMatchObject([
      { resendCount: 0, reason: 'connect_refused', status: undefined },
      { resendCount: 1, reason: undefined, status: 200 },
    ]);
  });

  test('what an abandoned attempt still reports does not reach the one that followed', async () => {
    // accepts the connection and never greets, so that the connection over TLS is not made in time
    const silent = await open(startRawUpstream((socket) => socket.on('error', () => undefined)));
    const accepted = once(silent, 'connection') as Promise<[Socket]>;
    const answering = await open(
      startUpstream((_req, res) => {
        void accepted.then(([socket]) => socket.once('close', () => setImmediate(() => res.end('second'))).destroy());
      }),
    );
    const targets = [silent.origin.replace('http', 'https'), answering.origin];
    const upstreamOptions = { balance: 'round-robin', timeouts: { connectMs: 50 } };
    const gateway = await open(startGateway(simple(targets, { upstream: upstreamOptions })));
    expect(await (await fetch(gateway.origin)).text()).toBe('second');
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ status: 200, reason: undefined });
    expect(record.attempts).toMatchObject([{ reason: 'connect_timeout' }, { reason: undefined, status: 200 }]);
    expect(gateway.gateway.runtime.upstreams.get('main')?.targets.map((target) => target.inFlight)).toEqual([0, 0]);
  });

  test('what was sent is never sent again', async () => {
    let calls = 0;
    const dying = await open(startRawUpstream((s) => s.once('data', () => (calls++, s.resetAndDestroy()))));
    const other = await open(startRawUpstream((s) => s.once('data', () => (calls++, s.resetAndDestroy()))));
    const gateway = await open(startGateway(simple([dying.origin, other.origin])));
    expect((await fetch(gateway.origin, { method: 'POST', body: 'x' })).status).toBe(502);
    expect(calls).toBe(1);
    expect((await gateway.nextRecord()).attempts).toHaveLength(1);
  });
});
