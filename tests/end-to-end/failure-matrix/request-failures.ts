import { head, type FailureGroup } from './case.ts';

/** What clients do wrong: requests that are malformed, too large, too slow, or given up. */
export const requestFailures: FailureGroup = {
  name: 'requests',
  server: { headersTimeoutMs: 300, requestTimeoutMs: 600 },
  cases: [
    {
      title: 'what is no HTTP',
      reason: 'request_invalid',
      status: 400,
      answer: 'problem',
      isRouted: false,
      method: '_OTHER',
      request: (client) => client.send('nonsense\r\n\r\n'),
    },
    {
      title: 'headers over the limit',
      reason: 'headers_too_large',
      status: 431,
      answer: 'problem',
      isRouted: false,
      method: '_OTHER',
      request: (client, path) => client.send(head(`GET ${path}`, `X: ${'x'.repeat(20_000)}`)),
    },
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
      title: 'headers that do not come',
      reason: 'client_timeout',
      status: 408,
      answer: 'problem',
      isRouted: false,
      method: '_OTHER',
      request: (client, path) => client.send(`GET ${path} HTTP/1.1\r\n`),
    },
    {
      title: 'a client that leaves before the answer',
      reason: 'client_abort',
      status: 499,
      answer: 'none',
      attempts: [{ reason: 'client_abort' }],
      upstream: async (servers) => ({ targets: [{ url: await servers.http((req) => void req.socket.emit('asked')) }] }),
      request: async (client, path) => {
        const connection = client.connect();
        connection.socket.end(head(`GET ${path}`));
        connection.socket.destroySoon();
        return connection.closed;
      },
    },
  ],
};
