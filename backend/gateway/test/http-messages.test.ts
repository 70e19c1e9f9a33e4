import { describe, expect, test } from '@jest/globals';
import type http from 'node:http';
import { simple, startGateway, startUpstream } from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answersOf, connect } from './support/raw-client.ts';
import { answerOf, byHand, CLOSE, get, HOST, seenThrough } from './support/wire.ts';

describe('Expect: 100-continue (RFC 9110 §10.1.1)', () => {
  const request = `PUT / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;

  test('the client is asked for the body when the upstream asks for it, and not before', async () => {
    const upstream = await byHand();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(request);
    const asked = await upstream.next();
    expect(await asked.until('\r\n\r\n')).toMatch(/\r\nExpect: 100-continue\r\n/);
    expect(client.text()).toBe('');
    asked.write('HTTP/1.1 100 Continue\r\n\r\n');
    expect(await client.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.write('hello');
    await asked.until('\r\n\r\nhello');
    asked.write('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok');
    await client.until('ok');
    expect(await gateway.nextRecord()).toMatchObject({ status: 201, bytesIn: 5, reason: undefined });
    // the connection goes on, since every byte of the request was read
    client.write(get());
    await upstream.next();
    client.socket.destroy();
  });

  test('a final answer without the body passes, and the connection ends: nobody knows whether the body still comes', async () => {
    const upstream = await byHand();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(request);
    const asked = await upstream.next();
    await asked.until('\r\n\r\n');
    asked.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
    expect(answersOf(await client.closed)).toMatchObject([
      { status: 401, headers: { connection: 'close' }, body: 'no' },
    ]);
    expect(await gateway.nextRecord()).toMatchObject({ status: 401, bytesIn: 0, reason: undefined });
    await asked.closed;
    expect(asked.text()).not.toContain('hello');
  });

  test('an upstream that knows no expectation is sent the body after a second', async () => {
    const upstream = await byHand();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(request);
    const asked = await upstream.next();
    await client.until('100 Continue\r\n\r\n');
    client.write('hello');
    await asked.until('\r\n\r\nhello');
    asked.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    await client.until('200 OK');
    client.socket.destroy();
  });

  test('what the gateway refuses by itself asks for no body', async () => {
    const gateway = await open(
      startGateway(simple(['http://127.0.0.1:1'], { route: { policies: { bodyLimit: { maxBytes: 4 } } } })),
    );
    const client = connect(gateway.port);
    client.write(request);
    expect(answersOf(await client.closed)).toMatchObject([{ status: 413, headers: { connection: 'close' } }]);
  });

  test.each([
    [
      'of an unknown kind is ignored',
      `PUT / HTTP/1.1\r\n${HOST}Expect: the-best\r\nContent-Length: 5\r\n${CLOSE}\r\nhello`,
    ],
    [
      'of a client of HTTP/1.0 is ignored',
      `PUT / HTTP/1.0\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
    ],
  ])('%s', async (_what, bytes) => {
    const seen = await seenThrough(bytes);
    expect(seen).toMatchObject({ method: 'PUT', headers: { 'content-length': '5' } });
    expect(seen.headers).not.toHaveProperty('expect');
  });
});

describe('interim answers (RFC 9110 §15.2)', () => {
  const hints =
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Inner\r\nX-Inner: 1\r\nContent-Length: 2\r\n\r\n';
  const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test('RFC 8297 reach a client of HTTP/1.1 before the answer, without fields of the connection and without a length', async () => {
    const { answers, gateway } = await answerOf(`${hints}HTTP/1.1 102 Processing\r\n\r\n${final}`, get());
    expect(answers.map(({ status }) => status)).toEqual([103, 102, 200]);
    expect(answers[0]?.fields).toEqual(['Link', '</a.css>; rel=preload']);
    expect(await gateway.nextRecord()).toMatchObject({ status: 200, attempts: [{ status: 200 }] });
  });

  test('do not reach a client of HTTP/1.0', async () => {
    const { answers } = await answerOf(hints + final, get('', 'GET / HTTP/1.0'));
    expect(answers.map(({ status }) => status)).toEqual([200]);
  });

  test('without end are not all passed on', async () => {
    const { answers } = await answerOf(hints.repeat(200) + final, get());
    expect(answers.length).toBeLessThan(20);
    expect(answers.at(-1)).toMatchObject({ status: 200, body: 'ok' });
  });
});

describe('answers without content', () => {
  test.each([
    [
      'RFC 9110 §9.3.2 HEAD keeps the length that GET would have',
      'HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n',
      '9',
    ],
    [
      'RFC 9110 §15.3.5 and §8.6 204 has no length',
      'GET',
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
      undefined,
    ],
    [
      'RFC 9110 §15.4.5 304 keeps the length of what was not changed',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
      '9',
    ],
    [
      'RFC 9110 §15.3.6 205 has none, whatever the upstream sends',
      'GET',
      'HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello',
      '0',
    ],
  ])('%s', async (_what, method, upstream, length) => {
    const { answers, gateway } = await answerOf(upstream, get('', `${method} / HTTP/1.1`));
    expect(answers).toHaveLength(1);
    expect(answers[0]?.headers['content-length']).toBe(length);
    expect(answers[0]?.headers['transfer-encoding']).toBeUndefined();
    expect(answers[0]?.body).toBe('');
    expect(await gateway.nextRecord()).toMatchObject({ reason: undefined, bytesOut: 0 });
  });

  test('RFC 9112 §6.3 the next request on the connection is answered after each of them', async () => {
    const upstream = await open(startUpstream((req, res) => res.writeHead(Number(req.url?.slice(1))).end()));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    const line = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
    client.write(line('/204') + line('/304') + line('/205') + get('', 'HEAD /200 HTTP/1.1'));
    expect(answersOf(await client.closed).map(({ status }) => status)).toEqual([204, 304, 205, 200]);
  });
});

describe('trailers (RFC 9110 §6.5)', () => {
  const chunks = (announced: string, trailers: string): string =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: ${announced}\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`;

  test('§6.5.1 pass when they are announced, safe, and the client takes them', async () => {
    const announced = 'Server-Status, X-Checksum, Content-Encoding, Set-Cookie, X-Request-Id';
    const trailers =
      'Server-Status: 0\r\nX-Checksum: abc\r\nContent-Encoding: x\r\nSet-Cookie: a=b\r\nX-Request-Id: lie\r\nX-Not-Announced: 1\r\n';
    const { answers, text } = await answerOf(chunks(announced, trailers), get('TE: trailers\r\n'));
    expect(answers[0]?.headers['trailer']).toBe('Server-Status, X-Checksum');
    expect(text).toMatch(/\r\n0\r\nServer-Status: 0\r\nX-Checksum: abc\r\n\r\n$/);
  });

  test('§6.5.1 are dropped for a client that does not take them', async () => {
    const { answers, text } = await answerOf(chunks('X-Checksum', 'X-Checksum: abc\r\n'), get());
    expect(answers[0]?.headers).not.toHaveProperty('trailer');
    expect(text).not.toContain('abc');
  });

  test('§10.1.4 the upstream is told that they are taken, by the gateway’s own TE', async () => {
    const seen = await seenThrough(get('TE: gzip;q=0.5, trailers\r\n'));
    expect(seen.headers['te']).toBe('trailers');
    expect((await seenThrough(get('TE: gzip\r\n'))).headers).not.toHaveProperty('te');
  });

  test('of a request are dropped', async () => {
    const seen = await seenThrough(
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n${CLOSE}\r\n0\r\nAuthorization: x\r\n\r\n`,
    );
    expect(seen.headers).not.toHaveProperty('trailer');
    expect(seen.headers).not.toHaveProperty('authorization');
  });
});

describe('connections (RFC 9112 §9)', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';

  test('RFC 9112 §6.1 a client of HTTP/1.0 is sent no chunks: the end of the connection ends the body', async () => {
    const { answers } = await answerOf(chunked, `GET / HTTP/1.0\r\n${HOST}\r\n`);
    expect(answers[0]?.body).toBe('ok');
    expect(answers[0]?.headers).toMatchObject({ connection: 'close' });
    expect(answers[0]?.headers).not.toHaveProperty('transfer-encoding');
  });

  test('§9.3 a client of HTTP/1.0 keeps its connection when it asks to and the length is known', async () => {
    const upstream = await open(startUpstream((_req, res) => res.writeHead(200, { 'content-length': 2 }).end('ok')));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port);
    client.write(`GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`);
    await client.until('ok');
    client.write(`GET / HTTP/1.0\r\n${HOST}\r\n`);
    expect(answersOf(await client.closed)).toHaveLength(2);
  });

  test('§9.6 close of the client ends its connection after the answer; close of the upstream ends only its own', async () => {
    const { answers } = await answerOf(
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      `GET / HTTP/1.1\r\n${HOST}\r\n${get()}`,
    );
    expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([
      [200, 'keep-alive'],
      [200, 'close'],
    ]);
  });

  test('§9.6 a client that ends its sending side before its answer has left: its request is cancelled at once', async () => {
    const upstream = await byHand();
    const gateway = await open(startGateway(simple([upstream.origin])));
    const client = connect(gateway.port, { port: 0, allowHalfOpen: true });
    client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const connection = await upstream.next();
    await connection.until('\r\n\r\n');
    client.socket.end();
    expect(await client.closed).toBe('');
    await connection.closed;
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'client_abort', status: 499 });
  });

  test('§6.3 an answer of HTTP/1.0 that ends with its connection is passed on in chunks', async () => {
    const { answers } = await answerOf('HTTP/1.0 200 OK\r\n\r\nas long as it takes', get());
    expect(answers[0]?.headers['transfer-encoding']).toBe('chunked');
    expect(answers[0]?.body).toBe('13\r\nas long as it takes\r\n0\r\n\r\n');
  });

  test('§5.3 the fields of an answer keep their order, their case and their repetition', async () => {
    const fields = [
      'X-B',
      '1',
      'x-a',
      '2',
      'SET-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'x-B',
      '3',
      'Content-Length',
      '2',
    ];
    const lines = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}\r\n`] : [])).join('');
    const { answers } = await answerOf(`HTTP/1.1 200 OK\r\n${lines}\r\nok`, get());
    expect(answers[0]?.fields.slice(0, fields.length)).toEqual(fields);
  });

  test.each(['', 'TE: trailers\r\n'])('§5.3 an answer of very many fields keeps all of them (%j)', async (own) => {
    const many = 'X:\r\n'.repeat(3000);
    const { answers } = await answerOf(`HTTP/1.1 200 OK\r\n${many}Content-Length: 2\r\n\r\nok`, get(own));
    expect(answers[0]?.fields.filter((name) => name === 'X')).toHaveLength(3000);
  });

  test('RFC 9110 §6.6.1 an answer without Date is given one', async () => {
    const { answers } = await answerOf('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', get());
    expect(Date.parse(answers[0]?.headers['date'] ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });
});

test('each server-sent event arrives before the next is sent', async () => {
  let response: http.ServerResponse | undefined;
  const upstream = await open(
    startUpstream((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response = res;
    }),
  );
  const gateway = await open(startGateway(simple([upstream.origin])));
  const client = connect(gateway.port);
  client.write(`GET /events HTTP/1.1\r\n${HOST}\r\n`);
  await client.until('\r\n\r\n');
  for (let i = 0; i < 50; i++) {
    response?.write(`data: ${i}\n\n`);
    await client.until(`data: ${i}\n\n`);
  }
  response?.end();
  expect(await gateway.nextRecord()).toMatchObject({ kind: 'stream', status: 200 });
  client.socket.destroy();
});
