import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import request from 'supertest';
import { contract, separate, separationStatus, undo } from '../src/separation/separation.ts';
import { seed } from '../src/seed.ts';
import { startService, type TestService } from './support/service.ts';

const entry = fileURLToPath(new URL('../dist/run-separation.js', import.meta.url));
const children: ChildProcess[] = [];
let service: TestService;
let api: ReturnType<typeof request>;
let sql: pg.Client;

beforeAll(async () => {
  service = await startService();
  api = request(service.server);
  sql = new pg.Client({ connectionString: service.connectionString });
  await sql.connect();
});
afterAll(async () => {
  await sql?.end();
  await service?.close();
});
beforeEach(() => sql.query('TRUNCATE users, tracks, posts, playlists, playlist_entries, separation_errors CASCADE'));
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** Posts as the release before wrote them. */
const writeOldPosts = (n: number) =>
  sql.query(
    `INSERT INTO posts (id, kind, audio_title, audio_artist, audio_duration_seconds)
     SELECT gen_random_uuid(), 'audio', 'Song ' || n, 'Someone', n FROM generate_series(1, $1::int) AS n`,
    [n],
  );
const all = async () => {
  const { rows } = await sql.query<{ posts: number; tracks: number; loose: number; doubled: number }>(`
    SELECT (SELECT count(*)::int FROM posts) AS posts, (SELECT count(*)::int FROM tracks) AS tracks,
           (SELECT count(*)::int FROM posts WHERE kind = 'audio' AND track_id IS NULL AND audio_title IS NULL) AS loose,
           (SELECT count(*)::int FROM posts p JOIN tracks t ON t.id = p.track_id WHERE t.title <> p.audio_title) AS doubled`);
  return rows[0];
};
const shown = async () => {
  const { body } = await api.get('/v1/posts?limit=100').expect(200);
  return (body.items as { track: { title: string } | null }[]).map(({ track }) => track?.title);
};

/** The command in a process of its own. */
function start(...words: string[]): ChildProcess {
  const child = spawn(process.execPath, [entry, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: service.connectionString,
      NODE_V8_COVERAGE: process.env['NODE_V8_COVERAGE'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    },
  });
  children.push(child);
  return child;
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

describe('separating tracks from posts', () => {
  test('shows the same posts before, in between and afterwards', async () => {
    await writeOldPosts(30);
    const before = await shown();
    expect(before).toHaveLength(30);
    await separate({ connectionString: service.connectionString, batchSize: 10, signal: AbortSignal.timeout(0) });
    expect(await shown()).toEqual(before);
    expect(await separate({ connectionString: service.connectionString })).toEqual({
      total: 30,
      done: 30,
      errors: 0,
      isContracted: false,
    });
    expect(await shown()).toEqual(before);
    expect(await all()).toEqual({ posts: 30, tracks: 30, loose: 0, doubled: 0 });
  });

  test('survives kill -9 in the middle, under traffic, and the next run ends it: nothing is lost or made twice', async () => {
    await writeOldPosts(2500);
    let isOver = false;
    const wrong: unknown[] = [];
    const traffic = (async () => {
      for (let n = 0; !isOver; n++) {
        const track = { title: `New ${n}`, artist: 'Traffic' };
        const made = await api.post('/v1/posts').send({ kind: 'audio', track });
        const listed = await api.get('/v1/posts?limit=50');
        const items = listed.body.items as { kind: string; track: { title?: string } | null }[];
        if (made.status !== 201 || listed.status !== 200) wrong.push([made.status, listed.status, made.body]);
        wrong.push(...items.filter(({ kind, track: song }) => kind === 'audio' && song?.title === undefined));
        await writeOldPosts(1); // a process of the release before is still there
      }
    })();
    const victim = start('forward', '--batch', '50', '--share', '20');
    while ((await separationStatus(service.connectionString)).done < 500) await sleep(5);
    victim.kill('SIGKILL');
    await once(victim, 'close');
    const half = await separationStatus(service.connectionString);
    expect(half.done).toBeGreaterThanOrEqual(500);
    expect(half.done).toBeLessThan(half.total);
    expect(half.done % 50).toBe(0); // whole batches only

    const { code, output } = await outcome(start('forward', '--share', '100'));
    isOver = true;
    await traffic;
    expect([code, output]).toEqual([0, expect.stringMatching(/posts separated \(\d+ %\), 0 with an error/)]);
    const last = await separate({ connectionString: service.connectionString });
    expect(last.done).toBe(last.total);
    expect(wrong).toEqual([]);
    const { posts, tracks, loose, doubled } = (await all()) ?? {};
    expect({ loose, doubled, missing: (posts ?? 0) - (tracks ?? 0) }).toEqual({ loose: 0, doubled: 0, missing: 0 });
  });

  test('leaves a song alone that cannot be a track, writes down why, and tries it again when asked', async () => {
    await writeOldPosts(5);
    await sql.query(`UPDATE posts SET audio_artist = NULL WHERE audio_title = 'Song 3'`);
    expect((await outcome(start('forward'))).output).toContain('4 of 5 posts separated (80 %), 1 with an error');
    expect((await sql.query('SELECT error FROM separation_errors')).rows).toEqual([
      { error: expect.stringContaining('23502') },
    ]);
    expect(await shown()).toContain('Song 3');
    await expect(contract(service.connectionString)).rejects.toThrow(
      '1 posts still hold a song, 1 of them with an error',
    );
    await sql.query(`UPDATE posts SET audio_artist = 'Someone' WHERE audio_title = 'Song 3'`);
    expect((await outcome(start('retry-errors'))).output).toContain('1 posts will be tried again');
    expect(await separate({ connectionString: service.connectionString })).toMatchObject({ done: 5, errors: 0 });
  });

  test('can be undone: songs are back with what was changed since, and tracks that others use stay', async () => {
    await writeOldPosts(4);
    const before = await shown();
    await separate({ connectionString: service.connectionString });
    const { rows } = await sql.query<{ id: string }>('SELECT id FROM posts ORDER BY audio_title');
    const [, inPlaylist, edited, deleted] = rows.map(({ id }) => id);
    const { body: playlist } = await api.post('/v1/playlists').send({ title: 'Kept' });
    await api.post(`/v1/playlists/${playlist.id}/entries`).send({ trackId: inPlaylist }).expect(201);
    await sql.query(`UPDATE tracks SET title = 'Edited' WHERE id = $1`, [edited]);
    await sql.query('DELETE FROM tracks WHERE id = $1', [deleted]);

    expect((await outcome(start('back'))).code).toBe(0);
    expect((await shown()).sort()).toEqual(
      [undefined, ...before.filter((title) => title === 'Song 1' || title === 'Song 2'), 'Edited'].sort(),
    );
    expect((await sql.query('SELECT id FROM tracks')).rows).toEqual([{ id: inPlaylist }]);
    expect(await separate({ connectionString: service.connectionString })).toMatchObject({ total: 3, done: 3 });
    expect(await undo({ connectionString: service.connectionString })).toMatchObject({ total: 3, done: 0 });
  });

  test('is done by one run at a time', async () => {
    await writeOldPosts(2000);
    const first = start('forward', '--batch', '10', '--share', '5');
    while ((await separationStatus(service.connectionString)).done === 0) await sleep(5);
    expect(await outcome(start('forward'))).toMatchObject({
      code: 1,
      output: expect.stringContaining('another run is under way'),
    });
    first.kill('SIGTERM'); // ends the batch, then itself
    expect(await outcome(first)).toMatchObject({ code: 0 });
  });

  test('says what it can do', async () => {
    expect(await outcome(start('--help'))).toMatchObject({
      code: 0,
      output: expect.stringContaining('there is no way back'),
    });
    expect(await outcome(start('forwards'))).toMatchObject({ code: 64 });
  });
});

describe('the contract (last: there is no way back)', () => {
  test('is refused while songs are left, gives way to requests, and the service goes on without the columns', async () => {
    await seed(service.connectionString);
    expect((await separationStatus(service.connectionString)).total).toBe(12);
    expect((await outcome(start('contract'))).output).toContain('refused: 12 posts still hold a song');
    await separate({ connectionString: service.connectionString });
    const before = await shown();

    const holder = new pg.Client({ connectionString: service.connectionString });
    await holder.connect();
    await holder.query('BEGIN; SELECT FROM posts LIMIT 1'); // a request that takes its time
    const contracting = contract(service.connectionString);
    await sleep(700);
    await api.get('/v1/posts').expect(200); // others do not wait behind the contract for long
    await holder.query('COMMIT');
    await holder.end();
    expect(await contracting).toMatchObject({ isContracted: true });

    expect(await shown()).toEqual(before);
    await api
      .post('/v1/posts')
      .send({ kind: 'audio', track: { title: 'After', artist: 'All' } })
      .expect(201);
    await sql.query('DELETE FROM tracks'); // posts without a track ask for their song
    expect(new Set(await shown())).toEqual(new Set([undefined]));
    expect((await outcome(start('status'))).output).toContain('contracted');
    await expect(separate({ connectionString: service.connectionString })).rejects.toThrow('the old columns are gone');
    expect(await contract(service.connectionString)).toMatchObject({ isContracted: true });
    await seed(service.connectionString);
  });
});
