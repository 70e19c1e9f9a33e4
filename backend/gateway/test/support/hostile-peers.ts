import type { Socket } from 'node:net';

/** Numbers between 0 and 1 that are the same for the same seed (mulberry32). */
export function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of a list, by a number between 0 and 1. */
export const oneOf = <T>(list: readonly T[], number: number): T => list[Math.floor(number * list.length)] as T;

const HOST = 'Host: a\r\n';
const offer = (protocol: string, more = ''): string =>
  `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`;
const post = (fields: string, body = ''): string => `POST /a HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}`;

/** What clients send, in due form and not. */
export const REQUESTS: readonly string[] = [
  ...['GET', 'HEAD', 'TRACE'].map((method) => `${method} /a HTTP/1.1\r\n${HOST}\r\n`),
  `GET /a HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}TE: trailers\r\nConnection: TE\r\n\r\n`,
  ...['GET /a HTTP/1.0\r\n\r\n', 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
  post('Content-Length: 5', 'hello'),
  post('Content-Length: 500000', 'x'.repeat(500_000)),
  post('Content-Length: 5', 'hel'),
  post('Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'),
  post('Transfer-Encoding: chunked', '5\r\nhel'),
  post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  ...['', 'hello'].map((body) => post('Expect: 100-continue\r\nContent-Length: 5', body)),
  post('Expect: something\r\nContent-Length: 5', 'hello'),
  post('Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5', 'hello'),
  ...[offer('websocket'), offer('h2c'), `${offer('websocket')}\x81\x02hi`],
  `${offer('websocket', 'Expect: 100-continue\r\nContent-Length: 5\r\n')}hello`,
  `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  ...['GET /a b HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'BLAH', '\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  `GET /a HTTP/1.1\r\n${HOST}X: ${'y'.repeat(17_000)}\r\n\r\n`,
];

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const LONG = `HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n${'z'.repeat(100_000)}`;
const writes = (text: string) => (socket: Socket) => void socket.write(text, 'latin1');
const ends = (text: string) => (socket: Socket) => void socket.end(text, 'latin1');

/** What upstreams do with a request, in due form and not. */
export const ANSWERS: readonly ((socket: Socket) => void)[] = [
  ...[OK, OK, OK, `${OK}more`, OK + OK, SWITCHED, `${SWITCHED}\x81\x02hi`].map(writes),
  ...['HTTP/1.1 101 No\r\n\r\n', 'HTTP/1.1 099 No\r\n\r\n', 'no HTTP\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'].map(
    writes,
  ),
  ...[`HTTP/1.1 100 Continue\r\n\r\n${OK}`, `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: gzip\r\n\r\n${OK}`].map(
    writes,
  ),
  ...[`${CHUNKS}2\r\nok\r\n0\r\nX-T: 1\r\n\r\n`, `${CHUNKS}2\r\nokzz`, CHUNKS.replace('chunked', 'gzip')].map(writes),
  ...['204 No Content', '304 Not Modified', '408 Timeout'].map((line) => writes(`HTTP/1.1 ${line}\r\n\r\n`)),
  writes('HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok'),
  writes('HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n'),
  writes('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'),
  writes(LONG + 'z'.repeat(200_000)),
  ...[
    OK,
    'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok',
    'HTTP/1.1 200 OK\r\n\r\nok',
    `${SWITCHED}\x88\x00`,
    '',
  ].map(ends),
  (socket) => void socket.resetAndDestroy(),
  (socket) => socket.write(LONG, () => socket.resetAndDestroy()),
  () => undefined,
];
