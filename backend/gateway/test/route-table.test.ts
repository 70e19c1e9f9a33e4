import { describe, expect, test } from '@jest/globals';
import { routeSchema } from '../src/configuration/schema.ts';
import { RouteTable, type RoutedRequest } from '../src/routing/route-table.ts';

const route = (id: string, match: object) => routeSchema.parse({ id, match, upstream: 'any' });
const request = (method: string, url: string, headers: Record<string, string> = {}): RoutedRequest => {
  const { hostname, pathname, search } = new URL(url, 'http://api.example.com');
  return { method, host: hostname, path: pathname, query: search.slice(1), headers };
};
const matched = (table: RouteTable, ...args: Parameters<typeof request>) => {
  const match = table.match(request(...args));
  return 'route' in match ? match.route.configuration.id : match.reason;
};

describe('the route table', () => {
  test('takes the more specific path whatever the order in the file', () => {
    const routes = [
      route('all', { path: '/*' }),
      route('tracks', { path: '/v1/tracks/*' }),
      route('one', { path: '/v1/tracks/:id' }),
      route('top', { path: '/v1/tracks/top' }),
    ];
    for (const table of [new RouteTable(routes), new RouteTable(routes.toReversed())]) {
      expect(matched(table, 'GET', '/v1/tracks/top')).toBe('top');
      expect(matched(table, 'GET', '/v1/tracks/7')).toBe('one');
      expect(matched(table, 'GET', '/v1/tracks/7/file')).toBe('tracks');
      expect(matched(table, 'GET', '/v1/tracks')).toBe('tracks');
      expect(matched(table, 'GET', '/v1/tracksx')).toBe('all');
      expect(matched(table, 'GET', '/')).toBe('all');
    }
  });

  test('prefers an exact host to a wildcard to any', () => {
    const table = new RouteTable([
      route('any', { path: '/*' }),
      route('wide', { host: '*.example.com', path: '/*' }),
      route('deep', { host: '*.eu.example.com', path: '/*' }),
      route('exact', { host: 'api.example.com', path: '/*' }),
    ]);
    expect(matched(table, 'GET', 'http://api.example.com/')).toBe('exact');
    expect(matched(table, 'GET', 'http://x.example.com/')).toBe('wide');
    expect(matched(table, 'GET', 'http://x.eu.example.com/')).toBe('deep');
    expect(matched(table, 'GET', 'http://example.com/')).toBe('any');
  });

  test('a parameter never takes an empty segment', () => {
    const table = new RouteTable([route('one', { path: '/a/:id' })]);
    expect(matched(table, 'GET', '/a/')).toBe('route_not_found');
    expect(matched(table, 'GET', '/a/x')).toBe('one');
  });

  test('conditions on headers and query decide, and the route with more of them is tried first', () => {
    const table = new RouteTable([
      route('plain', { path: '/a' }),
      route('beta', { path: '/a', headers: { 'X-Version': 'beta' } }),
      route('debug', { path: '/a', query: { debug: '*' } }),
    ]);
    expect(matched(table, 'GET', '/a')).toBe('plain');
    expect(matched(table, 'GET', '/a', { 'x-version': 'beta' })).toBe('beta');
    expect(matched(table, 'GET', '/a?debug=')).toBe('debug');
  });

  test('GET includes HEAD, and a refused method is told what the routes take', () => {
    const table = new RouteTable([
      route('read', { path: '/a', methods: ['GET'] }),
      route('write', { path: '/a', methods: ['POST'] }),
    ]);
    expect(matched(table, 'HEAD', '/a')).toBe('read');
    expect(matched(table, 'POST', '/a')).toBe('write');
    expect(table.match(request('DELETE', '/a'))).toEqual({
      reason: 'method_not_allowed',
      allow: ['GET', 'HEAD', 'POST'],
    });
  });

  test('a method that the specific route does not take falls to the wider one', () => {
    const table = new RouteTable([
      route('read', { path: '/a/:id', methods: ['GET'] }),
      route('rest', { path: '/a/*' }),
    ]);
    expect(matched(table, 'PUT', '/a/1')).toBe('rest');
  });

  test('says of each route why it does not take a request', () => {
    const table = new RouteTable([
      route('host', { host: 'other.example.com', path: '/a' }),
      route('path', { path: '/b' }),
      route('headers', { path: '/a', headers: { x: '1' } }),
      route('query', { path: '/a', query: { y: '1' } }),
      route('method', { path: '/a', methods: ['PUT'] }),
      route('taken', { path: '/*' }),
    ]);
    const why = Object.fromEntries(
      table.explain(request('GET', '/a')).map(({ route: { configuration }, mismatch }) => [configuration.id, mismatch]),
    );
    expect(why).toEqual({
      taken: undefined,
      host: 'host',
      path: 'path',
      headers: 'headers',
      query: 'query',
      method: 'method',
    });
  });
});
