import type { Servers } from '../support/servers.ts';
import { goingOn, type FailureCase, type FailureGroup } from './case.ts';

/** An upstream whose answer is this text. */
const answering =
  (text: string) =>
  async (servers: Servers): Promise<object> => ({
    targets: [{ url: await servers.raw((socket) => void socket.once('data', () => socket.end(text, 'latin1'))) }],
  });

/** An answer that is refused before any of it was passed on. */
const refused = (title: string, text: string): FailureCase => ({
  title,
  reason: 'upstream_protocol',
  status: 502,
  answer: 'problem',
  attempts: [{ reason: 'upstream_protocol' }],
  upstream: answering(text),
});

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** An answer whose body turns out to be wrong when its beginning was passed on. */
const broken = (title: string, body: string): FailureCase => ({
  title,
  reason: 'upstream_protocol',
  status: 200,
  answer: 'reset',
  attempts: [{ status: 200, reason: 'upstream_protocol' }],
  ...goingOn(`${CHUNKED}4\r\nhalf\r\n`, (socket) => socket.end(body)),
});

const ok = (fields: string, body = 'ok'): string => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`;

/** What upstreams send that is no HTTP. */
export const malformedAnswers: FailureGroup = {
  name: 'malformed answers',
  cases: [
    refused('no HTTP', 'no http\r\n\r\n'),
    refused('another version', 'HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n'),
    refused('a status below 100', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'),
    refused('a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'),
    refused('another protocol, unasked', 'HTTP/1.1 101 No\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    refused('100 Continue, unasked', 'HTTP/1.1 100 Continue\r\n\r\n'),
    refused('two lengths', ok('Content-Length: 2\r\nContent-Length: 3')),
    refused('a length that is no number', ok('Content-Length: 0x2')),
    refused('a length and chunks', ok('Content-Length: 2\r\nTransfer-Encoding: chunked', '0\r\n\r\n')),
    refused('a control character in a field', ok('X-A: \x01\r\nContent-Length: 2')),
    refused('NUL in the name of a field', ok('X\0A: 1\r\nContent-Length: 2')),
    refused('a space before a colon', ok('X-A : 1\r\nContent-Length: 2')),
    refused('bare CR in a field', ok('X-A: 1\rX-B: 2\r\nContent-Length: 2')),
    refused('fields over all limits', ok(`X-A: ${'x'.repeat(100_000)}\r\nContent-Length: 2`)),
    broken('a chunk size that is no number', 'x\r\nmore\r\n0\r\n\r\n'),
    broken('a chunk that is longer than it says', '2\r\nmore\r\n0\r\n\r\n'),
    {
      title: 'a chunk that never ends',
      reason: 'reset_mid_body',
      status: 200,
      answer: 'reset',
      attempts: [{ status: 200, reason: 'reset_mid_body' }],
      ...goingOn(`${CHUNKED}9\r\nhalf`, (socket) => socket.end()),
    },
  ],
};
