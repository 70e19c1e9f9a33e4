import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../receivers/index.ts';
import { startProcess, type RunningProcess } from './support/processes.ts';
import { clearway as runCommand, type Outcome } from '../../backend/cli/test/support/context.ts';

const root = path.resolve(import.meta.dirname, '../..');
const MIGRATIONS = path.join(root, 'examples/tracks-service/prisma/migrations');

let folder: string;
let own: TestDatabase;
let tracks: TestDatabase;
let otlp: OtlpReceiver;
let gateway = '';
let worker = '';
const processes: RunningProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-jobs-'));
  own = await withTestDatabase();
  tracks = await withTestDatabase({ migrations: MIGRATIONS });
  otlp = await startOtlpReceiver();
  const telemetry = { OTEL_EXPORTER: 'local', OTEL_LOCAL_URL: otlp.url, OTEL_BSP_SCHEDULE_DELAY: '100' };
  const starting = start('backend/worker/dist/index.js', {
    ...telemetry,
    WORKER_PORT: '0',
    DATABASE_URL: own.connectionString,
    OTEL_SERVICE_NAME: 'worker',
  });
  // waits for the tables that the worker makes
  const service = await start('examples/tracks-service/dist/index.js', {
    ...telemetry,
    PORT: '0',
    DATABASE_URL: tracks.connectionString,
    JOBS_DATABASE_URL: own.connectionString,
    UPLOAD_DIRECTORY: path.join(folder, 'uploads'),
    OTEL_SERVICE_NAME: 'tracks-service',
  });
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(
    file,
    `version: 1
upstreams: { tracks: { targets: [{ url: '${service}' }] } }
routes: [{ id: tracks, match: { path: /v1/tracks/* }, upstream: tracks }]
`,
  );
  gateway = await start('backend/api-gateway/dist/index.js', {
    ...telemetry,
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
    OTEL_SERVICE_NAME: 'api-gateway',
  });
  worker = await starting;
}, 120_000);
afterAll(async () => {
  await Promise.all(processes.map((each) => each.stop()));
  await Promise.all([otlp.close(), own.close(), tracks.close()]);
  rmSync(folder, { recursive: true, force: true });
});

async function start(entry: string, variables: Record<string, string>): Promise<string> {
  const started = startProcess(entry, variables);
  processes.push(started);
  const line = await started.waitForLine((each) => typeof each['port'] === 'number');
  return `http://127.0.0.1:${Number(line['port'])}`;
}

/** A command line of Ada's. */
const outcomeOf = (...args: string[]): Promise<Outcome> =>
  runCommand([...args, '--url', worker], { variables: { USER: 'ada' } });

/** What a command line prints that ends well. */
async function clearway(...args: string[]): Promise<string> {
  const { code, out, error } = await outcomeOf(...args);
  expect([code, error]).toEqual([0, '']);
  return out;
}

async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Run {
  readonly runId: string;
  readonly traceId: string;
  readonly status: string;
}

test('an upload and the job that it enqueued are one trace, from the gateway to the run', async () => {
  await eventually(async () => {
    const answer = await fetch(`${worker}/api/jobs/inspect-upload`);
    return answer.status === 200 ? true : undefined;
  });
  const created = await fetch(`${gateway}/v1/tracks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'One', artist: 'Two' }),
  });
  const { id } = (await created.json()) as { id: string };
  const put = await fetch(`${gateway}/v1/tracks/${id}/file`, {
    method: 'PUT',
    headers: { 'content-type': 'audio/wav' },
    body: wav(2),
  });
  expect(put.status).toBe(200);
  const traceId = put.headers.get('trace-id') ?? '';
  const run = await eventually(async () => {
    const { runs } = (await (await fetch(`${worker}/api/job-runs?jobId=inspect-upload`)).json()) as { runs: Run[] };
    return runs.find(({ status }) => status !== 'RUNNING');
  });
  expect(run).toMatchObject({ traceId, status: 'SUCCEEDED' });
  const track = (await (await fetch(`${gateway}/v1/tracks/${id}`)).json()) as { durationSeconds: number };
  expect(track.durationSeconds).toBe(2);

  const find = (name: string): ReceivedSpan | undefined =>
    otlp.spans().find((span) => span.traceId === traceId && span.name === name);
  const process = await otlp.waitFor(() => find('process inspect-upload'));
  const send = await otlp.waitFor(() => find('send inspect-upload'));
  expect([send.kind, process.kind, process.parentSpanId]).toEqual(['producer', 'consumer', send.spanId]);
  expect(await clearway('jobs', 'show-run', run.runId)).toMatch(
    /inspect-upload: SUCCEEDED after .*\n(.*\n)*.*inspected/,
  );
});

test('the command line lists, pauses, resumes and runs jobs, and says who did it', async () => {
  expect(await clearway('jobs', 'list')).toMatch(/^JOB +STATE +SCHEDULE.*\n(.*\n)*inspect-upload +on/);
  await clearway('jobs', 'pause', 'inspect-upload', '--reason', 'disk is full');
  expect(await clearway('jobs', 'show', 'inspect-upload')).toContain('paused');
  await clearway('jobs', 'resume', 'inspect-upload', '--reason', 'disk is back');
  const followed = await clearway('jobs', 'run', 'prune-job-history', '--reason', 'now', '--follow');
  expect(followed).toMatch(/prune-job-history: SUCCEEDED after .*, by manual/);
  // the worker judges jobs every few seconds
  await eventually(async () => {
    const { code, out } = await outcomeOf('jobs', 'health');
    return code === 0 && /inspect-upload +healthy/.test(out) ? true : undefined;
  });
  expect(await clearway('audit', '--actor', 'ADA', '--since', '1h')).toMatch(
    /^WHEN +WHO +ACTION +SUBJECT +WHY.*\n.* operator \(ada\) +job\.run +job:prune-job-history +now .*\n.*job\.resume.*\n.*job\.pause +job:inspect-upload +disk is full$/,
  );
  const paused = JSON.parse(await clearway('audit', '--action', 'job.pause', '--json')) as object[];
  expect(paused).toMatchObject([{ subject: 'job:inspect-upload', reason: 'disk is full' }]);
  expect(await outcomeOf('jobs', 'run', 'inspect-upload', '--reason', 'x', '--input', '{"trackId":1}')).toMatchObject({
    code: 1,
    error: expect.stringMatching(/trackId/),
  });
  expect(await outcomeOf('jobs', 'show', 'nothing')).toMatchObject({ code: 1 });
});

test('a run is shown while it goes on, and its end decides how the command ends', async () => {
  const report = async (body: object): Promise<string> => {
    const answer = await fetch(`${worker}/api/jobs/import/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ runId: 'r1', ...body }),
    });
    return ((await answer.json()) as { runId: string }).runId;
  };
  const runId = await report({ status: 'started', progress: { done: 1, total: 4, note: 'reading' } });
  const shown: string[] = [];
  // what is shown drives the run on
  const next = (line: string): void => {
    shown.push(line);
    if (line.startsWith('1 of 4')) void report({ status: 'heartbeat', progress: { done: 3, total: 4 } });
    if (line.startsWith('3 of 4')) void report({ status: 'failure', error: 'disk full' });
  };
  const ended = await runCommand(['jobs', 'follow', runId, '--url', worker], { progress: next });
  expect(shown).toEqual(expect.arrayContaining([expect.stringMatching(/^1 of 4 \(25 %\): reading/), '']));
  expect(shown.find((line) => line.startsWith('3 of 4'))).toMatch(/^3 of 4 \(75 %\), about .* left$/);
  expect(ended).toMatchObject({ code: 1, out: expect.stringMatching(/^import: FAILED[^]*disk full/) });
});

/** A silent WAV file of so many seconds: 8,000 samples of one byte each second. */
function wav(seconds: number): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + seconds * 8000, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(8000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36);
  header.writeUInt32LE(seconds * 8000, 40);
  return Buffer.concat([header, Buffer.alloc(seconds * 8000, 128)]);
}
