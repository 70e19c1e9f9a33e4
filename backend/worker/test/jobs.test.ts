import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { problemDocumentSchema } from '@clearway/contracts';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { jobOperations } from '../src/jobs/job-operations.ts';
import { startApi, type ApiUnderTest } from './support/operations.ts';

const OPERATOR = 'operator-token-0123456789';
const VIEWER = 'viewer-token-0123456789';
const REPORTER = 'reporter-token-0123456789';

let testDatabase: TestDatabase;
let jobs: Jobs;
let api: ApiUnderTest;
let hasStarted = true;
const held: (() => void)[] = [];

const render = defineJob({
  id: 'render-cover',
  description: 'Renders the cover of a track.',
  input: z.object({ trackId: z.int() }),
  schedule: { cron: '0 2 * * *', input: { trackId: 1 } },
  run: ({ trackId }, { log, signal, progress }): unknown => {
    log.info('rendering', { trackId });
    if (trackId !== 99) return { trackId };
    progress(1, 3);
    return new Promise<void>((resolve, reject) => {
      held.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  },
});

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  const times = { pollMs: 50, signMs: 50, controlMs: 50, scheduleMs: 1000, superviseSeconds: 1 };
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const { connectionString } = testDatabase;
  jobs = await startJobs({ connectionString, service: 'test', jobs: [render], log, times });
  api = await startApi({
    tokens: [
      { role: 'operator', token: OPERATOR },
      { role: 'viewer', token: VIEWER },
    ],
    reports: [
      { jobId: 'nightly-import', token: REPORTER },
      { jobId: 'other', token: 'other-token-0123456789' },
    ],
    more: jobOperations({ current: () => (hasStarted ? jobs : undefined) }, (id) => `http://jaeger.test/trace/${id}`),
  });
});
afterAll(async () => {
  for (const release of held) release();
  await api.close();
  await jobs.stop(1000);
  await testDatabase.close();
});
beforeEach(() => {
  hasStarted = true;
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown, token = OPERATOR): Promise<Answer> {
  const response = await fetch(api.origin + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'clearway-actor': 'Ada',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const get = (path: string, token?: string): Promise<Answer> => call('GET', path, undefined, token);

async function eventually(probe: () => Promise<boolean>): Promise<void> {
  while (!(await probe())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function ended(eventId: unknown): Promise<Record<string, unknown>> {
  let run: Record<string, unknown> | undefined;
  await eventually(async () => {
    const { body } = await get('/api/job-runs?jobId=render-cover');
    run = (body['runs'] as Record<string, unknown>[]).find((each) => each['eventId'] === eventId);
    return run !== undefined && run['status'] !== 'RUNNING';
  });
  return run as Record<string, unknown>;
}

const run = promisify(execFile);
const GUIDE = readFileSync(path.join(import.meta.dirname, '../../../docs/guides/jobs.md'), 'utf8');

/** What cron would run, and with which variables; a bare % would end the command there. */
function crontabOf(guide: string): { variables: Record<string, string>; command: string } {
  const lines = (/```crontab\n([^]*?)```/.exec(guide)?.[1] ?? '').trim().split('\n');
  const settings = lines.flatMap((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1) ?? []);
  const [command = ''] = lines.flatMap((line) => /^(?:[\d*/,-]+ ){5}(.+)$/.exec(line)?.slice(1) ?? []);
  return {
    variables: Object.fromEntries([settings]) as Record<string, string>,
    command: command.replaceAll('\\%', '%'),
  };
}

describe('an operator', () => {
  test('runs a job now, and finds the run with its log lines, its metrics and who asked for it', async () => {
    const started = await call('POST', '/api/jobs/render-cover/run', { reason: 'try', input: { trackId: 7 } });
    expect(started.status).toBe(202);
    const run = await ended(started.body['eventId']);
    expect(run).toMatchObject({ status: 'SUCCEEDED', trigger: 'manual' });
    const whole = await get(`/api/job-runs/${String(run['runId'])}`);
    expect(whole.body).toMatchObject({ output: { trackId: 7 }, logs: [{ message: 'rendering' }] });
    const metrics = await get('/api/metrics?jobId=render-cover');
    expect(metrics.body).toMatchObject({ jobs: [{ jobId: 'render-cover', successCount: 1, failureCount: 0 }] });
    expect((metrics.body['jobs'] as { durationMs: { p50: number } }[])[0]?.durationMs.p50).toBeGreaterThan(0);
    const audit = await get('/api/audit?subject=job:render-cover');
    expect(audit.body['entries']).toMatchObject([{ actor: 'operator (Ada)', action: 'job.run', reason: 'try' }]);
  });

  test('is told of characters that the database cannot hold', async () => {
    const refused = await call('POST', '/api/jobs/render-cover/pause', { reason: 'a\u0000b' });
    expect([refused.status, refused.body['detail']]).toEqual([400, expect.stringContaining('U+0000')]);
  });

  test('is told what is wrong with an input before anything runs', async () => {
    const refused = await call('POST', '/api/jobs/render-cover/run', { reason: 'try', input: { trackId: 'x' } });
    expect(refused.status).toBe(400);
    expect(problemDocumentSchema.parse(refused.body).detail).toMatch(/trackId/);
  });

  test('pauses a job, whose events then wait, and lets them run again', async () => {
    await call('POST', '/api/jobs/render-cover/pause', { reason: 'the renderer is down' });
    await eventually(async () => (await get('/api/jobs/render-cover')).body['pausedBy'] === 'operator (Ada)');
    // workers ask every 50 ms
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { eventId } = await jobs.enqueue(render, { trackId: 8 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const waiting = await get('/api/jobs/render-cover/events');
    expect(waiting.body['events']).toMatchObject([{ eventId, state: 'created', attempts: 0, trigger: 'enqueue' }]);
    await call('POST', '/api/jobs/render-cover/resume', { reason: 'it is back' });
    expect(await ended(eventId)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('stops a run that goes on', async () => {
    const { eventId } = await jobs.enqueue(render, { trackId: 99 });
    let runId = '';
    await eventually(async () => {
      const { body } = await get('/api/job-runs?status=RUNNING');
      const [run] = body['runs'] as { runId: string; progress: unknown }[];
      runId = run?.runId ?? '';
      return run !== undefined && run.progress !== null;
    });
    const { status } = await call('POST', `/api/job-runs/${runId}/cancel`, { reason: 'wrong track' });
    expect(status).toBe(202);
    expect(await ended(eventId)).toMatchObject({ status: 'CANCELLED' });
    const again = await call('POST', `/api/job-runs/${runId}/cancel`, { reason: 'again' });
    expect(again).toMatchObject({ status: 409, body: { detail: 'the run has ended, or there is no such run' } });
  });

  test('takes an event out of the queue before it runs', async () => {
    const { eventId } = await jobs.enqueue(render, { trackId: 1 }, { startAfter: new Date(Date.now() + 3600_000) });
    const path = `/api/jobs/render-cover/events/${eventId}/cancel`;
    expect(await call('POST', path, { reason: 'not needed' })).toMatchObject({
      status: 200,
      body: { done: 'cancelled' },
    });
    expect((await call('POST', path, { reason: 'again' })).status).toBe(409);
  });
});

describe('the lists', () => {
  test('go on from page to page without a gap or a double', async () => {
    for (let trackId = 100; trackId < 105; trackId++) {
      const { eventId } = await jobs.enqueue(render, { trackId });
      await ended(eventId);
    }
    const seen: unknown[] = [];
    let cursor = '';
    for (let page = 0; page < 20; page++) {
      const { body } = await get(`/api/job-runs?limit=2${cursor}`);
      seen.push(...(body['runs'] as { runId: string }[]).map((run) => run.runId));
      if (body['nextCursor'] === undefined) break;
      cursor = `&cursor=${body['nextCursor'] as string}`;
    }
    const { body } = await get('/api/job-runs?limit=500');
    expect(seen).toEqual((body['runs'] as { runId: string }[]).map((run) => run.runId));
    expect(seen.length).toBeGreaterThan(5);
  });

  test.each(['x', 'WzFd', Buffer.from('["2026-01-01T00:00:00Z","no id"]').toString('base64url')])(
    'refuse the cursor %s, which no page gave',
    async (cursor) => expect((await get(`/api/job-runs?cursor=${cursor}`)).status).toBe(400),
  );
});

test('the audit is searched by whom, what and when', async () => {
  const since = new Date(Date.now() + 3600_000).toISOString();
  await jobs.connections.query(
    `INSERT INTO audit_log (at, actor, action, subject) VALUES
       ($1, 'operator (Ada)', 'job.pause', 'job:a'), ($1, 'operator (Bob)', 'job.run', 'job:a'),
       ($1, 'operator (Ada)', 'jobless', 'b'), ($1::timestamptz + interval '1 h', 'operator (Ada)', 'job.run', 'job:b')`,
    [since],
  );
  const found = async (query: string) => {
    const { body } = await get(`/api/audit?since=${since}&${query}`);
    return (body['entries'] as { action: string; subject: string }[]).map((e) => `${e.action} ${e.subject}`).sort();
  };
  expect(await found('action=job')).toEqual(['job.pause job:a', 'job.run job:a', 'job.run job:b']);
  expect(await found('action=job.run&subject=job:a')).toEqual(['job.run job:a']);
  expect(await found('actor=bob')).toEqual(['job.run job:a']);
  expect(await found(`actor=ada&until=${new Date(Date.parse(since) + 1000).toISOString()}`)).toEqual([
    'job.pause job:a',
    'jobless b',
  ]);
  expect((await get('/api/audit?since=yesterday')).status).toBe(400);
});

describe('a job that runs elsewhere', () => {
  const report = (body: unknown, token = REPORTER, job = 'nightly-import'): Promise<Answer> =>
    call('POST', `/api/jobs/${job}/runs`, body, token);

  test('is made known by its first report, and each run is counted once however often it is reported', async () => {
    expect((await report({ status: 'started', runId: 'r1' })).body).toMatchObject({ status: 'RUNNING' });
    await report({ status: 'heartbeat', runId: 'r1', progress: { done: 1, total: 2 } });
    const end = { status: 'success', runId: 'r1', durationMs: 1500, itemsProcessed: 12 };
    const [first, second] = [await report(end), await report(end)];
    expect(first.body).toEqual(second.body);
    await report({ status: 'failure', error: 'disk full' });
    expect((await get('/api/metrics?jobId=nightly-import')).body).toMatchObject({
      jobs: [{ totalExecutions: 2, successCount: 1, failureCount: 1, itemsProcessed: 12, maxDurationMs: 1500 }],
    });
    expect((await get('/api/jobs/nightly-import')).body).toMatchObject({ source: 'reported', queue: null });
  });

  test('that tells only how a run ended says nothing about how long it took', async () => {
    const durations = async () => {
      const { body } = await get('/api/metrics?jobId=nightly-import');
      const [metrics] = body['jobs'] as Record<string, unknown>[];
      const { minDurationMs, lastDurationMs, totalDurationMs, durationMs } = metrics ?? {};
      return { minDurationMs, lastDurationMs, totalDurationMs, durationMs };
    };
    await report({ status: 'success', durationMs: 2000 });
    const before = await durations();
    await report({ status: 'success', runId: 'only-the-end' });
    expect(await durations()).toEqual(before);
    const { body } = await get('/api/job-runs?jobId=nightly-import&limit=1');
    expect(body['runs']).toMatchObject([{ reportedId: 'only-the-end', status: 'SUCCEEDED', durationMs: null }]);
  });

  test('is heard whatever characters its report has', async () => {
    const text = 'disk\u0000 full \ud800';
    const metadata = { [text]: text };
    const { body, status } = await report({ status: 'failure', runId: text, error: text, metadata });
    expect([status, body['status']]).toEqual([200, 'FAILED']);
    expect((await get(`/api/job-runs/${String(body['runId'])}`)).body).toMatchObject({
      error: { message: 'disk\ufffd full \ufffd' },
      metadata: { 'disk\ufffd full \ufffd': 'disk\ufffd full \ufffd' },
    });
  });

  test('cannot end a run in two ways', async () => {
    await report({ status: 'failure', runId: 'r2' });
    expect(await report({ status: 'success', runId: 'r2' })).toMatchObject({
      status: 409,
      body: { detail: 'the run has ended as FAILED: it cannot end as SUCCEEDED too' },
    });
  });

  test.each([
    ['true', 'SUCCEEDED'],
    ['false', 'FAILED'],
  ])('reports by the crontab line of the guide that its program ended with %s', async (program, status) => {
    const home = mkdtempSync(path.join(tmpdir(), 'clearway-crontab-'));
    const { variables, command } = crontabOf(GUIDE.replaceAll('http://127.0.0.1:8002', api.origin));
    writeFileSync(path.join(home, 'nightly-import.header'), `Authorization: Bearer ${REPORTER}`);
    const env = { HOME: home, PATH: process.env['PATH'], ...variables };
    const { stdout } = await run('/bin/sh', ['-c', command.replace('/opt/import', program)], { cwd: home, env });
    rmSync(home, { recursive: true });
    expect(JSON.parse(stdout)).toMatchObject({ status });
    const runs = (await get('/api/job-runs?jobId=nightly-import&limit=1')).body['runs'];
    expect(runs).toMatchObject([{ status, reportedId: expect.stringMatching(/^\d+-\d+$/) }]);
  });

  test('has a token that does nothing else', async () => {
    expect((await report({ status: 'success' }, REPORTER, 'other')).status).toBe(401);
    expect((await report({ status: 'success' }, VIEWER)).status).toBe(403);
    expect((await get('/api/jobs', REPORTER)).status).toBe(401);
    expect((await call('POST', '/api/jobs/nightly-import/pause', { reason: 'x' }, REPORTER)).status).toBe(401);
    expect((await report({ status: 'success' }, OPERATOR)).status).toBe(200);
  });

  test.each([
    [{ status: 'done' }, /status/],
    [{ status: 'started' }, /runId: is needed/],
    [{ status: 'success', durationMs: -1 }, /durationMs/],
    [{ status: 'success', more: 1 }, /more: is not known/],
    ['nonsense', /expected object/],
  ])('is told what is wrong with %j', async (body, message) => {
    const refused = await report(body);
    expect([refused.status, refused.body['detail']]).toEqual([400, expect.stringMatching(message)]);
  });
});

test('before the jobs have started, the API says so', async () => {
  hasStarted = false;
  const answer = await get('/api/jobs');
  expect(answer).toMatchObject({ status: 503, body: { title: 'Jobs have not started' } });
});

test('a viewer sees no error texts and no outputs, and changes nothing', async () => {
  await call('POST', '/api/jobs/nightly-import/runs', { status: 'failure', error: 'a secret of the importer' });
  const failed = '/api/job-runs?jobId=nightly-import&status=FAILED&limit=1';
  expect(JSON.stringify((await get(failed, OPERATOR)).body)).toContain('a secret of the importer');
  expect(JSON.stringify((await get(failed, VIEWER)).body)).not.toContain('a secret');
  const { body } = await get('/api/job-runs?limit=1', VIEWER);
  const [run] = body['runs'] as { runId: string }[];
  expect((await get(`/api/job-runs/${run?.runId}`, VIEWER)).status).toBe(403);
  expect((await call('POST', '/api/jobs/render-cover/run', { reason: 'x' }, VIEWER)).status).toBe(403);
});
