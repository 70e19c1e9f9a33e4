import { afterEach, describe, expect, test } from '@jest/globals';
import { clearway, folderWith } from './support/context.ts';

const UPSTREAM = 'upstreams:\n  tracks: { targets: [{ url: http://127.0.0.1:4000 }] }\n';
const FILE = `version: 1
${UPSTREAM}routes:
  - { id: everything, match: { path: /* }, upstream: tracks }
  - id: posts
    match: { host: api.example.com, path: /v1/posts/*, methods: [GET], headers: { x-version: '2' }, query: { debug: '*' } }
    upstream: tracks
    stripPrefix: /v1
    policies: { rateLimit: { limit: 5 } }
`;

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((remove) => remove()));

function inFolder(files: Record<string, string>): { directory: string } {
  const { directory, remove } = folderWith(files);
  cleanups.push(remove);
  return { directory };
}

describe('clearway check', () => {
  test('prints the routes in the order in which they are tried, not in that of the file', async () => {
    const { code, out } = await clearway(['check'], inFolder({ 'clearway.yaml': FILE }));
    expect(code).toBe(0);
    expect(out).toContain('2 routes, 1 upstream, 0 checks');
    const rows = out.split('\n').filter((line) => /^ +\d {2}/.test(line));
    expect(rows.map((row) => row.replaceAll(/ +/g, ' ').trim())).toEqual([
      '1 posts api.example.com /v1/posts/* GET HEAD header x-version=2, query debug tracks without /v1 rateLimit (limit 5, windowSeconds 60, by client-address)',
      '2 everything /* any tracks',
    ]);
    expect(out).toMatch(/tracks +http:\/\/127\.0\.0\.1:4000 +least-in-flight +1000 ms +10000 ms +30000 ms +60000 ms/);
  });

  test('prints every problem with its place and exits with 78', async () => {
    const faulty = 'version: 1\nroutes:\n  - { id: A, match: { path: v1 }, upstream: nowhere }\n';
    const { code, out, error } = await clearway(['check', 'edge.yaml'], inFolder({ 'edge.yaml': faulty }));
    expect(code).toBe(78);
    expect(out).toBe('');
    expect(error).toContain('has 2 problems');
    expect(error).toMatch(/edge\.yaml:3:11 routes\[0\]\.id/);
    expect(error).toMatch(/edge\.yaml:3:29 routes\[0\]\.match\.path/);
  });

  test('gives scripts the problems and the routes as JSON', async () => {
    const good = await clearway(['check', '--json'], inFolder({ 'clearway.yaml': FILE }));
    const { routes } = JSON.parse(good.out) as { routes: { id: string; targets: string[] }[] };
    expect(routes.map(({ id }) => id)).toEqual(['posts', 'everything']);
    expect(routes[0]?.targets).toEqual(['http://127.0.0.1:4000']);
    const bad = await clearway(['check', '--json'], inFolder({ 'clearway.yaml': 'version: 2\n' }));
    expect(bad.code).toBe(78);
    expect(JSON.parse(bad.out)).toMatchObject({ problems: [{ line: 1, column: 10, path: 'version' }] });
  });

  test('takes values env:NAME from .env and never shows them', async () => {
    const file = `version: 1\nchecks:\n  - { id: music, url: env:MUSIC_URL, timeoutMs: 0 }\n`;
    const folder = inFolder({ 'clearway.yaml': file });
    const missing = await clearway(['check'], folder);
    expect(missing.error).toContain('the variable MUSIC_URL is not set');
    const present = await clearway(['check'], { ...folder, variables: { MUSIC_URL: 'https://user:pw@music.test' } });
    expect(present.error).toContain('timeoutMs');
    expect(present.error).not.toContain('pw');
  });

  test('prints no value from a variable in the conditions of routes, and compares by it all the same', async () => {
    const route = "{ id: partner, match: { path: /x, headers: { x-key: 'env:PARTNER_KEY' } }, upstream: tracks }";
    const file = `version: 1\nupstreams: { tracks: { targets: [{ url: http://127.0.0.1:4000 }] } }\nroutes:\n  - ${route}\n`;
    const context = { ...inFolder({ 'clearway.yaml': file }), variables: { PARTNER_KEY: 'hunter2' } };
    const match = ['routes', '--match', '/x', '-H'];
    const printed = [
      await clearway(['check'], context),
      await clearway(['check', '--json'], context),
      await clearway(['routes'], context),
      await clearway([...match, 'x-key: other'], context),
    ];
    for (const { out } of printed) {
      expect(out).toContain('x-key=env:PARTNER_KEY');
      expect(out).not.toContain('hunter2');
    }
    expect((await clearway([...match, 'x-key: hunter2'], context)).out).toContain('taken by partner');
  });

  test('says which file cannot be read', async () => {
    const { code, error } = await clearway(['check', 'absent.yaml'], inFolder({}));
    expect(code).toBe(78);
    expect(error).toContain('absent.yaml');
  });
});

describe('clearway routes', () => {
  const match = (request: string, ...more: string[]) =>
    clearway(['routes', '--match', request, ...more], inFolder({ 'clearway.yaml': FILE }));

  test('names the route, the forwarded path and why the others do not take it', async () => {
    const headers = ['-H', 'X-Version: 2'];
    const { code, out } = await match('GET https://api.example.com:443/v1//posts/./7?debug', ...headers);
    expect(code).toBe(0);
    expect(out).toContain('taken by posts');
    expect(out).toContain('forwarded as /posts/7?debug');
    expect(out).toContain('to upstream tracks: http://127.0.0.1:4000');
    expect(out).toContain('/v1//posts/./7 is matched and forwarded as /v1/posts/7');
    expect(out).toMatch(/everything +also fits, but posts is more specific/);
  });

  test.each([
    ['GET https://other.test/v1/posts/7', 'host: wants api.example.com, the request has other.test'],
    ['GET https://api.example.com/v2', 'path: wants /v1/posts/*'],
    ['GET https://api.example.com/v1/posts?debug', 'headers: wants x-version=2'],
    ['/v1/posts', 'host: wants api.example.com, the request has none'],
  ])('says of %s that posts does not take it: %s', async (request, why) => {
    expect((await match(request)).out).toContain(why);
  });

  test('says that a query or a method is what keeps a route from taking it', async () => {
    const withHeader = ['-H', 'x-version: 2'];
    expect((await match('https://api.example.com/v1/posts', ...withHeader)).out).toContain(
      'query: wants debug to be there',
    );
    const post = await match('post https://api.example.com/v1/posts?debug=1', ...withHeader);
    expect(post.out).toContain('method: wants GET, HEAD, the request has POST');
  });

  test('exits with 1 and names the answer when no route takes it', async () => {
    const only = FILE.replace(/ {2}- \{ id: everything.*\n/, '');
    const folder = inFolder({ 'clearway.yaml': only });
    const none = await clearway(['routes', '-m', '/elsewhere'], folder);
    expect(none.code).toBe(1);
    expect(none.out).toContain('404 route_not_found');
    const request = ['-m', 'PUT https://api.example.com/v1/posts?debug', '-H', 'x-version: 2'];
    const method = await clearway(['routes', ...request], folder);
    expect(method.code).toBe(1);
    expect(method.out).toContain('takes only GET, HEAD');
    expect(method.out).toContain('405 method_not_allowed');
  });

  test('says that the gateway answers its own paths itself, whatever wildcards there are', async () => {
    const { code, out } = await match('https://api.example.com/readyz');
    expect(code).toBe(0);
    expect(out).toContain('answered by the gateway itself');
  });

  test('knows the own paths under every spelling and method, as the gateway does', async () => {
    for (const request of ['POST https://api.example.com/readyz', 'https://api.example.com/v1/../readyz']) {
      expect((await match(request)).out).toContain('answered by the gateway itself');
    }
  });

  test('says why a path is refused', async () => {
    const { code, out } = await match('GET /v1/%2e%2e%2fetc');
    expect(code).toBe(1);
    expect(out).toContain('400 request_invalid');
    expect(out).toContain('disguised dot segment');
  });

  test('does not let a request move the cursor of the terminal', async () => {
    const { out } = await match('GET /a\u001b[2J?b');
    expect(out).not.toContain('\u001b');
  });

  test('lists all routes without a request, and gives scripts JSON', async () => {
    const folder = inFolder({ 'clearway.yaml': FILE });
    expect((await clearway(['routes'], folder)).out).toContain('Routes, in the order');
    expect(JSON.parse((await clearway(['routes', '--json'], folder)).out)).toMatchObject({
      routes: [{ id: 'posts' }, {}],
    });
    const decided = JSON.parse((await match('/x', '--json')).out) as object;
    expect(decided).toMatchObject({ path: '/x', outcome: { kind: 'route', route: 'everything' } });
  });

  test.each([
    [['--match', 'what is this'], "write it as 'GET https://host/path?query'"],
    [['--match', '/x', '-H', 'no-colon'], "write it as 'name: value'"],
    [['-H', 'a: b'], 'add --match'],
  ])('refuses %j with what to write instead', async (args, hint) => {
    const { code, error } = await clearway(['routes', ...args], inFolder({ 'clearway.yaml': FILE }));
    expect(code).toBe(64);
    expect(error).toContain(hint);
  });
});

describe('the command line', () => {
  test('suggests what was probably meant, and exits with 64', async () => {
    const { code, error } = await clearway(['chekc']);
    expect(code).toBe(64);
    expect(error).toContain('Did you mean check?');
  });

  test('says its version', async () => {
    expect(await clearway(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  test.each([['check'], ['routes'], ['explain'], ['doctor'], ['completion']])(
    'shows help with examples for %s',
    async (name) => {
      const { code, out } = await clearway([name, '--help']);
      expect(code).toBe(0);
      expect(out).toContain('Examples');
    },
  );
});
