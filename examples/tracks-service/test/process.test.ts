import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfiguration } from '../src/config/environment.ts';
import { migrations } from './support/service.ts';

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url));
let testDatabase: TestDatabase;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  testDatabase = await withTestDatabase({ migrations });
  directory = mkdtempSync(join(tmpdir(), 'tracks-test-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await testDatabase?.close();
  rmSync(directory, { recursive: true, force: true });
});

function start(variables: Record<string, string>): ChildProcess {
  const environment = { PATH: process.env['PATH'], OTEL_ENABLED: 'false', LOG_FORMAT: 'json', ...variables };
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...environment,
      NODE_V8_COVERAGE: process.env['NODE_V8_COVERAGE'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    },
  });
  children.push(child);
  return child;
}

const variables = (): Record<string, string> => ({
  PORT: '0',
  DATABASE_URL: testDatabase.connectionString,
  UPLOAD_DIRECTORY: join(directory, 'uploads'),
});

/** Waits for a line of the log. */
function logged(child: ChildProcess, message: string): Promise<{ port: number }> {
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as { message: string; port: number };
      if (entry.message === message) resolve(entry);
    });
    lines.on('close', () => reject(new Error(`ended without '${message}'`)));
  });
}

describe('the process', () => {
  test('names every problem of its configuration, shows no password, and exits with 78', async () => {
    const child = start({ PORT: 'http', MAX_UPLOAD_BYTES: '0', DATABASE_URL: 'mysql://user:secret@host/db' });
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = await once(child, 'close');
    expect(code).toBe(78);
    expect(output).toMatch(/PORT: [^]*DATABASE_URL: [^]*MAX_UPLOAD_BYTES: /);
    expect(output).not.toContain('secret');
  });

  test('names the port that is taken and the variable that moves it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const child = start({ ...variables(), PORT: String(port) });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = await once(child, 'close');
    other.close();
    expect(code).toBe(1);
    expect(output).toContain(`port ${port} is taken: set PORT`);
  });

  test.each(['SIGTERM', 'disconnect'] as const)('finishes its requests on %s, then exits with 0', async (cause) => {
    const child = start(variables());
    const { port } = await logged(child, 'listening');
    const body = JSON.stringify({ kind: 'text', text: 'still here' });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const post = request({ port, path: '/v1/posts', method: 'POST', headers });
    post.write(body.slice(0, 5));
    // its database may take a while on a busy machine
    while ((await get(port, '/readyz')).statusCode !== 200) await sleep(20);
    const exited = once(child, 'exit');
    const draining = logged(child, 'draining');
    if (cause === 'SIGTERM') child.kill('SIGTERM');
    else child.disconnect();
    await draining;
    const answered = once(post, 'response');
    post.end(body.slice(5));
    const [response] = (await answered) as [IncomingMessage];
    expect(response.statusCode).toBe(201);
    expect(response.headers.connection).toBe('close');
    response.resume();
    expect(await exited).toEqual([0, null]);
    await expect(get(port, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

test('the configuration has defaults for all but the database', () => {
  const configuration = readConfiguration({ DATABASE_URL: 'postgresql://127.0.0.1/tracks', PORT: '' });
  expect(configuration).toMatchObject({ port: 4000, host: '127.0.0.1', maxUploadBytes: 50 * 1024 * 1024 });
  expect(configuration.uploadDirectory).toMatch(/[\\/]\.data[\\/]uploads$/);
  expect(() => readConfiguration({})).toThrow(/DATABASE_URL: set it to/);
});

async function get(port: number, path: string): Promise<IncomingMessage> {
  const sent = request({ port, path, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response;
}
