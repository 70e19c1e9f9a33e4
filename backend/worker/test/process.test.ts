import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { traceListSchema, traceSchema } from '@clearway/contracts';
import { ConfigurationError, renderProblems } from '@clearway/kernel';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../tests/end-to-end/support/servers.ts';
import { readWorkerEnvironment } from '../src/config/env.ts';
import { startChild, type Child } from './support/child.ts';
import { delivery, span } from './support/spans.ts';

const script = path.join(import.meta.dirname, '../dist/index.js');
const NOWHERE = 'postgresql://nobody@127.0.0.1:1/clearway';

let database: TestDatabase;
let folder: string;
const children: Child[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-worker-process-'));
  database = await withTestDatabase();
});
afterEach(async () => {
  for (const { process: child, ended } of children.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.close();
});

function start(env: Record<string, string> = {}, options: { ipc?: boolean } = {}): Child {
  const defaults = {
    WORKER_PORT: '0',
    DATA_DIRECTORY: folder,
    DATABASE_URL: database.connectionString,
    LOG_FORMAT: 'json',
    OTEL_ENABLED: 'false',
  };
  const child = startChild([script], { env: { ...defaults, ...env }, cwd: folder, ...options });
  children.push(child);
  return child;
}

/** Where a worker that started listens. */
async function originOf(child: Child): Promise<string> {
  const line = JSON.parse(await child.said(/"worker listens"/)) as { port: number };
  return `http://127.0.0.1:${line.port}`;
}

const post = (origin: string, body: string) =>
  fetch(`${origin}/v1/traces`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });

describe('a faulty environment', () => {
  test.each<[string, Record<string, string>, RegExp[]]>([
    ['a port that is none', { WORKER_PORT: '99999' }, [/WORKER_PORT.*99999|99999/s]],
    ['no database', { DATABASE_URL: '' }, [/DATABASE_URL: is missing/]],
    [
      'a listener open to others without tokens',
      { WORKER_HOST: '0.0.0.0' },
      [/WORKER_HOST.*without authentication/, /set OPERATIONS_TOKENS/],
    ],
    ['tokens that are too short', { OPERATIONS_TOKENS: 'viewer:short' }, [/OPERATIONS_TOKENS/, /at least 16/]],
  ])('is refused: %s', (_what, env, expected) => {
    const problems = problemsOf({ WORKER_PORT: '0', DATABASE_URL: NOWHERE, ...env });
    for (const pattern of expected) expect(problems).toMatch(pattern);
    expect(problems).not.toContain('short');
  });

  test('ends the process with 78 before it opens anything, and says all that is wrong', async () => {
    const child = start({ WORKER_PORT: 'x', TRACE_STORE_MEGABYTES: '1' });
    expect(await child.ended).toBe(78);
    const said = child.lines.join('\n');
    for (const pattern of [/2 problems/, /WORKER_PORT/, /TRACE_STORE_MEGABYTES/]) expect(said).toMatch(pattern);
    expect(said).not.toContain('listens');
  });
});

/** What is wrong with an environment, as the process says it. */
function problemsOf(variables: Record<string, string>): string {
  try {
    readWorkerEnvironment(variables);
  } catch (error) {
    if (error instanceof ConfigurationError) return renderProblems(error.problems);
    throw error;
  }
  return '';
}

describe('at its end', () => {
  test('it drains, keeps its traces and exits with 0, by SIGTERM and by SIGINT', async () => {
    const child = start();
    const origin = await originOf(child);
    const only = span();
    expect((await post(origin, JSON.stringify(delivery('a', only)))).status).toBe(200);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(0);
    const second = start();
    const again = await originOf(second);
    expect((await fetch(`${again}/api/traces/${only.traceId}`)).status).toBe(200);
    second.process.kill('SIGINT');
    expect(await second.ended).toBe(0);
  });

  test('the loss of its supervisor ends it', async () => {
    const child = start({}, { ipc: true });
    await originOf(child);
    child.process.disconnect();
    expect(await child.ended).toBe(0);
  });

  test('a request under way is finished, a second signal ends it at once', async () => {
    const child = start();
    const origin = new URL(await originOf(child));
    const socket = connect(Number(origin.port), '127.0.0.1');
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
    );
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => {});
    while ((await fetch(`${origin.origin}/livez`)).status !== 200) await sleep(10);
    child.process.kill('SIGTERM');
    await child.said(/"stopping"/);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.write('}');
    await gone;
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(await child.ended).toBe(0);

    const stuck = start();
    const other = connect(Number(new URL(await originOf(stuck)).port), '127.0.0.1');
    other.on('error', () => {});
    other.write(
      'POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
    );
    await new Promise((resolve) => other.once('connect', resolve));
    await fetch(`${await originOf(stuck)}/livez`);
    stuck.process.kill('SIGTERM');
    await stuck.said(/"stopping"/);
    stuck.process.kill('SIGTERM');
    expect(await stuck.ended).toBe(143);
    other.destroy();
  });
});

test('it starts and serves although the database is down', async () => {
  const origin = await originOf(start({ DATABASE_URL: NOWHERE }));
  const status = async (where: string) => (await fetch(origin + where)).status;
  expect([await status('/livez'), await status('/readyz'), await status('/api/health')]).toEqual([200, 503, 503]);
  expect((await post(origin, JSON.stringify(delivery('a', span())))).status).toBe(200);
});

test('two of them on one port: the second says which variable moves it and exits with 1', async () => {
  const origin = new URL(await originOf(start()));
  const second = start({ WORKER_PORT: origin.port, DATA_DIRECTORY: path.join(folder, 'second') });
  expect(await second.ended).toBe(1);
  expect(second.lines.join('\n')).toMatch(/set WORKER_PORT to another port/);
});

test('its own requests are traced with their route, and what it receives and what is looked at is not', async () => {
  // its own spans go to the port that it was given
  const child = start({
    WORKER_PORT: String(await freePort()),
    OTEL_ENABLED: 'true',
    OTEL_BSP_SCHEDULE_DELAY: '50',
    DATA_DIRECTORY: path.join(folder, 'own'),
  });
  const origin = await originOf(child);
  await fetch(`${origin}/api/health`);
  await fetch(`${origin}/api/traces`);
  await fetch(`${origin}/nothing/here`, { headers: { 'x-request-id': 'the-only-one' } });
  const list = async () => traceListSchema.parse(await (await fetch(`${origin}/api/traces`)).json()).traces;
  while ((await list()).length === 0) await sleep(20);
  // several rounds of the exporter: a loop would show
  await sleep(500);
  const traces = await list();
  expect(traces).toMatchObject([
    { service: 'worker', method: 'GET', path: '/nothing/here', status: 404, spanCount: 1 },
  ]);
  const trace = traceSchema.parse(await (await fetch(`${origin}/api/traces/${traces[0]?.traceId}`)).json());
  expect(trace.resourceSpans).toHaveLength(1);
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  expect(metrics).toMatch(/clearway_build_info\{[^}]*service="worker"/);
  child.process.kill('SIGTERM');
  expect(await child.ended).toBe(0);
});
