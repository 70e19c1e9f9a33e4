import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../tests/end-to-end/support/servers.ts';
import { folder } from './support/folder.ts';

const START_LIMIT_MS = 240_000;
const script = path.join(import.meta.dirname, '../start.mjs');
const running: ChildProcess[] = [];
const listening: Server[] = [];

afterEach(async () => {
  for (const server of listening.splice(0)) server.close();
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

interface Started {
  readonly child: ChildProcess;
  /** All that it wrote so far. */
  text(): string;
  /** Resolves when it wrote that. */
  wrote(words: string): Promise<void>;
  readonly exited: Promise<number | null>;
}

function start(variables: Record<string, string>, ...args: string[]): Started {
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...variables } });
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const wrote = async (words: string): Promise<void> => {
    while (!text.includes(words)) {
      const more = await Promise.race([once(child.stdout, 'data'), exited]);
      if (!Array.isArray(more) && !text.includes(words)) throw new Error(`it ended without "${words}":\n${text}`);
    }
  };
  return { child, text: () => text, wrote, exited };
}

const PORTS = ['GATEWAY_PORT', 'ADMIN_PORT', 'WORKER_PORT', 'TRACKS_PORT', 'DATABASE_PORT'];

/** A start of its own: ports that are free, and a data directory that is thrown away. */
async function freeVariables(): Promise<Record<string, string>> {
  const ports = new Set<number>();
  while (ports.size < PORTS.length) ports.add(await freePort());
  const entries = [...ports].map((port, i) => [PORTS[i], String(port)]);
  return { ...(Object.fromEntries(entries) as Record<string, string>), DATA_DIRECTORY: folder() };
}

describe('npm start', () => {
  test(
    'starts all, tells a second start where, and stops all in reverse order',
    async () => {
      const variables = await freeVariables();
      const first = start(variables);
      await first.wrote('Try next');
      const explain = /npx clearway explain ([0-9a-f]{32}) --url (\S+)/.exec(first.text());
      expect(explain?.[2]).toBe(`http://127.0.0.1:${variables['WORKER_PORT']}`);
      expect((await fetch(`http://127.0.0.1:${variables['GATEWAY_PORT']}/v1/tracks`)).status).toBe(200);

      const second = start(variables);
      expect(await second.exited).toBe(0);
      expect(second.text()).toContain(`is already running here: process ${first.child.pid}`);
      expect(second.text()).toContain(`http://127.0.0.1:${variables['GATEWAY_PORT']}`);

      first.child.kill('SIGINT');
      expect(await first.exited).toBe(0);
      const stopped = [...first.text().matchAll(/^ {2}(\S+) stopped$/gm)].map((match) => match[1]);
      expect(stopped).toEqual(['gateway', 'tracks', 'worker', 'PostgreSQL']);
    },
    START_LIMIT_MS,
  );

  test(
    'passes on what a process has against its configuration, and its exit code',
    async () => {
      const failed = start({ ...(await freeVariables()), LOG_LEVEL: 'loud' });
      expect(await failed.exited).toBe(78);
      expect(failed.text()).toContain('LOG_LEVEL');
      expect(failed.text()).toMatch(/(worker|tracks) ended by itself \(exit 78\)/);
      expect(failed.text()).toContain('PostgreSQL stopped');
    },
    START_LIMIT_MS,
  );

  test('names a taken port and starts nothing', async () => {
    const variables = await freeVariables();
    listening.push(createServer().listen(Number(variables['ADMIN_PORT']), '127.0.0.1'));
    const refused = start(variables);
    expect(await refused.exited).toBe(78);
    expect(refused.text()).toContain(
      `port ${variables['ADMIN_PORT']} of the gateway's admin listener (ADMIN_PORT) is taken`,
    );
    expect(refused.text()).not.toContain('PostgreSQL');
  });

  test('shows its help, and refuses a flag that it does not know', async () => {
    const help = start({}, '--help');
    expect(await help.exited).toBe(0);
    expect(help.text()).toContain('GATEWAY_PORT=9000 npm start');
    const unknown = start({}, '--wacth');
    expect(await unknown.exited).toBe(64);
    expect(unknown.text()).toContain("Unknown option '--wacth'");
  });
});
