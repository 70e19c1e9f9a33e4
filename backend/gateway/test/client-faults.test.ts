import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import {
  simple,
  startGateway,
  startRawUpstream,
  startUpstream,
  type GatewayUnderTest,
} from './support/gateway-under-test.ts';
import { open } from './support/open.ts';
import { answersOf, connect } from './support/raw-client.ts';

const HOST = 'Host: a.example\r\n';
const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}`;
const get = (more: string): string => `GET / HTTP/1.1\r\n${HOST}${more}\r\n`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);

describe('a request that two might read in different ways is refused, and its connection closed', () => {
  let gateway: GatewayUnderTest;
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>;
  /** What the upstream was sent. */
  let forwarded = '';
  beforeAll(async () => {
    upstream = await startRawUpstream((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => (forwarded += String(chunk)));
    });
    gateway = await startGateway(simple([upstream.origin]));
  });
  afterAll(async () => {
    await gateway.close();
    upstream.close();
  });

  const smuggling: [string, string, number?][] = [
    // RFC 9112, 6.1 and 6.3: where a body ends
    ['§6.1 a length and chunks (CL.TE)', post('Content-Length: 6\r\nTransfer-Encoding: chunked', '0\r\n\r\nG')],
    [
      '§6.1 chunks and a length (TE.CL)',
      post('Transfer-Encoding: chunked\r\nContent-Length: 3', '8\r\nSMUGGLED\r\n0\r\n\r\n'),
    ],
    ['§6.1 a coding that is not chunked', post('Transfer-Encoding: xchunked', '0\r\n\r\n'), 501],
    ['§6.1 identity', post('Transfer-Encoding: identity', ''), 501],
    ['§6.1 another coding before chunked', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), 501],
    [
      '§6.1 another coding in a field of its own',
      post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
      501,
    ],
    ['§6.1 another coding after chunked', post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n')],
    ['§6.1 chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
    ['§6.1 chunked, then something (TE.TE)', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x', '0\r\n\r\n')],
    ['§6.1 chunked in quotes', post('Transfer-Encoding: "chunked"', '0\r\n\r\n'), 501],
    ['§6.1 chunked with a parameter', post('Transfer-Encoding: chunked;q=1', '0\r\n\r\n'), 501],
    ['§6.1 chunked with a comma', post('Transfer-Encoding: chunked,', '0\r\n\r\n')],
    ['§6.1 chunked after a vertical tab', post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n')],
    ['§6.1 chunked over HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['§6.3 two lengths that differ', post('Content-Length: 5\r\nContent-Length: 6', 'hello!')],
    ['§6.3 two lengths that are the same', post('Content-Length: 5\r\nContent-Length: 5', 'hello')],
    ['§6.3 a list of lengths', post('Content-Length: 5, 5', 'hello')],
    ['§6.3 +5', post('Content-Length: +5', 'hello')],
    ['§6.3 -1', post('Content-Length: -1', 'hello')],
    ['§6.3 0x5', post('Content-Length: 0x5', 'hello')],
    ['§6.3 no length', post('Content-Length: ', 'hello')],
    ['§6.3 a length beyond all numbers', post('Content-Length: 99999999999999999999999', 'hello')],
    // RFC 9112, 5: what separates fields
    ['§5.1 a space before the colon of a length', post('Content-Length : 5', 'hello')],
    ['§5.1 a space before the colon of a coding', post('Transfer-Encoding : chunked', '0\r\n\r\n')],
    ['§5.1 a space before a colon', get('X-A : 5\r\n')],
    ['§5.2 a folded field', get('X-A: 5\r\n more\r\n')],
    ['§5.2 a folded coding', post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n')],
    ['§2.2 a space before the first field', `GET / HTTP/1.1\r\n X-A: 5\r\n${HOST}\r\n`],
    ['§2.2 bare LF everywhere', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['§2.2 bare LF behind a field', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    ['§2.2 bare CR', get('X: a\rb\r\n')],
    ['RFC 9110 §5.5 NUL in a value', get('X: a\0b\r\n')],
    ['RFC 9110 §5.5 a control character in a value', get('X: a\x01b\r\n')],
    ['RFC 9110 §5.1 NUL in a name', get('X\0A: b\r\n')],
    ['RFC 9110 §5.1 a name that is none', get('X(A): b\r\n')],
    ['RFC 9110 §5.1 no name', get(': b\r\n')],
    ['§5 no colon', get('Xabc\r\n')],
    // RFC 9112, 3 and 2.3: the request line
    ['§3.2 a control character in the target', `GET /a\x01b HTTP/1.1\r\n${HOST}\r\n`],
    ['§3.2 a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
    ['§3.2 no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['§3.2 two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n'],
    ['§3.2 the same Host twice', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
    ['§3.2 a Host that is none', 'GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n'],
    ['§3.2 an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['§2.3 HTTP/2.0', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
    ['§2.3 HTTP/1.2', `GET / HTTP/1.2\r\n${HOST}\r\n`, 505],
    ['§2.3 HTTP/0.9', 'GET /\r\n\r\n', 505],
    ['RFC 9113 §3.4 the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['§2.3 http in lower case', `GET / http/1.1\r\n${HOST}\r\n`],
    ['RFC 9110 §9.1 a method that Node does not know', `FROB / HTTP/1.1\r\n${HOST}\r\n`, 501],
    ['RFC 9110 §9.1 a method in lower case', `get / HTTP/1.1\r\n${HOST}\r\n`, 501],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ];

  test.each(smuggling)('%s', async (_what, bytes, status = 400) => {
    forwarded = '';
    const connection = connect(gateway.port);
    connection.write(bytes);
    const answers = answersOf(await connection.closed);
    expect(answers).toMatchObject([{ status, headers: { 'clearway-reason': 'request_invalid', connection: 'close' } }]);
    const record = await gateway.nextRecord();
    expect(record).toMatchObject({ status, reason: 'request_invalid', attempts: [] });
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ status, traceId: record.traceId });
    expect(forwarded).toBe('');
  });

  // RFC 9112, 7.1: chunks. The request is under way by then, and fails.
  test.each([
    ['§7.1 a chunk size that overflows', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
    ['§7.1 a negative chunk size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['§7.1 0x5', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['§7.1 a space behind a chunk size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['§7.1 a space before a chunk size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['§7.1 bare LF', '5\nhello\n0\n\n'],
    ['§7.1 more data than announced', '5\r\nhelloX\r\n0\r\n\r\n'],
    ['§7.1 no line end behind the data', '5\r\nhello0\r\n\r\n'],
    ['§7.1.1 bare LF in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
    ['§7.1.1 an extension without bound', `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ['§7.1.2 a trailer that is no field', '0\r\nno trailer\r\n\r\n'],
  ])('%s', async (_what, body) => {
    const connection = connect(gateway.port);
    connection.write(chunked(body));
    const [answer] = answersOf(await connection.closed);
    expect(answer).toMatchObject({
      status: 400,
      headers: { 'clearway-reason': 'request_invalid', connection: 'close' },
    });
    expect(await gateway.nextRecord()).toMatchObject({
      status: 400,
      reason: 'request_invalid',
      method: 'POST',
      route: 'all',
    });
  });

  test('§7.1.2 trailers over the limit of headers are headers_too_large', async () => {
    const connection = connect(gateway.port);
    connection.write(chunked(`0\r\n${'X: y\r\n'.repeat(5000)}\r\n`));
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 431 }]);
    expect(await gateway.nextRecord()).toMatchObject({ status: 431, reason: 'headers_too_large' });
  });

  test('§7.1.1 extensions of chunks are taken and left out', async () => {
    forwarded = '';
    const connection = connect(gateway.port);
    connection.write(chunked('5;name="value"\r\nhello\r\n0\r\n\r\n'));
    while (!forwarded.includes('0\r\n\r\n')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(forwarded).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
    connection.socket.destroy();
    expect(await gateway.nextRecord()).toMatchObject({ reason: 'client_abort' });
  });
});

describe('what is no request', () => {
  const limits = { headersTimeout: 400, requestTimeout: 400, connectionsCheckingInterval: 50 };
  const silent = () => startUpstream((req) => void req.resume());

  test('is recorded once, and its connection is closed although the client keeps it open', async () => {
    const gateway = await open(startGateway(simple([(await open(silent())).origin])));
    const accepted = once(gateway.server, 'connection') as Promise<[Socket]>;
    const connection = connect(gateway.port, { port: 0, allowHalfOpen: true });
    const closed = once((await accepted)[0], 'close');
    connection.write('nonsense\r\n\r\n');
    expect(answersOf(await connection.until('}'))).toMatchObject([{ status: 400 }]);
    connection.write('more nonsense\r\n\r\n');
    await closed;
    expect(gateway.records).toMatchObject([{ status: 400, reason: 'request_invalid', clientAddress: '127.0.0.1' }]);
    connection.socket.destroy();
  });

  test('RFC 9110 §15.5.9 headers that do not come in time are the fault of the client', async () => {
    const gateway = await open(startGateway(simple([(await open(silent())).origin]), limits));
    const connection = connect(gateway.port);
    connection.write('GET / HTTP/1.1\r\n');
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 408 }]);
    expect(gateway.records).toMatchObject([{ status: 408, reason: 'client_timeout' }]);
  });

  test('a connection that was opened and never used is closed without a record', async () => {
    const gateway = await open(startGateway(simple([(await open(silent())).origin]), limits));
    expect(await connect(gateway.port).closed).toBe('');
    expect(gateway.records).toEqual([]);
  });

  test('RFC 9112 §9.3.2 behind a request that is being served spoils nothing of it', async () => {
    let answer: (() => void) | undefined;
    const upstream = await open(startUpstream((_req, res) => (answer = () => res.end('first'))));
    const gateway = await open(startGateway(simple([upstream.origin])));
    const connection = connect(gateway.port);
    connection.write(`${get('')}nonsense\r\n\r\n`);
    await once(upstream, 'request');
    answer?.();
    const answers = answersOf(await connection.closed);
    expect(answers).toMatchObject([
      { status: 200 },
      { status: 400, headers: { 'clearway-reason': 'request_invalid' } },
    ]);
    expect(gateway.records).toMatchObject([{ status: 200, reason: undefined }, { reason: 'request_invalid' }]);
  });
});

describe('a body that does not come as it should', () => {
  test.each([
    ['as a whole', { requestTimeout: 400, headersTimeout: 400, connectionsCheckingInterval: 50 }, {}],
    ['piece by piece', {}, { bodyIdleMs: 400 }],
  ])('RFC 9110 §15.5.9 in time, %s, is answered with 408', async (_what, options, server) => {
    const upstream = await open(startUpstream((req) => void req.resume()));
    const gateway = await open(startGateway(simple([upstream.origin], { sections: { server } }), options));
    const connection = connect(gateway.port);
    connection.write(post('Content-Length: 9', 'part'));
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 408, headers: { connection: 'close' } }]);
    expect(await gateway.nextRecord()).toMatchObject({
      status: 408,
      reason: 'client_timeout',
      attempts: [{ reason: 'client_timeout', status: undefined }],
    });
    expect(gateway.gateway.open.size).toBe(0);
  });

  test('because the upstream does not take it is the fault of the upstream', async () => {
    const upstream = await open(startRawUpstream((socket: Socket) => void socket.pause()));
    const server = { bodyIdleMs: 500, maxBodyBytes: 1e9 };
    const gateway = await open(startGateway(simple([upstream.origin], { sections: { server } })));
    const connection = connect(gateway.port);
    connection.write(post('Content-Length: 900000000', ''));
    const piece = Buffer.alloc(1024 * 1024);
    const fill = (): void => {
      while (connection.socket.writable && connection.socket.write(piece));
    };
    connection.socket.on('drain', fill);
    fill();
    expect(await gateway.nextRecord()).toMatchObject({ status: 504, reason: 'headers_timeout' });
    connection.socket.destroy();
  });

  test('RFC 9112 §9.6 a client that still sends reads the answer that tells it to stop', async () => {
    const upstream = await open(startUpstream((req) => void req.resume()));
    const gateway = await open(
      startGateway(simple([upstream.origin], { sections: { server: { maxBodyBytes: 1000 } } })),
    );
    const connection = connect(gateway.port);
    // more than lies in buffers, so that the connection would be closed while some of it is unread
    connection.write(chunked(''));
    const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const fill = (): void => {
      while (connection.socket.writable && connection.socket.write(piece));
    };
    connection.socket.on('drain', fill);
    fill();
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 413 }]);
    // a reset may overtake the answer, and some systems forget what came before one
    expect(connection.socket.errored).toBeNull();
  });
});

describe('limits', () => {
  const limited = async (server: object) => {
    const upstream = await open(startUpstream((req, res) => req.resume().once('end', () => res.end('ok'))));
    return open(startGateway(simple([upstream.origin], { sections: { server } })));
  };
  const thenGet = `${get('Connection: close\r\n')}`;

  test('RFC 9110 §15.5.15 a target that is too long is 414, and the next request is served', async () => {
    const gateway = await limited({ maxUrlBytes: 100 });
    const connection = connect(gateway.port);
    connection.write(`GET /${'a'.repeat(100)} HTTP/1.1\r\n${HOST}\r\n${thenGet}`);
    const answers = answersOf(await connection.closed);
    expect(answers).toMatchObject([
      { status: 414, headers: { 'clearway-reason': 'headers_too_large' } },
      { status: 200 },
    ]);
    expect(gateway.records).toMatchObject([{ status: 414, reason: 'headers_too_large' }, { status: 200 }]);
  });

  test('RFC 9110 §15.5.15 one that is longer than all headers may be is 414 too', async () => {
    const gateway = await limited({});
    const connection = connect(gateway.port);
    connection.write(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`);
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 414, headers: { connection: 'close' } }]);
  });

  test('RFC 6585 §5 too many fields are 431, and the next request is served', async () => {
    const gateway = await limited({ maxHeaders: 20 });
    const connection = connect(gateway.port);
    connection.write(get('a: b\r\n'.repeat(20)) + thenGet);
    expect(answersOf(await connection.closed)).toMatchObject([
      { status: 431, headers: { 'clearway-reason': 'headers_too_large' } },
      { status: 200 },
    ]);
  });

  test('RFC 6585 §5 fields that are too large are 431, and the connection is closed', async () => {
    const gateway = await limited({});
    const connection = connect(gateway.port);
    connection.write(get(`X: ${'x'.repeat(20_000)}\r\n`));
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 431, headers: { connection: 'close' } }]);
    expect(gateway.records).toMatchObject([{ status: 431, reason: 'headers_too_large' }]);
  });

  test('RFC 9110 §15.5.14 a body that is too large is 413, and the connection is closed', async () => {
    const gateway = await limited({ maxBodyBytes: 4 });
    const connection = connect(gateway.port);
    connection.write(post('Content-Length: 5', ''));
    expect(answersOf(await connection.closed)).toMatchObject([{ status: 413, headers: { connection: 'close' } }]);
  });

  test('an upload that was answered early is read on no further than its limit', async () => {
    const upstream = await open(startUpstream((_req, res) => res.end('early')));
    const gateway = await open(
      startGateway(simple([upstream.origin], { sections: { server: { maxBodyBytes: 1000 } } })),
    );
    const connection = connect(gateway.port);
    connection.write(chunked('4\r\npart\r\n'));
    await connection.until('early');
    connection.write(`${(2000).toString(16)}\r\n${'x'.repeat(2000)}\r\n`);
    await connection.closed;
    expect(gateway.records).toMatchObject([{ status: 200, reason: undefined }]);
  });

  test('RFC 9112 §9.3.2 requests sent ahead are served in turn, and no more than the limit wait', async () => {
    let open_ = 0;
    let most = 0;
    const upstream = await open(
      startUpstream((req, res) => {
        most = Math.max(most, ++open_);
        setTimeout(() => {
          open_--;
          res.end(req.url);
        }, 2);
      }),
    );
    const gateway = await open(startGateway(simple([upstream.origin], { sections: { server: { maxPipelined: 5 } } })));
    const ahead = (count: number): string =>
      Array.from({ length: count }, (_, i) => `GET /${i} HTTP/1.1\r\n${HOST}\r\n`).join('');
    const connection = connect(gateway.port);
    connection.write(ahead(5) + thenGet);
    expect(answersOf(await connection.closed).map(({ body }) => body.replace(/[^/\d]/g, '').slice(-3))).toHaveLength(6);
    expect(most).toBe(1);
    const greedy = connect(gateway.port);
    greedy.write(ahead(20));
    await greedy.closed;
    expect(gateway.records.at(-1)).toMatchObject({ reason: 'request_invalid' });
    expect(gateway.records.at(-1)?.cause).toContain('more than 5 requests');
  });
});
