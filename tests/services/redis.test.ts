import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess, type RunningProcess } from '../end-to-end/support/processes.ts';
import { freePort } from '../end-to-end/support/servers.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../receivers/index.ts';

/** Set by .ci/run, which installs the server: a real Redis comes with no package of npm. */
const REDIS_SERVER = process.env['CLEARWAY_REDIS_SERVER'];
const withRedis = REDIS_SERVER === undefined ? describe.skip : describe;

const LIMIT = 4;

interface Gateway {
  readonly process: RunningProcess;
  readonly origin: string;
}

withRedis('limits that several gateways count together in Redis', () => {
  let folder: string;
  let redis: ChildProcess;
  let otlp: OtlpReceiver;
  const upstream = createServer((_req, res) => res.end('ok'));
  const gateways: Gateway[] = [];
  let port: number;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'clearway-redis-'));
    port = await freePort();
    redis = await startRedis(port, folder);
    otlp = await startOtlpReceiver();
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const file = path.join(folder, 'clearway.yaml');
    writeFileSync(file, configuration((upstream.address() as AddressInfo).port));
    for (let i = 0; i < 2; i++) gateways.push(await startGateway(file, port, otlp.url));
  }, 120_000);

  afterAll(async () => {
    await Promise.all(gateways.map(({ process }) => process.stop()));
    redis.kill('SIGKILL');
    upstream.close();
    upstream.closeAllConnections();
    await otlp.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const health = async (gateway: Gateway) =>
    (await (await fetch(`${gateway.origin}/api/health`)).json()) as {
      status: string;
      services: Record<string, { status: string }>;
    };
  const statuses = async (path: string, count: number) => {
    const seen: number[] = [];
    for (let i = 0; i < count; i++) seen.push((await fetch((gateways[i % 2] as Gateway).origin + path)).status);
    return seen;
  };

  test('exactly the limit passes over both, and the Redis command is in the trace', async () => {
    expect(await statuses('/shared', 8)).toEqual([200, 200, 200, 200, 429, 429, 429, 429]);
    const command = await otlp.waitFor(() =>
      otlp
        .spans()
        .find((span) => span.attributes['db.system'] === 'redis' || span.attributes['db.system.name'] === 'redis'),
    );
    const parent = await otlp.waitFor(() => otlp.spans().find((span) => span.spanId === command.parentSpanId));
    expect(parent.kind === 'server' || parent.name === 'policy rate-limit').toBe(true);
    expect((await health(gateways[0] as Gateway)).services['redis']).toMatchObject({ status: 'up' });
  });

  test('a Redis that hangs costs a request a fraction of a second and fails none', async () => {
    redis.kill('SIGSTOP');
    const startMs = performance.now();
    expect(await statuses('/hung', 2)).toEqual([200, 200]);
    // ten times as long as it is, for a busy machine
    expect(performance.now() - startMs).toBeLessThan(5000);
    redis.kill('SIGCONT');
  });

  test('without Redis each gateway counts by itself, and health is degraded', async () => {
    redis.kill('SIGKILL');
    await once(redis, 'exit');
    const first = gateways[0] as Gateway;
    await first.process.waitForLine((line) => String(line['message']).startsWith('redis is not reachable'));
    // the line may tell of the Redis that hung
    while ((await health(first)).status !== 'degraded') await sleep(10);
    expect(await health(first)).toMatchObject({ status: 'degraded', services: { redis: { status: 'down' } } });
    const seen = await statuses('/alone', 2 * (LIMIT + 1));
    expect(seen.filter((status) => status === 200)).toHaveLength(2 * LIMIT);
    expect(seen.filter((status) => status === 429)).toHaveLength(2);
    redis = await startRedis(port, folder);
  });
});

async function startRedis(port: number, folder: string): Promise<ChildProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const redis = spawn(REDIS_SERVER ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: redis.stdout })) if (/Ready to accept/i.test(line)) break;
  redis.stdout.resume();
  return redis;
}

async function startGateway(file: string, redisPort: number, otlpUrl: string): Promise<Gateway> {
  const process = startProcess('backend/api-gateway/dist/index.js', {
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    OTEL_LOCAL_URL: otlpUrl,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const ready = await process.waitForLine((line) => line['message'] === 'gateway ready');
  return { process, origin: `http://127.0.0.1:${Number(ready['port'])}` };
}

/** A route for each test: limits are counted apart for each. */
function configuration(upstreamPort: number): string {
  const routes = ['shared', 'hung', 'alone'].map(
    (id) =>
      `  - { id: ${id}, match: { path: /${id} }, upstream: main, policies: { rateLimit: { limit: ${LIMIT}, windowSeconds: 600 } } }`,
  );
  return `version: 1
upstreams:
  main: { targets: [{ url: 'http://127.0.0.1:${upstreamPort}' }] }
routes:
${routes.join('\n')}
`;
}
