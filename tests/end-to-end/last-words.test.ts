import { lastWordsListSchema, type LastWords } from '@clearway/contracts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFlight, type Flight } from '../../backend/api-gateway/src/flight-recorder/read-flight.ts';
import { startSentryReceiver, type SentryReceiver } from '../receivers/index.ts';
import { startProcess, type LogLine, type RunningProcess } from './support/processes.ts';
import { openServers } from './support/servers.ts';

const HARM = path.join(import.meta.dirname, 'support/harm-on-demand.mjs');
/** Each test starts processes one after the other, which takes long on a busy machine. */
const LIMIT_MS = 120_000;
const DIED = 'the gateway before this one did not end in order';

const servers = openServers();
let upstream: string;
let sentry: SentryReceiver;
beforeAll(async () => {
  upstream = await servers.http((req, res) => {
    if (!req.url?.startsWith('/hang')) res.end('ok');
  });
  sentry = await startSentryReceiver();
});
afterAll(async () => {
  await Promise.all([servers.close(), sentry.close()]);
});

let folder: string;
const running: RunningProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clearway-last-words-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

interface Gateway {
  readonly origin: string;
  readonly admin: string;
  readonly process: RunningProcess;
}

async function start(variables: Record<string, string> = {}): Promise<Gateway> {
  const file = path.join(folder, 'clearway.yaml');
  writeFileSync(
    file,
    `version: 1
upstreams: { main: { targets: [{ url: '${upstream}' }] } }
routes: [{ id: everything, match: { path: /* }, upstream: main }]`,
  );
  const started = startProcess('backend/api-gateway/dist/index.js', {
    OTEL_ENABLED: 'false',
    GATEWAY_PORT: '0',
    ADMIN_PORT: '0',
    CLEARWAY_CONFIG: file,
    DATA_DIRECTORY: folder,
    ...variables,
  });
  running.push(started);
  const ready = await started.waitForLine((line) => line['message'] === 'gateway ready');
  const at = (port: unknown) => `http://127.0.0.1:${Number(port)}`;
  return { process: started, origin: at(ready['port']), admin: at(ready['admin_port']) };
}

/** Asks without waiting for an answer, which may never come. */
function ask(gateway: Gateway, target: string): void {
  void fetch(gateway.origin + target).then(
    () => undefined,
    () => undefined,
  );
}

/** Resolves when the file of the process that runs says what is expected. */
async function untilFile(says: (flight: Flight) => boolean): Promise<void> {
  const directory = path.join(folder, 'flight-recorder');
  for (;;) {
    const name = readdirSync(directory).find((each) => each.endsWith('.flight'));
    const flight = name === undefined ? undefined : readFlight(readFileSync(path.join(directory, name)));
    if (flight !== undefined && says(flight)) return;
    await sleep(50);
  }
}

async function lastWords({ admin }: Gateway): Promise<readonly LastWords[]> {
  const answer = await fetch(`${admin}/api/gateway/last-words?processes=5`);
  return lastWordsListSchema.parse(await answer.json()).processes;
}

describe('the last words of a gateway', () => {
  test(
    'tell after a kill -9 which requests were open and which were the last, once',
    async () => {
      const victim = await start();
      const answered = await fetch(`${victim.origin}/answered?token=hunter2`);
      ask(victim, '/hang/7?token=hunter2');
      await untilFile((flight) => flight.entries().some(({ path, progress }) => path === '/hang/7' && progress));
      await victim.process.stop('SIGKILL');

      const successor = await start();
      const line = await successor.process.waitForLine(({ message }) => message === DIED);
      expect(line).toMatchObject({ level: 'error', end: 'killed', open_requests: 1, total_requests: 2 });
      const [words] = await lastWords(successor);
      expect(words).toMatchObject({ pid: victim.process.pid, end: 'killed', isCertain: false });
      expect(words?.open).toMatchObject([
        { path: '/hang/7', route: 'everything', upstream: 'main', target: upstream, phase: 'upstream_headers' },
      ]);
      expect(words?.records).toMatchObject([
        { path: '/answered', traceId: answered.headers.get('trace-id'), status: 200, bytesOut: 2 },
      ]);
      const directory = path.join(folder, 'flight-recorder');
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      for (const name of readdirSync(directory)) {
        expect(statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
        expect(readFileSync(path.join(directory, name), 'latin1')).not.toContain('hunter2');
      }

      expect(await successor.process.stop()).toBe(0);
      const third = await start();
      expect(await lastWords(third)).toMatchObject([{ end: 'in_order', cause: 'SIGTERM' }, { end: 'killed' }]);
      expect(third.process.lines.filter(({ message }) => message === DIED)).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'name the function and the file that blocked the event loop for good',
    async () => {
      // longer than a busy machine lets it stand still, and than the first request takes
      const victim = await start({ NODE_OPTIONS: `--import=${HARM}`, EVENT_LOOP_BLOCKED_MS: '1000' });
      await fetch(`${victim.origin}/answered`);
      ask(victim, '/spin/1');
      await untilFile(({ block }) => JSON.stringify(block?.frames ?? '').includes('spinForEver'));
      await victim.process.stop('SIGKILL');

      const successor = await start({ SENTRY_DSN: sentry.dsn });
      const [words] = await lastWords(successor);
      expect(words).toMatchObject({ end: 'blocked', blocked: { isLast: true } });
      expect(words?.blocked?.stack[0]).toMatchObject({ function: 'spinForEver', file: HARM, line: 7 });
      expect(words?.open).toMatchObject([{ method: 'GET', path: '/spin/1' }]);
      const line = await successor.process.waitForLine(({ message }) => message === DIED);
      expect(line['stack']).toContain('spinForEver (');
      const event = await sentry.waitFor(() =>
        sentry.events().find(({ tags }) => tags?.['operation'] === 'gateway died'),
      );
      expect(event.exception?.values[0]).toMatchObject({ type: 'GatewayDied: blocked' });
      expect(JSON.stringify(event.exception)).toContain('spinForEver');
    },
    LIMIT_MS,
  );

  test(
    'are not needed when the event loop goes on: the log tells who held it, and a metric how often',
    async () => {
      const gateway = await start({ NODE_OPTIONS: `--import=${HARM}`, EVENT_LOOP_BLOCKED_MS: '200' });
      // on a busy machine something else may take as long, or whoever watches come too late
      const told = ({ message, stack }: LogLine) =>
        message === 'the event loop was blocked' && /^computeForHalfASecond \(.*:\d+:\d+\)/.test(String(stack));
      while (!gateway.process.lines.some(told))
        expect(await (await fetch(`${gateway.origin}/compute`)).text()).toBe('ok');
      const line = await gateway.process.waitForLine(told);
      expect(line['level']).toBe('warn');
      expect(Number(line['blocked_ms'])).toBeGreaterThan(200);
      const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
      expect(metrics).toMatch(/clearway_event_loop_blocks_total [1-9]/);
      expect(await gateway.process.stop()).toBe(0);
      expect(gateway.process.errors()).toBe('');
    },
    LIMIT_MS,
  );

  test(
    'say that the heap was full when V8 ended the process',
    async () => {
      const victim = await start({ NODE_OPTIONS: `--import=${HARM} --max-old-space-size=96` });
      ask(victim, '/hang/1');
      for (let i = 0; ; i++) {
        const answer = await fetch(`${victim.origin}/leak/${i}`).catch(() => undefined);
        if (answer === undefined) break;
        await answer.arrayBuffer();
      }
      await victim.process.ended;
      expect(victim.process.errors()).toContain('JavaScript heap out of memory');

      const [words] = await lastWords(await start());
      expect(words).toMatchObject({ end: 'heap_exhausted', memory: { heapLimitBytes: 96 * 2 ** 20 } });
      expect(words?.open.map(({ path }) => path)).toContain('/hang/1');
      expect(words?.records[0]?.path).toMatch(/^\/leak\//);
    },
    LIMIT_MS,
  );
});
