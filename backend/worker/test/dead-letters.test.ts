import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { deadLetterSchema, exportedDeadLetterSchema, invalidParametersProblemSchema } from '@clearway/contracts';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { deadLetterOperations } from '../src/dead-letters/dead-letter-operations.ts';
import { deadLetterMetrics } from '../src/dead-letters/metrics.ts';
import { jobOperations } from '../src/jobs/job-operations.ts';
import { startApi, type ApiUnderTest } from './support/operations.ts';

const OPERATOR = 'operator-token-0123456789';
const VIEWER = 'viewer-token-0123456789';
const SECRET = 'alice@example.com';

let testDatabase: TestDatabase;
let jobs: Jobs;
let api: ApiUnderTest;
let isCoverThere = false;
let hasStarted = true;

const render = defineJob({
  id: 'render-cover',
  input: z.object({ trackId: z.int(), for: z.string() }),
  retries: 0,
  concurrency: 10,
  run: (input) => {
    if (!isCoverThere) throw new Error(`no cover for ${input.for}`, { cause: new Error('the store is away') });
  },
});

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  const times = { pollMs: 50, signMs: 50, controlMs: 1000, scheduleMs: 1000, superviseSeconds: 1, replayMs: 50 };
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const { connectionString } = testDatabase;
  jobs = await startJobs({ connectionString, service: 'test', jobs: [render], log, times });
  const port = { current: () => (hasStarted ? jobs : undefined) };
  const link = (id: string) => `http://jaeger.test/trace/${id}`;
  api = await startApi({
    tokens: [
      { role: 'operator', token: OPERATOR },
      { role: 'viewer', token: VIEWER },
    ],
    more: [...deadLetterOperations(port, link), ...jobOperations(port, link)],
  });
  deadLetterMetrics(api.telemetry.metrics, port);
});
afterAll(async () => {
  await api.close();
  await jobs.stop(1000);
  await testDatabase.close();
});
beforeEach(async () => {
  isCoverThere = false;
  hasStarted = true;
  await jobs.connections.query('TRUNCATE dead_letter_queue, replays, job_ledger, audit_log CASCADE');
});

type Body = Record<string, unknown>;

async function call(method: string, path: string, body?: unknown, token = OPERATOR, name = 'Ada') {
  const response = await fetch(api.origin + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'clearway-actor': name,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

const get = async (path: string, token?: string): Promise<Body> => (await call('GET', path, undefined, token)).body;

async function eventually<T>(probe: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Lets so many events fail for good; answers with the ids of their letters, oldest first. */
async function deadLetters(count: number): Promise<string[]> {
  for (let trackId = 1; trackId <= count; trackId++) await jobs.enqueue(render, { trackId, for: SECRET });
  return eventually(async () => {
    const { rows } = await jobs.connections.query<{ id: string }>(
      'SELECT id FROM dead_letter_queue ORDER BY created_at, id',
    );
    return rows.length === count && rows.map((row) => row.id);
  });
}

const whole = async (id: string | undefined, token?: string) =>
  deadLetterSchema.parse(await get(`/api/dead-letters/${id}`, token));

describe('a viewer', () => {
  test('sees what failed and when, and nothing of what events hold', async () => {
    const [id] = await deadLetters(1);
    const seen = await Promise.all(['', '/groups', `/${id}`].map((path) => get(`/api/dead-letters${path}`, VIEWER)));
    expect(JSON.stringify(seen)).not.toMatch(/alice|the store is away|dead-letters\.test/);
    expect(seen[0]).toMatchObject({
      deadLetters: [{ id, jobId: 'render-cover', status: 'PENDING', errorName: 'Error' }],
    });
    expect(seen[1]).toMatchObject({ groups: [{ counts: { pending: 1 }, sampleId: id }] });
    expect(seen[2]).toMatchObject({ id, runs: [{ status: 'FAILED', attempt: 1 }], replays: [] });
  });

  test.each([
    ['GET', '/api/dead-letters?text=alice', undefined],
    ['GET', '/api/dead-letters/export', undefined],
    ['POST', '/api/dead-letters/discard', { reason: 'x', selection: { jobId: 'render-cover' } }],
    ['POST', '/api/dead-letters/replays', { reason: 'x', selection: { jobId: 'render-cover' } }],
  ])('may not %s %s', async (method, path, body) => {
    expect(await call(method, path, body, VIEWER)).toMatchObject({ status: 403, body: { reason: 'auth_forbidden' } });
  });
});

describe('an operator', () => {
  test('sees a letter whole, with the links of its traces', async () => {
    const [id] = await deadLetters(1);
    await jobs.connections.query('UPDATE dead_letter_queue SET trace_id = $1', ['4bf92f3577b34da6a3ce929d0e0e4736']);
    const letter = await whole(id);
    expect(letter).toMatchObject({
      event: { trackId: 1, for: SECRET },
      error: `no cover for ${SECRET}`,
      causes: [{ name: 'Error', message: 'the store is away' }],
      attempts: 1,
      trigger: 'enqueue',
      traceUrl: 'http://jaeger.test/trace/4bf92f3577b34da6a3ce929d0e0e4736',
      runs: [{ error: { message: `no cover for ${SECRET}` } }],
    });
    expect(letter.stack).toContain('dead-letters.test');
    expect(await get('/api/dead-letters?text=ALICE')).toMatchObject({ deadLetters: [{ id, error: letter.error }] });
    expect((await call('GET', `/api/dead-letters/${crypto.randomUUID()}`)).status).toBe(404);
  });

  test('replays one with another input, after having been told all that is wrong with the first', async () => {
    const [id] = await deadLetters(1);
    isCoverThere = true;
    const path = `/api/dead-letters/${id}/replay`;
    const refused = await call('POST', path, { reason: 'typo', input: { trackId: 'x' } });
    expect(refused.status).toBe(400);
    const { invalidParameters } = invalidParametersProblemSchema.parse(refused.body);
    expect(invalidParameters.map(({ name }) => name)).toEqual(['input.trackId', 'input.for']);
    const input = { trackId: 7, for: 'Bob' };
    const accepted = await call('POST', path, { reason: 'typo', input });
    expect(accepted).toMatchObject({ status: 202, body: { eventId: expect.any(String) } });
    const letter = await eventually(async () => {
      const now = await whole(id);
      return now.status === 'SUCCEEDED' && now;
    });
    expect(letter).toMatchObject({ editedEvent: input, replays: [{ actor: 'operator (Ada)', reason: 'typo' }] });
    expect((await call('POST', path, { reason: 'again' })).status).toBe(409);
  });

  test('who comes second is told who was first', async () => {
    const [id] = await deadLetters(1);
    isCoverThere = true;
    const answers = await Promise.all(
      ['Ada', 'Bob'].map((name) => call('POST', `/api/dead-letters/${id}/replay`, { reason: 'x' }, OPERATOR, name)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    const second = answers.find(({ status }) => status === 409);
    expect(second?.body['detail']).toMatch(/operator \((Ada|Bob)\) (began that|replayed it) at 20/);
    await eventually(async () => (await whole(id)).status === 'SUCCEEDED');
  });

  test('replays a group by a canary, sees how far it is, and finds both in the audit', async () => {
    await deadLetters(8);
    isCoverThere = true;
    const { groups } = (await get('/api/dead-letters/groups')) as { groups: { signature: string; counts: Body }[] };
    expect(groups).toMatchObject([{ counts: { pending: 8 } }]);
    const order = {
      reason: 'the store is back',
      selection: { signature: groups[0]?.signature },
      few: 2,
      eventsPerSecond: 500,
    };
    const dry = await call('POST', '/api/dead-letters/replays', { ...order, dryRun: true });
    expect(dry.body).toEqual({ matching: 8, inReplay: 0, jobs: [{ jobId: 'render-cover', count: 8, problem: null }] });
    const begun = await call('POST', '/api/dead-letters/replays', order);
    expect(begun).toMatchObject({ status: 202, body: { total: 8, isCanary: true, status: 'RUNNING' } });
    const id = begun.body['replayId'] as string;
    const replay = await eventually(async () => {
      const now = await get(`/api/dead-letters/replays/${id}`, VIEWER);
      return now['status'] !== 'RUNNING' && now;
    });
    expect(replay).toMatchObject({ status: 'COMPLETED', counts: { succeeded: 8 }, actor: 'operator (Ada)' });
    expect(await get('/api/dead-letters/replays?limit=1')).toMatchObject({ replays: [{ replayId: id }] });
    expect(await get('/api/audit?subject=dead-letters')).toMatchObject({
      entries: [{ action: 'dead-letter.replay', details: { total: 8 } }],
    });
    expect(await get('/api/dead-letters/groups?status=PENDING')).toEqual({ groups: [] });
    expect((await call('POST', `/api/dead-letters/replays/${id}/cancel`, { reason: 'late' })).status).toBe(409);
  });

  test('discards with a reason, and not without', async () => {
    const [id, other] = await deadLetters(2);
    expect((await call('POST', `/api/dead-letters/${id}/discard`, {})).status).toBe(400);
    expect((await call('POST', '/api/dead-letters/discard', { reason: 'x', selection: {} })).status).toBe(400);
    expect(await call('POST', `/api/dead-letters/${id}/discard`, { reason: 'of no use' })).toMatchObject({
      body: { discarded: 1 },
    });
    expect(await whole(id)).toMatchObject({ discardReason: 'of no use', discardedBy: 'operator (Ada)' });
    const rest = { reason: 'all of it', selection: { ids: [id, other] } };
    expect((await call('POST', '/api/dead-letters/discard', { ...rest, dryRun: true })).body).toMatchObject({
      matching: 1,
    });
    expect((await call('POST', '/api/dead-letters/discard', rest)).body).toEqual({ discarded: 1 });
    expect(await get('/api/dead-letters')).toEqual({ deadLetters: [] });
    expect(await get('/api/dead-letters?discarded=only')).toMatchObject({ deadLetters: [{ id: other }, { id }] });
  });

  test('exports letters whole, a line each, which the audit tells; one who goes away breaks nothing', async () => {
    const ids = await deadLetters(3);
    const headers = { authorization: `Bearer ${OPERATOR}` };
    const answer = await fetch(`${api.origin}/api/dead-letters/export?jobId=render-cover`, { headers });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => exportedDeadLetterSchema.parse(JSON.parse(line)));
    expect(lines.map((line) => line.id)).toEqual(ids.toReversed());
    expect(lines[0]).toMatchObject({ event: { for: SECRET }, error: `no cover for ${SECRET}` });
    expect(await get('/api/audit?subject=dead-letters')).toMatchObject({ entries: [{ action: 'dead-letter.export' }] });

    const big = JSON.stringify({ text: 'x'.repeat(900_000) });
    await jobs.connections.query(
      "INSERT INTO dead_letter_queue (job_id, event_data, error) SELECT 'big', $1::jsonb, 'e' FROM generate_series(1, 30)",
      [big],
    );
    const abort = new AbortController();
    const partly = await fetch(`${api.origin}/api/dead-letters/export`, { headers, signal: abort.signal });
    await partly.body?.getReader().read();
    abort.abort();
    expect((await call('GET', '/api/dead-letters?limit=1')).status).toBe(200);
    expect(api.logged.filter((line) => line.includes('an operation failed'))).toEqual([]);
  });
});

test('metrics tell how many there are and how long the oldest waits', async () => {
  const [id] = await deadLetters(2);
  await jobs.connections.query("UPDATE dead_letter_queue SET created_at = now() - interval '1 hour' WHERE id = $1", [
    id,
  ]);
  // counts are remembered for some seconds
  const text = await eventually(async () => {
    const now = await (await fetch(`${api.origin}/metrics`, { headers: { authorization: `Bearer ${VIEWER}` } })).text();
    return now.includes('status="pending"} 2') && now;
  });
  expect(text).toMatch(/^clearway_dead_letters\{job="render-cover",status="failed"\} 0$/m);
  const age = /^clearway_dead_letters_oldest_pending_seconds\{job="render-cover"\} ([\d.]+)$/m.exec(text)?.[1];
  expect(Number(age)).toBeGreaterThan(3590);
});

test('nothing is answered before the jobs have started', async () => {
  hasStarted = false;
  for (const path of ['', '/groups', '/export', '/replays']) {
    expect((await call('GET', `/api/dead-letters${path}`)).status).toBe(503);
  }
});
