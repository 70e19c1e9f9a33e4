import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@clearway/database';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess, type RunningProcess } from './support/processes.ts';
import { freePort } from './support/servers.ts';

let folder: string;
let postgres: EmbeddedPostgres;
const processes: RunningProcess[] = [];
const origins: Record<'gateway' | 'worker', string> = { gateway: '', worker: '' };

const startPostgres = (port: number) =>
  startEmbeddedPostgres({
    dataDirectory: path.join(folder, 'postgres'),
    databases: ['clearway'],
    port,
  });

async function start(entry: string, message: string, variables: Record<string, string>): Promise<string> {
  const started = startProcess(entry, { OTEL_ENABLED: 'false', DATABASE_URL: postgres.url('clearway'), ...variables });
  processes.push(started);
  const line = await started.waitForLine((l) => l['message'] === message);
  return `http://127.0.0.1:${Number(line['port'])}`;
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-health-'));
  chmodSync(folder, 0o755); // the server runs as another account when the tests run as root
  postgres = await startPostgres(await freePort());
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(file, 'version: 1\n');
  origins.gateway = await start('backend/api-gateway/dist/index.js', 'gateway ready', {
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
  });
  origins.worker = await start('backend/worker/dist/index.js', 'worker listens', {
    WORKER_PORT: '0',
    DATA_DIRECTORY: path.join(folder, 'data'),
  });
});

afterAll(async () => {
  await Promise.all(processes.map((running) => running.stop()));
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks until it is answered so, and gives that answer: a later one may tell of a probe that a busy machine kept waiting. */
async function becomes(origin: string, status: number, query = ''): Promise<Response> {
  for (;;) {
    const answer = await fetch(`${origin}/api/health${query}`);
    if (answer.status === status) return answer;
    await answer.arrayBuffer();
    await sleep(10);
  }
}

test.each(['gateway', 'worker'] as const)(
  'health of the %s is 503 as soon as the broken connection says that the database died, and 200 after its return',
  async (name) => {
    const origin = origins[name];
    const body = (await (await becomes(origin, 200)).json()) as { services: Record<string, object> };
    expect(body.services['database']).toMatchObject({ status: 'up', required: true });
    expect(JSON.stringify(body)).not.toContain(String(new URL(postgres.url('clearway')).password));

    process.kill(postgres.pid, 'SIGKILL');
    // a quick answer does not grow old by itself
    await becomes(origin, 503, '?quick=true');
    expect((await fetch(`${origin}/livez`)).status).toBe(200);
    if (name === 'gateway') expect((await fetch(`${origin}/readyz`)).status).toBe(200);

    postgres = await startPostgres(postgres.port);
    await becomes(origin, 200);
  },
);
