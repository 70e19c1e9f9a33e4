import type { Socket } from 'node:net';
import { goingOn, head, type FailureCase, type FailureGroup } from './case.ts';
import type { Servers } from '../support/servers.ts';

/** An upstream over raw sockets that acts as soon as the request has come. */
const onRequest = (act: (socket: Socket) => void, more: object = {}) =>
  async function upstream(servers: Servers): Promise<object> {
    return { targets: [{ url: await servers.raw((socket) => void socket.once('data', () => act(socket))) }], ...more };
  };

const failed = (
  reason: FailureCase['reason'],
  status: number,
): Pick<FailureCase, 'reason' | 'status' | 'answer' | 'attempts'> => ({
  reason,
  status,
  answer: 'problem',
  attempts: [{ reason }],
});

/** The only connection is in use until the second request has been refused. */
function inUse(): FailureCase {
  const refused = Promise.withResolvers<void>();
  return {
    title: 'every connection in use',
    ...failed('overloaded', 503),
    succeeded: 1,
    upstream: onRequest((socket) => void refused.promise.then(() => socket.end('HTTP/1.1 204 No Content\r\n\r\n')), {
      connections: 1,
      timeouts: { connectMs: 50 },
    }),
    async request(client, path) {
      const first = client.send(head(`GET ${path}`, 'Connection: close'));
      const received = await client.send(head(`GET ${path}`, 'Connection: close'));
      refused.resolve();
      await first;
      return received;
    },
  };
}

/** What upstreams do wrong. */
export const upstreamFailures: FailureGroup = {
  name: 'upstreams',
  cases: [
    { title: 'a refused connection', ...failed('connect_refused', 502) },
    {
      title: 'a name that does not exist',
      ...failed('dns_failure', 502),
      upstream: () =>
        Promise.resolve({ targets: [{ url: 'http://does-not-exist.invalid' }], timeouts: { connectMs: 8000 } }),
    },
    {
      title: 'a target that greets with no TLS',
      ...failed('tls_failure', 502),
      upstream: async (servers) => {
        const origin = await servers.raw((socket) => void socket.once('data', () => socket.end('plain')));
        return { targets: [{ url: origin.replace('http', 'https') }] };
      },
    },
    {
      title: 'a connection that is not made in time',
      ...failed('connect_timeout', 504),
      upstream: async (servers) => {
        const origin = await servers.raw(() => undefined);
        return { targets: [{ url: origin.replace('http', 'https') }], timeouts: { connectMs: 50 } };
      },
    },
    {
      title: 'a reset before the answer',
      ...failed('reset_before_headers', 502),
      upstream: onRequest((socket) => socket.resetAndDestroy()),
    },
    {
      title: 'a reset within the answer',
      reason: 'reset_mid_body',
      status: 200,
      answer: 'reset',
      attempts: [{ status: 200, reason: 'reset_mid_body' }],
      ...goingOn('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', (socket) => socket.resetAndDestroy()),
    },
    {
      title: 'an answer that stops',
      reason: 'body_timeout',
      status: 200,
      answer: 'reset',
      attempts: [{ status: 200, reason: 'body_timeout' }],
      upstream: onRequest((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'), {
        timeouts: { idleMs: 50 },
      }),
    },
    {
      title: 'no answer in time',
      ...failed('headers_timeout', 504),
      upstream: onRequest(() => undefined, { timeouts: { headersMs: 50 } }),
    },
    {
      title: 'no answer within the whole time',
      ...failed('total_timeout', 504),
      upstream: onRequest(() => undefined, { timeouts: { totalMs: 50 } }),
    },
    {
      title: 'an answer that is no HTTP',
      ...failed('upstream_protocol', 502),
      upstream: onRequest((socket) => socket.end('no http\r\n\r\n')),
    },
    {
      title: 'a server error of the upstream',
      reason: 'upstream_5xx',
      status: 503,
      answer: 'upstream',
      attempts: [{ status: 503, reason: 'upstream_5xx' }],
      upstream: onRequest((socket) => socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy')),
    },
    inUse(),
  ],
};
