import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals';
import { startEmbeddedPostgres } from '@clearway/database';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { manualClock, systemClock } from '@clearway/kernel';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { freePort } from '../../../tests/end-to-end/support/servers.ts';
import { runChecks } from '../src/doctor/finding.ts';
import { clockCheck, nodeCheck } from '../src/doctor/machine.ts';
import type { CliContext } from '../src/index.ts';
import { clearway, folderWith } from './support/context.ts';
import { startApi } from './support/fake-worker.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Finding {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly remedy?: string;
}

const QUIET = {
  GATEWAY_PORT: '0',
  ADMIN_PORT: '0',
  WORKER_PORT: '0',
  TRACKS_PORT: '0',
  DATABASE_PORT: '0',
  OTEL_ENABLED: 'false',
};

/** What doctor finds with some variables, in a folder with a right configuration and no database. */
async function findings(variables: Record<string, string>, ...more: string[]): Promise<Record<string, Finding>> {
  const { directory, remove } = folderWith({ 'clearway.yaml': 'version: 1\n' });
  cleanups.push(remove);
  const { out } = await clearway(['doctor', '--json', ...more], { directory, variables: { ...QUIET, ...variables } });
  const { findings: list } = JSON.parse(out) as { findings: Finding[] };
  return Object.fromEntries(list.map((finding) => [finding.name, finding]));
}

async function api(answer: Parameters<typeof startApi>[0]): Promise<{ url: string; port: string }> {
  const started = await startApi(answer);
  cleanups.push(started.close);
  return { url: started.url, port: new URL(started.url).port };
}

/** A TCP listener that says what it is told to say to whoever connects or writes. */
async function tcp(reply?: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => reply !== undefined && socket.write(reply));
    cleanups.push(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return String((server.address() as AddressInfo).port);
}

const closedPort = async (): Promise<string> => String(await freePort());

describe('clearway doctor', () => {
  test('tells each check with what to do, a summary, and exits with 0 when nothing failed', async () => {
    const { directory, remove } = folderWith({ 'clearway.yaml': 'version: 1\n' });
    cleanups.push(remove);
    const { code, out } = await clearway(['doctor'], { directory, variables: QUIET });
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^ok +node +v\d+/);
    expect(out).toMatch(/^skipped +redis +REDIS_URL is not set/m);
    expect(out).toMatch(/→ 'npm start' starts it/);
    expect(out).toMatch(/\d+ ok, \d+ warnings?, 0 failed, \d+ skipped$/);
  });

  test('exits with 1 when something failed, and shows no secret', async () => {
    const { directory, remove } = folderWith({});
    cleanups.push(remove);
    const secrets = {
      SENTRY_DSN: 'https://hunter2@sentry.test/x',
      REDIS_URL: `redis://:hunter2@127.0.0.1:${await closedPort()}`,
    };
    const { code, out } = await clearway(['doctor'], { directory, variables: { ...QUIET, ...secrets } });
    expect(code).toBe(1);
    expect(out).toMatch(/^failed +configuration +clearway\.yaml|^failed +configuration +\(file\)/m);
    expect(out).not.toContain('hunter2');
  });

  test('does not let a check that hangs or throws hide another', async () => {
    const checks = [
      { name: 'hangs', run: () => new Promise<never>(() => {}) },
      { name: 'throws', run: () => Promise.reject(Object.assign(new Error(''), { code: 'EPERM' })) },
      { name: 'works', run: () => ({ status: 'ok', message: 'fine' }) as const },
    ];
    expect((await runChecks(checks, 10)).map(({ name, status, message }) => [name, status, message])).toEqual([
      ['hangs', 'failed', 'no result within 10 ms'],
      ['throws', 'failed', 'EPERM'],
      ['works', 'ok', 'fine'],
    ]);
  });
});

describe('the machine', () => {
  test.each([
    ['20.19.0', 'failed'],
    ['24.21.0', 'ok'],
    ['99.0.0', 'warning'],
  ])('Node %s is %s', async (version, status) => {
    expect(await nodeCheck(version).run(AbortSignal.timeout(1000))).toMatchObject({ status });
  });

  test('has a data directory that can be written to, and is not made by looking', async () => {
    const { directory, remove } = folderWith({ 'clearway.yaml': 'version: 1\n', file: '' });
    cleanups.push(remove);
    const { disk } = await findings({ DATA_DIRECTORY: path.join(directory, 'not/yet/there') });
    expect(disk?.message).toContain(`free in ${directory}`);
    expect((await findings({ DATA_DIRECTORY: path.join(directory, 'file') }))['disk']).toMatchObject({
      status: 'failed',
    });
  });

  const clock = (context: Partial<CliContext>, databaseMs?: number) =>
    clockCheck({ clock: systemClock, ...context } as CliContext, () => Promise.resolve(databaseMs)).run(
      AbortSignal.timeout(5000),
    );

  test('has a clock that the database agrees with', async () => {
    expect(await clock({}, Date.now() + 100)).toMatchObject({ status: 'ok' });
    expect(await clock({}, Date.now() + 60_000)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('behind'),
    });
    expect(await clock({}, Date.now() - 60_000)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('ahead of'),
    });
    expect(await clock({})).toMatchObject({ status: 'ok', message: 'runs evenly; no database to compare it with' });
  });

  test('has a clock that is not set while it is looked at', async () => {
    const jumping = manualClock();
    const readings = [0, 3_600_000];
    const odd = { ...jumping, nowMs: () => readings.shift() ?? 3_600_000 };
    expect(await clock({ clock: odd })).toMatchObject({
      status: 'warning',
      message: 'the clock was set by 3600000 ms just now',
    });
  });
});

describe('ports', () => {
  test('are free, held by Clearway, or taken by somebody else, with the variable that moves them', async () => {
    const ours = await api((path) => (path === '/readyz' ? { status: 'ready' } : undefined));
    const theirs = await tcp('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi');
    const found = await findings({
      GATEWAY_PORT: ours.port,
      ADMIN_PORT: theirs,
      TRACKS_PORT: await closedPort(),
      DATABASE_PORT: theirs,
    });
    expect(found['port gateway']).toMatchObject({ status: 'ok', message: expect.stringContaining('held by Clearway') });
    expect(found['port admin']).toMatchObject({ status: 'failed', remedy: expect.stringContaining('ADMIN_PORT') });
    expect(found['port database']).toMatchObject({
      status: 'failed',
      remedy: expect.stringContaining('DATABASE_PORT'),
    });
    expect(found['port example']).toMatchObject({ status: 'ok', message: expect.stringContaining('is free') });
    expect(found['port worker']).toMatchObject({ status: 'skipped' });
  });

  test('that are none are left to the check of the variables', async () => {
    expect((await findings({ GATEWAY_PORT: '80k' }))['port gateway']).toMatchObject({ status: 'skipped' });
  });
});

describe('the variables', () => {
  test('are checked as each process would read them', async () => {
    const wrong = await findings({ LOG_LEVEL: 'inof', TRACE_STORE_MEGABYTES: '1' });
    expect(wrong['variables gateway']).toMatchObject({ status: 'failed' });
    expect(wrong['variables gateway']?.message).toContain('LOG_LEVEL');
    expect(wrong['variables gateway']?.remedy).toContain("did you mean 'info'?");
    expect(wrong['variables worker']?.message).toContain('TRACE_STORE_MEGABYTES must be');
    const right = await findings({ GATEWAY_PORT: '8000', ADMIN_PORT: '8001' });
    expect(right['variables gateway']).toMatchObject({ status: 'ok' });
    expect(right['variables worker']).toMatchObject({ status: 'ok' }); // npm start gives it the embedded database
  });
});

describe('the worker, the collector, Redis and Sentry', () => {
  test('the worker is ready, or not there', async () => {
    const ready = await api((path) => (path === '/readyz' ? { status: 'ready' } : undefined));
    expect((await findings({ WORKER_PORT: ready.port }))['worker']).toMatchObject({ status: 'ok' });
    const draining = await api(() => (_req, res) => res.writeHead(503).end('{"status":"draining"}'));
    expect((await findings({ WORKER_PORT: draining.port }))['worker']).toMatchObject({ status: 'warning' });
    expect((await findings({ WORKER_PORT: await closedPort() }))['worker']).toMatchObject({ status: 'warning' });
  });

  test.each([
    ['local', 'OTEL_LOCAL_URL', 200, 'ok'],
    ['otlp', 'OTEL_EXPORTER_OTLP_ENDPOINT', 200, 'ok'],
    ['otlp', 'OTEL_EXPORTER_OTLP_ENDPOINT', 401, 'failed'],
    ['zipkin', 'OTEL_EXPORTER_ZIPKIN_ENDPOINT', 202, 'ok'],
    ['zipkin', 'OTEL_EXPORTER_ZIPKIN_ENDPOINT', 404, 'failed'],
    ['jaeger', 'OTEL_EXPORTER_JAEGER_ENDPOINT', 400, 'ok'],
  ])('the receiver %s named by %s that answers %i is %s', async (exporter, variable, answer, status) => {
    const seen: string[] = [];
    const { url } = await api((path) => (req, res) => {
      seen.push(`${req.method} ${path} ${req.headers['authorization'] ?? ''}`.trim());
      res.writeHead(answer).end();
    });
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2' };
    const found = await findings({ OTEL_ENABLED: 'true', OTEL_EXPORTER: exporter, [variable]: url, ...headers });
    expect(found['collector']).toMatchObject({ status });
    expect(JSON.stringify(found)).not.toContain('hunter2');
    expect(seen).toEqual([
      exporter === 'otlp' ? 'POST /v1/traces Bearer hunter2' : exporter === 'local' ? 'POST /v1/traces' : 'POST /',
    ]);
  });

  test('a receiver that is not there is a failure, unless it is the worker that was not started', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const collector = async (variables: Record<string, string>) =>
      (await findings({ OTEL_ENABLED: 'true', ...variables }))['collector'];
    expect(await collector({ OTEL_LOCAL_URL: url })).toMatchObject({ status: 'warning' });
    expect(await collector({ OTEL_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: url })).toMatchObject({
      status: 'failed',
    });
    expect(await collector({ OTEL_EXPORTER: 'console' })).toMatchObject({ status: 'ok' });
    expect(await collector({ OTEL_EXPORTER: 'smoke' })).toMatchObject({ status: 'failed' });
  });

  test('Redis answers PING, or is named without its password', async () => {
    const port = await tcp('+OK\r\n+OK\r\n+PONG\r\n');
    const gone = await findings({ REDIS_URL: `redis://:hunter2@127.0.0.1:${await closedPort()}` });
    expect(gone['redis']).toMatchObject({ status: 'failed', message: expect.stringContaining('ECONNREFUSED') });
    expect(JSON.stringify(gone)).not.toContain('hunter2');
    expect((await findings({ REDIS_URL: `redis://127.0.0.1:${port}` }))['redis']?.status).toMatch(/ok|failed/);
  });

  test.each([
    ['https://key@sentry.test/42', 'ok'],
    ['https://sentry.test/42', 'failed'],
    ['https://key@sentry.test/', 'failed'],
    ['key', 'failed'],
  ])('the DSN %s is %s', async (dsn, status) => {
    expect((await findings({ SENTRY_DSN: dsn }))['sentry']).toMatchObject({ status });
  });

  test('Sentry gets a test event only when that was asked for, and its id is told', async () => {
    const envelopes: string[] = [];
    const { port } = await api(() => (req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      req.on('end', () => {
        envelopes.push(body);
        res.end('{}');
      });
    });
    const dsn = `http://key@127.0.0.1:${port}/42`;
    await findings({ SENTRY_DSN: dsn });
    expect(envelopes).toEqual([]);
    const { sentry } = await findings({ SENTRY_DSN: dsn }, '--sentry-test');
    expect(sentry).toMatchObject({ status: 'ok' });
    const id = /took the test event ([0-9a-f]{32})/.exec(sentry?.message ?? '')?.[1];
    expect(envelopes.join()).toContain(String(id));
  });

  test('Sentry that takes no event is a failure', async () => {
    const { port } = await api(() => (_req, res) => res.writeHead(403).end());
    const found = await findings({ SENTRY_DSN: `http://key@127.0.0.1:${port}/42` }, '--sentry-test');
    expect(found['sentry']).toMatchObject({ status: 'failed' });
  });
});

describe('the database', () => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await withTestDatabase();
  });
  afterAll(() => testDatabase.close());

  const look = async () => (await findings({ DATABASE_URL: testDatabase.connectionString }))['database'];
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: testDatabase.connectionString });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };

  test('that has all migrations is told with its version and time zone', async () => {
    const found = await findings({ DATABASE_URL: testDatabase.connectionString });
    expect(found['database']).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/PostgreSQL 1\d.*migrations applied, UTC/),
    });
    expect(found['clock']).toMatchObject({ status: 'ok', message: expect.stringContaining("the database's clock") });
    expect(found['port database']).toMatchObject({ status: 'skipped' });
  });

  test('in another time zone is a warning', async () => {
    const name = new URL(testDatabase.connectionString).pathname.slice(1);
    await run(`ALTER DATABASE "${name}" SET timezone TO 'Europe/Berlin'`);
    expect(await look()).toMatchObject({ status: 'warning', message: expect.stringContaining('Europe/Berlin') });
    await run(`ALTER DATABASE "${name}" SET timezone TO 'UTC'`);
  });

  test('with a migration that was changed, missing or failed is told, the worst first', async () => {
    await run(`UPDATE _prisma_migrations SET checksum = 'x'`);
    expect(await look()).toMatchObject({ status: 'warning', message: expect.stringContaining('changed since') });
    await run(
      `DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)`,
    );
    expect(await look()).toMatchObject({ status: 'failed', message: expect.stringContaining('missing') });
    await run(`UPDATE _prisma_migrations SET finished_at = NULL`);
    expect(await look()).toMatchObject({ status: 'failed', message: expect.stringContaining('began and did not end') });
    await run('DROP TABLE _prisma_migrations');
    expect(await look()).toMatchObject({ status: 'failed', message: expect.stringContaining('missing') });
  });

  test('that cannot be reached is told without its password', async () => {
    const { database } = await findings({
      DATABASE_URL: `postgresql://me:hunter2@127.0.0.1:${await closedPort()}/clearway`,
    });
    expect(database).toMatchObject({ status: 'failed', message: expect.stringContaining('ECONNREFUSED') });
    expect(JSON.stringify(database)).not.toContain('hunter2');
  });

  test('that is embedded is found by its data directory, and its port known as ours', async () => {
    const { directory, remove } = folderWith({});
    cleanups.push(remove);
    const server = await startEmbeddedPostgres({
      dataDirectory: path.join(directory, 'postgres'),
      databases: ['clearway'],
    });
    cleanups.push(() => server.stop());
    const found = await findings({ DATA_DIRECTORY: directory, DATABASE_PORT: String(server.port) });
    expect(found['database']).toMatchObject({ status: 'failed', message: expect.stringContaining('missing') });
    expect(found['port database']).toMatchObject({ status: 'ok' });
  });
});
