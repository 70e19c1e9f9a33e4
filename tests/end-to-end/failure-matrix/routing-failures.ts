import { head, type FailureGroup } from './case.ts';

/** What the gateway refuses by its configuration, and its own faults. */
export const routingFailures: FailureGroup = {
  name: 'routes and policies',
  variables: { NODE_OPTIONS: `--import=${import.meta.dirname}/../support/throw-on-demand.mjs` },
  cases: [
    { title: 'no route', reason: 'route_not_found', status: 404, answer: 'problem', isRouted: false },
    {
      title: 'a method that the route does not take',
      reason: 'method_not_allowed',
      status: 405,
      answer: 'problem',
      isRouted: false,
      route: { match: { path: '/case-1', methods: ['PUT'] } },
    },
    {
      title: 'more requests than the limit',
      succeeded: 1,
      reason: 'rate_limited',
      status: 429,
      answer: 'problem',
      upstream: async (servers) => ({ targets: [{ url: await servers.http((_req, res) => res.end('ok')) }] }),
      route: { policies: { rateLimit: { limit: 1 } } },
      request: async (client, path) => {
        await client.send(head(`GET ${path}`, 'Connection: close'));
        return client.send(head(`GET ${path}`, 'Connection: close'));
      },
    },
    {
      title: 'a bug of the gateway',
      reason: 'internal',
      status: 500,
      answer: 'problem',
      isRouted: false,
      route: { match: { path: '/case-3', query: { wanted: '*' } } },
      request: (client, path) => client.send(head(`GET ${path}?throw-on-demand`, 'Connection: close')),
    },
  ],
};
