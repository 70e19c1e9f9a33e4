import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { healthDocumentSchema } from '@clearway/contracts';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { tcpGate, type TcpGate } from './support/tcp-gate.ts';
import { startWhole, type WorkerUnderTest } from './support/worker.ts';

let empty: TestDatabase;
let gate: TcpGate;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  empty = await withTestDatabase({ migrations: null });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => empty.close());

/** The worker with a database behind a gate. */
async function start(options: { shut?: boolean } = {}): Promise<WorkerUnderTest> {
  const url = new URL(empty.connectionString);
  const own = await tcpGate(url.hostname, Number(url.port));
  gate = own;
  closing.push(() => own.close());
  url.hostname = '127.0.0.1';
  url.port = String(gate.port);
  if (options.shut) await gate.shut();
  const worker = await startWhole({ DATABASE_URL: url.toString() });
  closing.push(() => worker.close());
  return worker;
}

const statusOf = async (worker: WorkerUnderTest, path: string) => (await fetch(worker.origin + path)).status;
const health = async (worker: WorkerUnderTest, query = '') =>
  healthDocumentSchema.parse(await (await fetch(`${worker.origin}/api/health${query}`)).json());

/** Asks again and again until the status is there. */
async function until(worker: WorkerUnderTest, path: string, status: number): Promise<void> {
  while ((await statusOf(worker, path)) !== status) await sleep(10);
}

describe('a worker whose database is down', () => {
  test('starts, serves traces, says what it waits for, and is ready once the database came', async () => {
    const worker = await start({ shut: true });
    const ready = await fetch(`${worker.origin}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'starting', waitingFor: ['database'] }]);
    expect(await statusOf(worker, '/livez')).toBe(200);
    expect(await statusOf(worker, '/startupz')).toBe(200);
    expect(await statusOf(worker, '/api/traces')).toBe(200);
    expect(await health(worker)).toMatchObject({ status: 'unhealthy', services: { database: { status: 'down' } } });
    await gate.open();
    expect(await worker.migrated).toBe(true);
    expect(await statusOf(worker, '/readyz')).toBe(200);
    await until(worker, '/api/health', 200);
    await worker.close();
    expect(worker.logged.join('\n')).toMatch(/cannot be migrated yet/);
  });

  test('can be stopped while it waits', async () => {
    const worker = await start({ shut: true });
    const outcomes = await worker.lifecycle.release();
    expect(outcomes.filter(({ error }) => error)).toEqual([]);
    expect(await worker.migrated).toBe(false);
  });
});

describe('health', () => {
  test('is 503 when the broken connection says that the database went, quick or not, and 200 when it is back', async () => {
    const worker = await start();
    await worker.migrated;
    await until(worker, '/api/health', 200);
    await gate.shut();
    // a quick answer does not grow old by itself
    await until(worker, '/api/health?quick=true', 503);
    expect(await statusOf(worker, '/api/health')).toBe(503);
    expect(await statusOf(worker, '/api/health/database')).toBe(503);
    await gate.open();
    await until(worker, '/api/health', 200);
    expect(await statusOf(worker, '/readyz')).toBe(200);
  });

  test('does not wait for a database that hangs longer than its check may take', async () => {
    const worker = await start();
    await worker.migrated;
    await until(worker, '/api/health', 200);
    gate.hang();
    await sleep(1050); // until the last answer has expired
    // it would wait for ever
    expect(await health(worker)).toMatchObject({ status: 'unhealthy' });
    // the connection that hung was given up: a new one works
    gate.resume();
    await until(worker, '/api/health', 200);
  });
});

test('the database has the tables of all migrations when the worker is ready, and nothing when there is nothing to do', async () => {
  const first = await start();
  expect(await first.migrated).toBe(true);
  const second = await start();
  expect(await second.migrated).toBe(true);
  await second.close();
  expect(second.logged.join('\n')).toContain('"applied":0');
});

test('a port that is taken is named with the variable that moves it, and nothing stays open', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = String((server.address() as AddressInfo).port);
  const starting = startWhole({ DATABASE_URL: empty.connectionString, WORKER_PORT: port });
  await expect(starting).rejects.toThrow(new RegExp(`port ${port} .* is taken: set WORKER_PORT`));
  await new Promise((resolve) => server.close(resolve));
});
