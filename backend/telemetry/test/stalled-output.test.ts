import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';

const LINES = 20_000;
let child: ChildProcess;
afterEach(() => {
  child.kill('SIGKILL');
});

interface Report {
  readonly queued: number;
  readonly exported: number;
  readonly dropped: number;
  readonly longestTurnMs: number;
}

/** Starts the process with its stdout on a pipe that nobody reads. */
async function flood(): Promise<Report> {
  child = fork(new URL('fixtures/flood.ts', import.meta.url), {
    execArgv: ['-C', '@clearway/source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const [report] = (await once(child, 'message')) as [Report];
  return report;
}

test('a process whose stdout nobody reads goes on, within its bound, and tells the gap when somebody does', async () => {
  const report = await flood();
  expect(report.queued + report.exported + report.dropped).toBe(LINES);
  expect(report.dropped).toBeGreaterThan(LINES / 4);
  expect(report.longestTurnMs).toBeLessThan(10_000);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.send(10_000);
  const [code] = (await once(child, 'close')) as [number];
  const lines = output.trim().split('\n');
  expect(code).toBe(0);
  expect(lines).toHaveLength(LINES - report.dropped + 1);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 'warn', service: 'flood', dropped: report.dropped });
});

test('its end is not held up by a stdout that nobody reads', async () => {
  await flood();
  child.send(100);
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
});
