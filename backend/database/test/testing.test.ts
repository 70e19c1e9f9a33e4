import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestServer, withTestDatabase, type TestServer } from '../src/testing/index.ts';
import { eventually } from './support/eventually.ts';
import { query } from './support/temporary.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

describe('a test database', () => {
  test('is migrated, empty and apart from the others of its server', async () => {
    const serverUrl = server.url('postgres');
    const [one, two] = await Promise.all([withTestDatabase({ serverUrl }), withTestDatabase({ serverUrl })]);
    await query(one.connectionString, 'CREATE TABLE only_here ()');
    expect(await query(two.connectionString, "SELECT to_regclass('only_here') AS found")).toEqual([{ found: null }]);
    expect(await query(two.connectionString, 'SELECT count(*)::int AS n FROM alerts')).toEqual([{ n: 0 }]);
    expect(await query(two.connectionString, 'SHOW timezone')).toEqual([{ TimeZone: 'UTC' }]);
    await Promise.all([one.close(), two.close()]);
    await expect(query(one.connectionString, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });

  test('goes with its server when the process that runs the tests is killed', async () => {
    const script = fileURLToPath(new URL('./support/hold-test-server.ts', import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const { url, directory } = JSON.parse(line) as { url: string; directory: string };
    expect(existsSync(directory)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(() => !existsSync(directory));
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
