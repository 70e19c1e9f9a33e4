import { head, type FailureCase, type FailureGroup } from './case.ts';
import type { Servers } from '../support/servers.ts';

/** A request that the pipeline or the parser refuses before it has a route. */
const refused = (
  title: string,
  bytes: string | ((path: string) => string),
  more: Partial<FailureCase> = {},
): FailureCase => ({
  title,
  reason: 'request_invalid',
  status: 400,
  answer: 'problem',
  isRouted: false,
  method: '_OTHER',
  request: (client, path) => client.send(typeof bytes === 'string' ? bytes : bytes(path)),
  ...more,
});

const post = (...fields: string[]): string => head('POST /', ...fields);

/** The client looks away until the gateway has given up, which only the upstream is told. */
function unreadAnswer(): FailureCase {
  const released = Promise.withResolvers<void>();
  return {
    title: 'an answer that is not read',
    reason: 'client_timeout',
    status: 200,
    answer: 'none',
    attempts: [{ status: 200, reason: 'client_timeout' }],
    upstream: async (servers) => ({
      targets: [
        {
          url: await servers.http((_req, res) => {
            res.once('close', () => released.resolve()).end(Buffer.alloc(64 * 1024 * 1024));
          }),
        },
      ],
      timeouts: { totalMs: 1000 },
    }),
    async request(client, path) {
      const { socket, closed } = client.connect();
      socket.pause().write(head(`GET ${path}`));
      await released.promise;
      socket.destroy();
      return { ...(await closed), text: '' };
    },
  };
}

/** An upstream that reads what it is sent, and answers when that is complete. */
const reading = async (servers: Servers): Promise<object> => ({
  targets: [{ url: await servers.http((req, res) => req.resume().once('end', () => res.end('ok'))) }],
});

/** A request whose body turns out to be wrong while it is on its way to the upstream. */
const failedBody = (title: string, reason: FailureCase['reason'], status: number, bytes: string): FailureCase => ({
  title,
  reason,
  status,
  answer: 'problem',
  method: 'POST',
  attempts: [{ reason }],
  upstream: reading,
  request: (client, path) =>
    client.send(head(`POST ${path}`, 'Transfer-Encoding: chunked', 'Connection: close') + bytes),
});

const MALFORMED: readonly FailureCase[] = [
  refused('what is no HTTP', '\0\x01\x02\r\n\r\n'),
  refused('a length and chunks', `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`),
  refused('chunks and a length', `${post('Transfer-Encoding: chunked', 'Content-Length: 3')}0\r\n\r\n`),
  refused('two lengths', `${post('Content-Length: 5', 'Content-Length: 6')}hello!`),
  refused('a length that is no number', `${post('Content-Length: +5')}hello`),
  refused('bare LF', 'GET / HTTP/1.1\nHost: a\n\n'),
  refused('a control character in a field', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n'),
  refused('a control character in the target', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n'),
  refused('a folded field', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'),
  refused('another version', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', { status: 505 }),
  refused('a method that is not known', 'FROB / HTTP/1.1\r\nHost: a\r\n\r\n', { status: 501 }),
  refused('another transfer coding', post('Transfer-Encoding: gzip, chunked'), { status: 501, method: 'POST' }),
  refused('no Host', 'GET / HTTP/1.1\r\n\r\n', { method: 'GET' }),
  refused('two Hosts', head('GET /', 'Host: other.example'), { method: 'GET' }),
  refused('the asterisk form', head('GET *', 'Connection: close'), { method: 'GET' }),
  refused('an absolute form for another host', head('GET http://other.example/', 'Connection: close'), {
    method: 'GET',
  }),
  refused('a disguised dot segment', (path) => head(`GET ${path}/..%2fx`, 'Connection: close'), { method: 'GET' }),
  failedBody('a chunk size that is no number', 'request_invalid', 400, 'x\r\n'),
  failedBody('an extension of a chunk without bound', 'request_invalid', 400, `1;${'x'.repeat(20_000)}\r\n`),
  {
    title: 'a request that comes back',
    reason: 'request_invalid',
    status: 508,
    answer: 'problem',
    request: (client, path) => client.send(head(`GET ${path}`, 'Via: 1.1 gateway-under-test', 'Connection: close')),
  },
  {
    title: 'CONNECT',
    reason: 'method_not_allowed',
    status: 405,
    answer: 'problem',
    isRouted: false,
    method: 'CONNECT',
    request: (client) => client.send(head('CONNECT db.internal:5432')),
  },
  {
    title: 'TRACE',
    reason: 'method_not_allowed',
    status: 405,
    answer: 'problem',
    method: 'TRACE',
    request: (client, path) => client.send(head(`TRACE ${path}`, 'Connection: close')),
  },
];

const LIMITS: readonly FailureCase[] = [
  refused('fields over the limit', head('GET /', `X: ${'x'.repeat(20_000)}`), {
    reason: 'headers_too_large',
    status: 431,
  }),
  refused('too many fields', head('GET /', ...Array.from({ length: 100 }, () => 'X: y'), 'Connection: close'), {
    reason: 'headers_too_large',
    status: 431,
    method: 'GET',
  }),
  refused('a target over the limit', head(`GET /${'x'.repeat(9000)}`, 'Connection: close'), {
    reason: 'headers_too_large',
    status: 414,
    method: 'GET',
  }),
  refused('a target over all limits', head(`GET /${'x'.repeat(20_000)}`), { reason: 'headers_too_large', status: 414 }),
  failedBody('trailers over the limit', 'headers_too_large', 431, `0\r\n${'X: y\r\n'.repeat(5000)}\r\n`),
  {
    title: 'an announced body over the limit',
    reason: 'body_too_large',
    status: 413,
    answer: 'problem',
    method: 'POST',
    route: { policies: { bodyLimit: { maxBytes: 10 } } },
    request: (client, path) => client.send(`${head(`POST ${path}`, 'Content-Length: 11')}12345678901`),
  },
  {
    ...failedBody('a body in chunks over the limit', 'body_too_large', 413, '3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'),
    route: { policies: { bodyLimit: { maxBytes: 5 } } },
  },
  refused('headers that do not come', (path) => `GET ${path} HTTP/1.1\r\n`, { reason: 'client_timeout', status: 408 }),
  failedBody('a body that stops', 'client_timeout', 408, '3\r\nabc\r\n'),
  unreadAnswer(),
  {
    title: 'more requests ahead of their answers than the limit',
    reason: 'request_invalid',
    status: 499,
    answer: 'none',
    attempts: [{ reason: 'request_invalid' }],
    upstream: async (servers) => ({ targets: [{ url: await servers.http(() => undefined) }] }),
    request: (client, path) => client.send(head(`GET ${path}`).repeat(40)),
  },
];

const UPGRADES: readonly FailureCase[] = [
  {
    title: 'a WebSocket on which nothing is sent',
    reason: 'client_timeout',
    status: 101,
    answer: 'none',
    attempts: [{ status: 101 }],
    upstream: async (servers) => ({ ...(await agreeing(servers)), timeouts: { upgradeIdleMs: 50 } }),
    request: (client, path) => client.send(upgrade(path)),
  },
  {
    title: 'a WebSocket that its client breaks off',
    reason: 'client_abort',
    status: 101,
    answer: 'none',
    attempts: [{ status: 101 }],
    upstream: agreeing,
    async request(client, path) {
      const connection = client.connect();
      connection.socket.write(upgrade(path));
      await connection.until('\r\n\r\n');
      connection.socket.resetAndDestroy();
      return connection.closed;
    },
  },
  {
    title: 'a WebSocket that its upstream breaks off',
    reason: 'reset_mid_body',
    status: 101,
    answer: 'none',
    attempts: [{ status: 101, reason: 'reset_mid_body' }],
    upstream: async (servers) => ({
      targets: [{ url: await servers.raw((socket) => void socket.once('data', () => void socket.end(AGREED))) }],
    }),
    request: (client, path) => client.send(upgrade(path)),
  },
  {
    title: 'a protocol that nobody asked for',
    reason: 'upstream_protocol',
    status: 502,
    answer: 'problem',
    attempts: [{ reason: 'upstream_protocol' }],
    upstream: async (servers) => {
      const other = AGREED.replace('websocket', 'other');
      return { targets: [{ url: await servers.raw((socket) => void socket.once('data', () => socket.write(other))) }] };
    },
    request: (client, path) => client.send(upgrade(path)),
  },
];

const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const upgrade = (path: string): string => head(`GET ${path}`, 'Connection: Upgrade', 'Upgrade: websocket');

async function agreeing(servers: Servers): Promise<object> {
  const origin = await servers.raw((socket) => void socket.once('data', () => socket.write(AGREED)));
  return { targets: [{ url: origin }] };
}

/** What clients do wrong: requests that are malformed, too large or too slow, and upgraded connections that break. */
export const requestFailures: FailureGroup = {
  name: 'requests',
  // a test that is held up for this long between connecting and sending was no request, and leaves no line in the log
  server: { headersTimeoutMs: 3000, requestTimeoutMs: 30_000, bodyIdleMs: 200, pseudonym: 'gateway-under-test' },
  cases: [...MALFORMED, ...LIMITS, ...UPGRADES],
};
