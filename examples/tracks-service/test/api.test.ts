import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { seed } from '../src/seed.ts';
import { startService, type TestService } from './support/service.ts';

const NOWHERE = '019a0000-0000-7000-8000-000000000000';
let service: TestService;
let api: ReturnType<typeof request>;

beforeAll(async () => {
  service = await startService();
  api = request(service.server);
});
afterAll(() => service?.close());
beforeEach(async () => {
  const { database } = service;
  await database.$transaction([
    database.playlist.deleteMany(),
    database.post.deleteMany(),
    database.track.deleteMany(),
    database.user.deleteMany(),
  ]);
});

async function makeTrack(title = 'Half Closed'): Promise<string> {
  const { body } = await api.post('/v1/tracks').send({ title, artist: 'Broken Pipes' }).expect(201);
  return body.id as string;
}
const makeUser = () => service.database.user.create({ data: { name: 'Ada', email: 'ada@example.com' } });

describe('tracks', () => {
  test('are made and read again', async () => {
    const { id: ownerId } = await makeUser();
    const track = { title: 'Half Closed', artist: 'Broken Pipes', durationSeconds: 201.5, ownerId };
    const made = await api.post('/v1/tracks').send(track).expect(201);
    expect(made.headers['location']).toBe(`/v1/tracks/${made.body.id}`);
    const read = await api.get(made.headers['location'] ?? '').expect(200);
    expect(read.body).toEqual(made.body);
    expect(read.body).toEqual({
      id: expect.any(String),
      title: 'Half Closed',
      artist: 'Broken Pipes',
      durationSeconds: 201.5,
      owner: { id: ownerId, name: 'Ada' },
      file: null,
      createdAt: expect.stringMatching(/Z$/),
    });
  });

  test('are listed in pages, newest first, none twice and none left out', async () => {
    const titles = ['1', '2', '3', '4', '5'];
    for (const title of titles) await makeTrack(title);
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const { body } = await api.get('/v1/tracks').query({ limit: 2, ...(next !== null && { cursor: next }) });
      seen.push(...body.items.map((track: { title: string }) => track.title));
      next = body.next;
    } while (next !== null);
    expect(seen).toEqual(titles.toReversed());
  });

  test('have no next page when the last one is just full', async () => {
    await makeTrack();
    await makeTrack();
    const { body } = await api.get('/v1/tracks?limit=2').expect(200);
    expect(body).toMatchObject({ items: [{}, {}], next: null });
  });

  test.each(['/v1/tracks/none', `/v1/tracks/${NOWHERE}`, '/v1/none', `/v1/tracks/${NOWHERE}/file`])(
    'that do not exist are answered with a problem: %s',
    async (path) => {
      const { body } = await api
        .get(path)
        .expect(404)
        .expect('content-type', /^application\/problem\+json/);
      expect(body).toMatchObject({ type: 'urn:tracks:problem:not_found', status: 404, traceId: expect.any(String) });
    },
  );

  test('have a report that fails in SQL, which tells the client nothing of the inside', async () => {
    const id = await makeTrack();
    const { body, text, headers } = await api.get(`/v1/tracks/${id}/report`).expect(500);
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ status: 500, reason: 'internal', traceId: headers['trace-id'] });
    expect(text).not.toMatch(/track_reach|SELECT|prisma/i);
  });
});

describe('a request that is not valid', () => {
  test('is told every fault at once', async () => {
    const { body } = await api.post('/v1/tracks').send({ title: ' ', durationSeconds: -1, extra: 1 }).expect(400);
    expect(body).toMatchObject({ type: 'urn:tracks:problem:request_invalid', status: 400 });
    expect(body.errors.map((error: { path: string }) => error.path)).toEqual([
      'title',
      'artist',
      'durationSeconds',
      '',
    ]);
  });

  test.each([
    ['broken JSON', () => api.post('/v1/tracks').type('json').send('{"title":'), 400],
    ['another type of body', () => api.post('/v1/tracks').type('text').send('title'), 400],
    ['a body over the limit', () => api.post('/v1/posts').send({ kind: 'text', text: 'x'.repeat(20_000) }), 413],
    ['a limit over the limit', () => api.get('/v1/tracks?limit=101'), 400],
    ['a cursor that is none', () => api.get('/v1/posts?cursor=1'), 400],
    ['control characters', () => api.post('/v1/tracks').send({ title: 'a\u0000b', artist: 'c' }), 400],
  ])('is refused as a problem: %s', async (_name, send, status) => {
    const { body } = await send()
      .expect(status)
      .expect('content-type', /^application\/problem\+json/);
    expect(body.status).toBe(status);
  });

  test('may refer to nothing that does not exist', async () => {
    const refused = async (path: string, body: object): Promise<unknown> =>
      (await api.post(path).send(body).expect(400)).body.errors;
    const track = { title: 'a', artist: 'b', ownerId: NOWHERE };
    expect(await refused('/v1/tracks', track)).toEqual([{ path: 'ownerId', message: 'no such user' }]);
    expect(await refused('/v1/posts', { kind: 'audio', trackId: NOWHERE, authorId: NOWHERE })).toEqual([
      { path: 'authorId', message: 'no such user' },
      { path: 'trackId', message: 'no such track' },
    ]);
  });
});

describe('posts', () => {
  test('of a track show it, and text posts their text', async () => {
    const trackId = await makeTrack();
    const { id: authorId } = await makeUser();
    await api.post('/v1/posts').send({ kind: 'audio', trackId, authorId }).expect(201);
    await api.post('/v1/posts').send({ kind: 'text', text: 'Louder!' }).expect(201);
    const { body } = await api.get('/v1/posts').expect(200);
    expect(body.items).toMatchObject([
      { kind: 'text', text: 'Louder!', author: null },
      { kind: 'audio', text: null, author: { name: 'Ada' }, track: { id: trackId, title: 'Half Closed' } },
    ]);
    expect(body.items[0]).not.toHaveProperty('track');
  });

  test.each([
    ['an audio post without a track', { kind: 'audio' }],
    ['a text post without a text', { kind: 'text' }],
    ['a text post with a track', { kind: 'text', text: 'a', trackId: NOWHERE }],
    ['another kind', { kind: 'video', text: 'a' }],
  ])('are refused: %s', async (_name, post) => {
    await api.post('/v1/posts').send(post).expect(400);
    expect(await service.database.post.count()).toBe(0);
  });
});

describe('playlists', () => {
  test('keep their entries in order, also when several are added at once', async () => {
    const tracks = await Promise.all(['a', 'b', 'c', 'd'].map(makeTrack));
    const { body: playlist } = await api.post('/v1/playlists').send({ title: 'Calm' }).expect(201);
    const path = `/v1/playlists/${playlist.id}/entries`;
    const added = await Promise.all(tracks.map((trackId) => api.post(path).send({ trackId }).expect(201)));
    expect(added.map(({ body }) => body.position as number).sort()).toEqual([1, 2, 3, 4]);
    const { body } = await api.get('/v1/playlists').expect(200);
    expect(body.items).toEqual([{ ...playlist, entries: 4 }]);
  });

  test('that do not exist take no entry, and no playlist takes a track that does not exist', async () => {
    const trackId = await makeTrack();
    await api.post(`/v1/playlists/${NOWHERE}/entries`).send({ trackId }).expect(404);
    const { body } = await api.post('/v1/playlists').send({ title: 'Calm' });
    await api.post(`/v1/playlists/${body.id}/entries`).send({ trackId: NOWHERE }).expect(400);
    expect(await service.database.playlistEntry.count()).toBe(0);
  });
});

describe('the seed', () => {
  test('can run several times and at once, and leaves what is there', async () => {
    await Promise.all([seed(service.connectionString), seed(service.connectionString)]);
    await service.database.track.updateMany({ data: { artist: 'changed' } });
    await seed(service.connectionString);
    const { database } = service;
    expect(await database.track.count()).toBe(25);
    expect(await database.track.count({ where: { artist: 'changed' } })).toBe(25);
    expect(await database.playlistEntry.count()).toBe(25);
    const { body } = await api.get('/v1/posts?limit=100').expect(200);
    expect(body.items.length).toBeGreaterThan(8);
  });

  test('stands behind what was made since in a listing', async () => {
    await seed(service.connectionString);
    const id = await makeTrack();
    const { body } = await api.get('/v1/tracks?limit=1').expect(200);
    expect(body.items[0].id).toBe(id);
  });
});

describe('operations', () => {
  test('count requests by route, not by id', async () => {
    const id = await makeTrack();
    await api.get(`/v1/tracks/${id}`).expect(200);
    await api.get(`/v1/tracks/${id}/report`).expect(500);
    const { text, headers } = await api.get('/metrics').expect(200);
    expect(headers['content-type']).toMatch(/openmetrics/);
    expect(text).toContain('route="/v1/tracks/:id"');
    expect(text).toMatch(/service_requests_total{[^}]*route="\/v1\/tracks\/:id\/report",[^}]*reason="internal"/);
    expect(text).toContain('service_query_duration_seconds_count{query="tracks.get"');
    expect(text).not.toContain(id);
  });

  test('join an answer to its trace', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { headers } = await api.get('/v1/tracks').set({ traceparent, 'X-Request-Id': 'r-1' }).expect(200);
    expect(headers).toMatchObject({ 'trace-id': '4bf92f3577b34da6a3ce929d0e0e4736', 'x-request-id': 'r-1' });
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  test('answer that the service lives and is ready, until it drains (last: there is no way back)', async () => {
    await api.get('/livez').expect(200);
    await api.get('/readyz').expect(200, { status: 'ready' });
    service.drain.begin();
    const { headers } = await api.get('/readyz').expect(503, { status: 'draining' });
    expect(headers['connection']).toBe('close');
  });
});
