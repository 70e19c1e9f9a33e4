import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import { configurationOf, simple, startGateway, startUpstream } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answersOf, connect } from './support/raw-client.ts';
import { answerOf, CLOSE, echo, get, HOST, seenThrough, type Seen } from './support/wire.ts';

describe('methods (RFC 9110 §9)', () => {
  test.each(['PROPFIND', 'QUERY', 'MKCOL', 'REPORT', 'M-SEARCH', 'PURGE', 'SUBSCRIBE', 'DELETE', 'PATCH', 'OPTIONS'])(
    '%s passes, with a body',
    async (method) => {
      const seen = await seenThrough(`${method} /x HTTP/1.1\r\n${HOST}Content-Length: 2\r\n${CLOSE}\r\nok`);
      expect(seen).toMatchObject({ method, url: '/x', headers: { 'content-length': '2' } });
    },
  );

  test('§9.3.1 a GET with a body in chunks passes', async () => {
    const seen = await seenThrough(
      `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n${CLOSE}\r\n2\r\nok\r\n0\r\n\r\n`,
    );
    expect(seen).toMatchObject({ method: 'GET', headers: { 'transfer-encoding': 'chunked' } });
  });

  test('§9.3.6 CONNECT is refused, with a record', async () => {
    const gateway = await open(startGateway(simple(['http://127.0.0.1:1'])));
    const client = connect(gateway.port);
    client.write(`CONNECT db.internal:5432 HTTP/1.1\r\n${HOST}\r\n`);
    const [answer] = answersOf(await client.closed);
    expect(answer).toMatchObject({
      status: 405,
      headers: { 'clearway-reason': 'method_not_allowed', connection: 'close' },
    });
    expect(answer?.headers['allow']).toContain('GET');
    expect(await gateway.nextRecord()).toMatchObject({ method: 'CONNECT', status: 405, attempts: [] });
  });

  test('§9.3.6 CONNECT behind requests that are being served is refused after their answers, of any length', async () => {
    const size = 4 * 1024 * 1024;
    const upstream = await open(startUpstream((_req, res) => res.end(Buffer.alloc(size, 'x'))));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(`GET /1 HTTP/1.1\r\n${HOST}\r\nGET /2 HTTP/1.1\r\n${HOST}\r\nCONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`);
    const answers = answersOf(await client.closed);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 405]);
    expect(answers.slice(0, 2).map(({ body }) => body.length)).toEqual([size, size]);
    const records = [await gateway.nextRecord(), await gateway.nextRecord(), await gateway.nextRecord()];
    expect(records.map(({ status }) => status)).toEqual([200, 200, 405]);
  });

  test('§9.3.8 TRACE is refused unless a route names it, so that no page reads what its browser adds', async () => {
    const { answers } = await answerOf('HTTP/1.1 200 OK\r\n\r\n', get('', 'TRACE / HTTP/1.1'));
    expect(answers[0]).toMatchObject({ status: 405, headers: { 'clearway-reason': 'method_not_allowed' } });
    const route = { match: { path: '/*', methods: ['TRACE'] } };
    expect(await seenThrough(get('', 'TRACE / HTTP/1.1'), { route })).toMatchObject({ method: 'TRACE' });
  });
});

describe('Max-Forwards (RFC 9110 §7.6.2)', () => {
  const route = { match: { path: '/*', methods: ['TRACE', 'OPTIONS', 'GET'] } };

  test('loses one at each hop of OPTIONS and TRACE, and of no other method', async () => {
    for (const [method, left] of [
      ['OPTIONS', '2'],
      ['TRACE', '2'],
      ['GET', '3'],
    ]) {
      const seen = await seenThrough(get('Max-Forwards: 3\r\n', `${method} / HTTP/1.1`), { route });
      expect(seen.headers['max-forwards']).toBe(left);
    }
  });

  test('0: OPTIONS is answered here', async () => {
    const { answers, gateway } = await answerOf('', get('Max-Forwards: 0\r\n', 'OPTIONS /x HTTP/1.1'), { route });
    expect(answers[0]).toMatchObject({ status: 204, headers: { allow: 'TRACE, OPTIONS, GET' } });
    expect(await gateway.nextRecord()).toMatchObject({ route: 'all', status: 204, attempts: [] });
  });

  test('0: TRACE is answered here, with what came and without credentials', async () => {
    const fields = 'Max-Forwards: 0\r\nCookie: secret\r\nAuthorization: secret\r\nX-Kept: 1\r\n';
    const { answers } = await answerOf('', get(fields, 'TRACE /x?y HTTP/1.1'), { route });
    expect(answers[0]).toMatchObject({ status: 200, headers: { 'content-type': 'message/http' } });
    expect(answers[0]?.body).toMatch(/^TRACE \/x\?y HTTP\/1\.1\r\nHost: a\.example\r\n/);
    expect(answers[0]?.body).toContain('X-Kept: 1');
    expect(answers[0]?.body).not.toContain('secret');
  });
});

describe('forms of the request target (RFC 9112 §3.2)', () => {
  test.each(['*', 'http://a.example'])('§3.2.4 OPTIONS %s asks about the gateway, which answers', async (target) => {
    const { answers, gateway } = await answerOf('', get('', `OPTIONS ${target} HTTP/1.1`));
    expect(answers[0]).toMatchObject({ status: 204 });
    expect(answers[0]?.headers['allow']).toContain('GET');
    expect(await gateway.nextRecord()).toMatchObject({ status: 204, route: '_none', path: '*', reason: undefined });
  });

  test('§3.2.4 the asterisk of another method is refused', async () => {
    const { answers } = await answerOf('', get('', 'GET * HTTP/1.1'));
    expect(answers[0]).toMatchObject({ status: 400, headers: { 'clearway-reason': 'request_invalid' } });
  });

  test('§3.2.2 the absolute form is forwarded in origin form; its host and Host are the same with or without port 80', async () => {
    for (const authority of ['a.example', 'A.EXAMPLE:80']) {
      expect(await seenThrough(get('', `GET http://${authority}/x?y HTTP/1.1`))).toMatchObject({ url: '/x?y' });
    }
  });

  test('§3.2.2 the absolute form of a client of HTTP/1.0 names the host when no field does', async () => {
    const seen = await seenThrough('GET http://b.example/x HTTP/1.0\r\n\r\n');
    expect(seen.headers['x-forwarded-host']).toBe('b.example');
  });
});

describe('Via (RFC 9110 §7.6.3)', () => {
  test('is added to with the version that the client spoke', async () => {
    const seen = await seenThrough(get('Via: 1.0 fred, 1.1 p.example (Apache)\r\n'));
    expect(seen.headers['via']).toMatch(/^1\.0 fred, 1\.1 p\.example \(Apache\), 1\.1 clearway-[0-9a-f]{8}$/);
    expect((await seenThrough(get('', 'GET / HTTP/1.0'))).headers['via']).toMatch(/^1\.0 clearway-/);
  });

  test('a request that comes back is refused, so that a route that leads to its own gateway ends', async () => {
    const gateway = await open(startGateway(simple(['http://127.0.0.1:1'])));
    const server = http.createServer((req, res) => {
      // leads back to the gateway, as a wrong target would
      req.pipe(
        http.request({ port: gateway.port, path: req.url, headers: req.headers }, (answer) => {
          res.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(res);
        }),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    gateway.gateway.swap(configurationOf(simple([`http://127.0.0.1:${port}`])));
    const answer = await fetch(`${gateway.origin}/x`);
    expect(answer.status).toBe(508);
    expect(await gateway.nextRecord()).toMatchObject({ status: 508, reason: 'request_invalid', attempts: [] });
    expect(await gateway.nextRecord()).toMatchObject({ status: 508, reason: 'upstream_5xx' });
    server.close();
    server.closeAllConnections();
  });

  test('a gateway of another configuration, or of another name, is another hop', async () => {
    const inner = await open(startGateway(simple([(await echo()).origin])));
    const outer = await open(startGateway(simple([inner.origin], { sections: { server: { pseudonym: 'edge' } } })));
    const { headers } = (await (await fetch(outer.origin)).json()) as Seen;
    expect(headers['via']).toMatch(/^1\.1 edge, 1\.1 clearway-/);
  });
});

describe('fields of one connection (RFC 9110 §7.6.1)', () => {
  test('stay behind, and so do those that Connection names; what the message means stays', async () => {
    const fields =
      'Keep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nTE: deflate\r\nUpgrade: h2c\r\nX-Named: x\r\n' +
      'Content-Type: text/plain\r\nConnection: X-Named, Content-Type, keep-alive\r\nConnection: Host\r\n';
    const seen = await seenThrough(`GET / HTTP/1.1\r\n${HOST}${fields}${CLOSE}\r\n`);
    for (const name of ['keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'upgrade', 'x-named']) {
      expect(seen.headers).not.toHaveProperty(name);
    }
    expect(seen.headers['content-type']).toBe('text/plain');
  });

  test('§11.7 the challenges of a proxy behind are not the gateway’s', async () => {
    const fields = 'Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: x\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n';
    const { answers } = await answerOf(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`, get());
    for (const name of ['proxy-authenticate', 'proxy-authentication-info', 'keep-alive', 'upgrade']) {
      expect(answers[0]?.headers).not.toHaveProperty(name);
    }
  });
});

describe('Host that the target sees (RFC 9112 §3.2)', () => {
  test.each([
    ['target', /^127\.0\.0\.1:\d+$/],
    ['client', /^a\.example$/],
    ['api.internal:8443', /^api\.internal:8443$/],
  ])('%s', async (hostHeader, expected) => {
    const seen = await seenThrough(get(), { upstream: { hostHeader } });
    expect(seen.raw.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')).toHaveLength(1);
    expect(seen.headers['host']).toMatch(expected);
    expect(seen.headers['x-forwarded-host']).toBe('a.example');
  });
});

describe('who asked: Forwarded (RFC 7239) and X-Forwarded-*', () => {
  const told =
    'Forwarded: for=192.0.2.1;proto=https;host=pub.example, for="[2001:db8::7]:4711"\r\nX-Forwarded-For: 192.0.2.9\r\n';
  const trusting = (server: object, upstream = {}) => ({
    sections: { server: { trustProxies: ['loopback'], ...server } },
    upstream,
  });

  test('of a stranger are replaced', async () => {
    const seen = await seenThrough(get(told), { upstream: { proxyHeaders: 'both' } });
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      forwarded: 'for=127.0.0.1;host=a.example;proto=http',
    });
  });

  test('of a trusted proxy count in the one form that it is configured to write', async () => {
    const x = await seenThrough(get(told), trusting({}, { proxyHeaders: 'both' }));
    expect(x.headers).toMatchObject({ 'x-forwarded-for': '192.0.2.9, 127.0.0.1', 'x-forwarded-host': 'a.example' });
    expect(x.headers['forwarded']).toBe('for=192.0.2.9, for=127.0.0.1;host=a.example;proto=http');
    const f = await seenThrough(get(told), trusting({ proxyHeaders: 'forwarded' }));
    expect(f.headers).toMatchObject({
      'x-forwarded-for': '192.0.2.1, 2001:db8::7, 127.0.0.1',
      'x-forwarded-proto': 'http',
    });
    expect(f.headers).not.toHaveProperty('forwarded');
  });

  test('RFC 7239 §5 the address, host and scheme of the client are those that the outermost trusted proxy tells', async () => {
    const server = { trustProxies: ['loopback', '2001:db8::/32'], proxyHeaders: 'forwarded' };
    const gateway = await open(startGateway(simple([(await echo()).origin], { sections: { server } })));
    await (await fetch(gateway.origin, { headers: { forwarded: told.slice(11, told.indexOf('\r\n')) } })).text();
    expect(await gateway.nextRecord()).toMatchObject({
      clientAddress: '192.0.2.1',
      scheme: 'https',
      host: 'pub.example',
    });
  });

  test('RFC 7239 §6 what stands before something unreadable, or an unknown node, is not believed', async () => {
    const server = { trustProxies: ['any'], proxyHeaders: 'forwarded' };
    const gateway = await open(startGateway(simple([(await echo()).origin], { sections: { server } })));
    for (const forwarded of [
      'for=192.0.2.1, =;broken, for=192.0.2.2',
      'for=192.0.2.1, for=unknown, for=192.0.2.2',
      'for=192.0.2.1, for=_hidden, for="192.0.2.2:80"',
    ]) {
      await (await fetch(gateway.origin, { headers: { forwarded } })).text();
      expect(await gateway.nextRecord()).toMatchObject({ clientAddress: '192.0.2.2' });
    }
  });
});
