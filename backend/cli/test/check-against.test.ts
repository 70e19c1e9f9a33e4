import type { RecentRecord } from '@clearway/contracts';
import { loadClearwayFile } from '@clearway/gateway/configuration';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import path from 'node:path';
import { clearway, folderWith, type Outcome } from './support/context.ts';
import { startApi } from './support/fake-worker.ts';

const HEAD = `version: 1
upstreams:
  music: { targets: [{ url: http://127.0.0.1:4000 }] }
  archive: { targets: [{ url: http://127.0.0.1:4001 }] }
routes:
`;
const TRACKS = '  - { id: tracks, match: { path: /v1/tracks/*, methods: [GET] }, upstream: music }\n';
const BETA = "  - { id: beta, match: { path: /v1/tracks/*, headers: { x-beta: '1' } }, upstream: archive }\n";
const ACTIVE = HEAD + TRACKS + BETA;

let active = ACTIVE;
let since = '2026-01-01T00:00:00.000Z';
let records: RecentRecord[] = [];
let api: { url: string; close: () => Promise<void> };
const cleanups: (() => void)[] = [];

beforeAll(async () => {
  api = await startApi((where) => {
    if (where === '/api/gateway/records') return { records: records.toReversed() };
    if (where !== '/api/gateway/configuration') return undefined;
    const { directory, remove } = folderWith({ 'active.yaml': active });
    cleanups.push(remove);
    const { configuration } = loadClearwayFile(path.join(directory, 'active.yaml'), {});
    return { files: ['active.yaml'], since, fingerprint: 'f', configuration };
  });
});
afterAll(() => api.close());
afterEach(() => {
  active = ACTIVE;
  since = '2026-01-01T00:00:00.000Z';
  records = [];
  cleanups.splice(0).forEach((remove) => remove());
});

let sequence = 0;
function record(fields: Partial<RecentRecord> = {}): RecentRecord {
  sequence++;
  return {
    id: `order-${sequence}`,
    traceId: String(sequence).padStart(32, 'a'),
    time: new Date(Date.UTC(2026, 0, 2) + sequence * 1000).toISOString(),
    route: 'tracks',
    method: 'GET',
    path: '/v1/tracks/7',
    status: 200,
    durationMs: 20,
    upstreamMs: 15,
    connectMs: 1,
    headersMs: 10,
    attempts: 1,
    upstream: 'music',
    bytesIn: 0,
    bytesOut: 100,
    kind: 'exchange',
    host: 'api.example.com',
    queryNames: [],
    client: '192.0.2.1',
    sampled: true,
    ...fields,
  };
}

interface Compared {
  readonly unchanged: number;
  readonly undecided: number;
  readonly dependsOn: string[];
  readonly server: string[];
  readonly changes: { kind: string; from: string; to: string; count: number; because: string[]; examples: object[] }[];
}

async function against(next: string, ...args: string[]): Promise<Outcome> {
  const { directory, remove } = folderWith({ 'new.yaml': next });
  cleanups.push(remove);
  return clearway(['check', 'new.yaml', '--against', 'recent', '--url', api.url, '--least', '1', ...args], {
    directory,
  });
}

async function compared(next: string): Promise<Compared> {
  return JSON.parse((await against(next, '--json')).out) as Compared;
}

describe('clearway check --against recent', () => {
  test('says that nothing would change, and exits with 0', async () => {
    records = [record(), record({ route: '_none', path: '/nowhere', status: 404, reason: 'route_not_found' })];
    const { code, out } = await against(ACTIVE);
    expect(code).toBe(0);
    expect(out).toMatch(/ok {2}new\.yaml against 2 recent requests/);
    expect(out).toMatch(/ 2 {2}as they were/);
  });

  test('says which requests would get another route, with examples, and exits with 1', async () => {
    records = [record(), record({ path: '/v1/tracks/old/1' }), record({ path: '/v1/tracks/old/2' })];
    const old = '  - { id: old, match: { path: /v1/tracks/old/* }, upstream: archive }\n';
    const { code, out } = await against(ACTIVE + old);
    expect(code).toBe(1);
    expect(out).toContain('2  another route: route tracks → route old');
    expect(out).toContain('upstream: music → archive');
    expect(out).toMatch(/such as GET api\.example\.com\/v1\/tracks\/old\/1 {2}\(order-\d+\)/);
    expect(out).toMatch(/ 1 {2}as they were/);
  });

  test('says which requests would be refused, and which no longer', async () => {
    records = [
      record({ path: '/v1/posts', route: '_none', status: 404, reason: 'route_not_found' }),
      record({ method: 'HEAD' }),
      record(),
    ];
    const posts = '  - { id: posts, match: { path: /v1/posts }, upstream: music }\n';
    const { changes } = await compared(HEAD + TRACKS.replace('[GET]', '[POST]') + posts);
    expect(changes).toMatchObject([
      { kind: 'answer', from: 'route tracks', to: '405 method_not_allowed', count: 2 },
      { kind: 'route', from: '404 route_not_found', to: 'route posts', count: 1 },
    ]);
  });

  test('counts rate limits as the gateway does, by client', async () => {
    const by = (client: string) => record({ client });
    records = [
      by('192.0.2.1'),
      by('192.0.2.1'),
      by('192.0.2.2'),
      by('2001:db8::1'),
      by('2001:db8::2'),
      by('192.0.2.1'),
    ];
    const limited = TRACKS.replace('upstream: music', 'upstream: music, policies: { rateLimit: { limit: 1 } }');
    const { changes } = await compared(HEAD + limited + BETA);
    expect(changes[0]).toMatchObject({ kind: 'answer', to: '429 rate_limited', count: 3 });
    expect(changes[0]?.because).toEqual(['request 2 in 60 s, at most 1']);
    expect(changes[1]).toMatchObject({
      kind: 'policy',
      count: 3,
      because: ['policies.rateLimit.limit: none → 1', expect.anything(), expect.anything()],
    });
  });

  test('says which requests a raised limit would let through', async () => {
    active = HEAD + TRACKS.replace('upstream: music', 'upstream: music, policies: { rateLimit: { limit: 1 } }');
    records = [record({ status: 429, reason: 'rate_limited' })];
    const { changes } = await compared(HEAD + TRACKS);
    expect(changes).toMatchObject([
      { kind: 'answer', from: 'route tracks, answered 429 rate_limited', to: 'route tracks, let through' },
    ]);
  });

  test('says that the configuration in force changes nothing, whatever was refused before', async () => {
    active = HEAD + TRACKS.replace('upstream: music', 'upstream: music, policies: { rateLimit: { limit: 2 } }');
    // the window of the first began before it; the limit was one when the others came
    records = [record({ status: 429, reason: 'rate_limited' }), record(), record(), record()];
    expect(await compared(active)).toMatchObject({ unchanged: 4, changes: [] });
    since = '2027-01-01T00:00:00.000Z';
    expect(await compared(active)).toMatchObject({ unchanged: 4, changes: [] });
    // refused by neither of the two
    active = HEAD + TRACKS;
    records = [record({ status: 429, reason: 'rate_limited' })];
    const raised = TRACKS.replace('upstream: music', 'upstream: music, policies: { rateLimit: { limit: 100 } }');
    expect(await compared(HEAD + raised)).toMatchObject({ changes: [{ kind: 'policy', count: 1 }] });
  });

  test('holds bodies and times against the new limits', async () => {
    records = [
      record({ bytesIn: 5000 }),
      record({ headersMs: 900 }),
      record({ connectMs: 80 }),
      record({ durationMs: 3000 }),
      record({ durationMs: 3000, kind: 'stream' }),
    ];
    const next = ACTIVE.replace(
      'music: { targets: [{ url: http://127.0.0.1:4000 }]',
      'music: { targets: [{ url: http://127.0.0.1:4000 }], timeouts: { connectMs: 50, headersMs: 500, totalMs: 2000 }',
    );
    const { changes, server } = await compared(`${next}server: { maxBodyBytes: 1000 }\n`);
    expect(changes.filter(({ kind }) => kind === 'answer').map(({ to, because }) => [to, ...because])).toEqual([
      ['413 body_too_large', '5000 bytes of body, at most 1000'],
      ['504 headers_timeout', '900 ms to the headers, at most 500'],
      ['504 connect_timeout', '80 ms to a connection, at most 50'],
      ['504 total_timeout', '3000 ms in all, at most 2000'],
    ]);
    expect(server).toEqual(['server.maxBodyBytes: 104857600 → 1000']);
  });

  test('concludes from the route that was taken which conditions a request met', async () => {
    // the first was taken by beta, so it had the header; the second was not, so it had not
    records = [record({ route: 'beta', upstream: 'archive' }), record()];
    expect(await compared(ACTIVE.replace('id: beta', 'id: canary'))).toMatchObject({
      undecided: 0,
      unchanged: 1,
      changes: [{ from: 'route beta', to: 'route canary', count: 1 }],
    });
  });

  test('does not guess what depends on headers or query values that it cannot know', async () => {
    records = [record({ queryNames: ['page'] }), record({ queryNames: [] })];
    const paged = "  - { id: paged, match: { path: /v1/tracks/*, query: { page: '2' } }, upstream: archive }\n";
    const gold = '  - { id: gold, match: { path: /v1/tracks/*, headers: { x-plan: gold } }, upstream: archive }\n';
    expect(await compared(ACTIVE + paged)).toMatchObject({ undecided: 1, unchanged: 1, dependsOn: ['query page=2'] });
    const { code, out } = await against(ACTIVE + gold);
    expect(code).toBe(0);
    expect(out).toContain('2  cannot be told: they depend on header x-plan=gold');
  });

  test('concludes nothing from requests that came before the active configuration', async () => {
    records = [record({ route: 'something-else' })];
    since = '2027-01-01T00:00:00.000Z';
    expect(await compared(ACTIVE)).toMatchObject({ undecided: 1, dependsOn: ['header x-beta=1'] });
    active = HEAD + TRACKS;
    expect(await compared(HEAD + TRACKS)).toMatchObject({ undecided: 0, unchanged: 1 });
  });

  test('leaves out what is refused by any configuration', async () => {
    records = [record({ route: '_none', path: '', status: 400, reason: 'request_invalid', method: '_OTHER' })];
    expect((await against(ACTIVE)).code).toBe(0);
  });

  test('knows a path that becomes one of the gateway itself', async () => {
    records = [record({ path: '/_gateway/readyz', route: '_none', status: 404, reason: 'route_not_found' })];
    const { changes } = await compared(`${ACTIVE}server: { healthPrefix: /_gateway }\n`);
    expect(changes).toMatchObject([{ kind: 'answer', to: expect.stringContaining('by the gateway itself') }]);
  });

  test('exits with 69 and says what to do when it cannot be told', async () => {
    const few = await against(ACTIVE);
    expect([few.code, few.error]).toEqual([69, expect.stringMatching(/knows 0 recent requests, too few to tell/)]);
    const gone = await startApi(() => undefined);
    await gone.close();
    const args = ['check', 'new.yaml', '--against', 'recent', '--url', gone.url];
    const { directory, remove } = folderWith({ 'new.yaml': ACTIVE });
    cleanups.push(remove);
    const nobody = await clearway(args, { directory });
    expect([nobody.code, nobody.error]).toEqual([69, expect.stringMatching(/cannot be reached.*ECONNREFUSED/)]);
    const asJson = await clearway([...args, '--json'], { directory });
    expect(JSON.parse(asJson.out)).toMatchObject({ problem: expect.stringContaining('cannot be reached') });
  });

  test('exits with 78 when the new file is faulty, and with 64 when options do not fit', async () => {
    expect((await against('version: 2\n')).code).toBe(78);
    expect((await clearway(['check', '--url', 'http://127.0.0.1:1'])).code).toBe(64);
    expect((await clearway(['check', '--against', 'tomorrow'])).code).toBe(64);
  });
});
