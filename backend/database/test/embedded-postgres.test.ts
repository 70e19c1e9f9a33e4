import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from '../src/index.ts';
import { startInProcess } from './support/server-process.ts';
import { query, temporaryDirectory } from './support/temporary.ts';

/** What a test wrote need not survive a crash of the machine. */
const FAST = { fsync: 'off' };

let prepared: ReturnType<typeof temporaryDirectory>;
let directory: ReturnType<typeof temporaryDirectory>;
let dataDirectory: string;
let releases: (() => unknown)[];

// Making a cluster takes most of a second, so the tests of later starts share one.
beforeAll(async () => {
  prepared = temporaryDirectory();
  const options = { dataDirectory: join(prepared.path, 'postgres'), databases: ['one'], settings: FAST };
  await (await startEmbeddedPostgres(options)).stop();
});
afterAll(() => prepared?.remove());
beforeEach(() => {
  directory = temporaryDirectory();
  dataDirectory = join(directory.path, 'postgres');
  releases = [directory.remove];
});
afterEach(async () => {
  for (const release of releases.reverse()) await release();
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const settings = { ...FAST, ...options.settings };
  const server = await startEmbeddedPostgres({ dataDirectory, databases: ['one'], ...options, settings });
  releases.push(() => server.stop());
  return server;
}

async function freshProcess(): Promise<Awaited<ReturnType<typeof startInProcess>>> {
  const started = await startInProcess({ dataDirectory, databases: ['one'], settings: FAST });
  releases.push(() => started.finish());
  return started;
}

const usePrepared = (): void => {
  dataDirectory = join(prepared.path, 'postgres');
};

describe('a first start', () => {
  test('makes the cluster and its databases, in UTC and on the loopback address only', async () => {
    const messages: string[] = [];
    const server = await start({
      databases: ['one', 'two words'],
      settings: { work_mem: '7MB' },
      onProgress: (message) => messages.push(message),
    });
    expect(server).toMatchObject({ owned: true, version: expect.stringMatching(/^\d+\.\d+$/) });
    const settings = await query(
      server.url('two words'),
      `SELECT current_setting('TimeZone') AS zone, current_setting('listen_addresses') AS address,
              current_setting('work_mem') AS memory, current_setting('unix_socket_directories') AS socket`,
    );
    expect(settings).toEqual([{ zone: 'UTC', address: '127.0.0.1', memory: '7MB', socket: '' }]);
    expect(messages).toEqual([expect.stringContaining('making'), expect.stringContaining(`port ${server.port}`)]);
  });

  test('keeps the password out of process lists and readable files', async () => {
    const server = await start();
    const password = new URL(server.url('one')).password;
    expect(password.length).toBeGreaterThanOrEqual(24);
    expect(execFileSync('ps', ['axeww'], { encoding: 'utf8' })).not.toContain(password);
    for (const entry of readdirSync(directory.path, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || entry.parentPath.includes(`${dataDirectory}/data`)) continue;
      if (readFileSync(path, 'utf8').includes(password)) expect(statSync(path).mode & 0o077).toBe(0);
    }
    expect(statSync(join(dataDirectory, 'data')).mode & 0o077).toBe(0);
    const wrong = new URL(server.url('one'));
    wrong.password = 'wrong';
    await expect(query(wrong.toString(), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('removes what an interrupted one left behind', async () => {
    const left = `${dataDirectory}.2147483646-0123abcd`;
    mkdirSync(join(left, 'data'), { recursive: true });
    await start();
    expect(existsSync(left)).toBe(false);
  });

  test('by three processes at once makes one server, which one of them stops', async () => {
    const starters = await Promise.all([freshProcess(), freshProcess(), freshProcess()]);
    expect(new Set(starters.map((starter) => starter.pid)).size).toBe(1);
    expect(starters.filter((starter) => starter.owned)).toHaveLength(1);
    await Promise.all(starters.filter((starter) => !starter.owned).map((starter) => starter.finish()));
    expect(await query(starters[0].url, 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  });
});

describe('a later start', () => {
  beforeEach(usePrepared);

  test('finds the data again after a stop', async () => {
    const first = await start();
    await query(first.url('one'), 'CREATE TABLE kept_over_stop AS SELECT 42 AS answer');
    await first.stop();
    const second = await start();
    expect(second.owned).toBe(true);
    expect(await query(second.url('one'), 'SELECT answer FROM kept_over_stop')).toEqual([{ answer: 42 }]);
  });

  test('attaches to a running server and leaves it running', async () => {
    const first = await start();
    const second = await start({ databases: ['two'], port: 1 });
    expect(second).toMatchObject({ owned: false, pid: first.pid, port: first.port });
    await second.stop();
    expect(await query(first.url('two'), 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  });

  test('adopts the server of a process that was killed, and stops it', async () => {
    const starter = await freshProcess();
    starter.child.kill('SIGKILL');
    await once(starter.child, 'exit');
    const server = await start();
    expect(server).toMatchObject({ owned: true, pid: starter.pid });
    await server.stop();
    await expect(query(starter.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('recovers what was committed before the postmaster was killed', async () => {
    const first = await start();
    const session = new pg.Client({ connectionString: first.url('one') });
    session.on('error', () => {});
    await session.connect();
    await session.query('CREATE TABLE kept_over_crash AS SELECT generate_series(1, 1000) AS n');
    await session.query('BEGIN; DELETE FROM kept_over_crash');
    process.kill(first.pid, 'SIGKILL');
    const second = await start();
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.url('one'), 'SELECT count(*)::int AS n FROM kept_over_crash')).toEqual([{ n: 1000 }]);
  });

  test("is not misled by a dead server's process id that another program has now", async () => {
    const first = await start();
    const pidFile = join(dataDirectory, 'data', 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    await first.stop();
    writeFileSync(pidFile, [process.pid, ...lines.slice(1)].join('\n'));
    const second = await start();
    expect(second.owned).toBe(true);
    expect(await query(second.url('one'), 'SELECT 1 AS up')).toEqual([{ up: 1 }]);
  });
});

describe('a refused start', () => {
  beforeEach(usePrepared);

  test('ends at once where nobody can make a folder, and names the variable that moves it', async () => {
    await expect(start({ dataDirectory: '/proc/clearway/data/postgres' })).rejects.toThrow(
      /set DATA_DIRECTORY to a folder/,
    );
  });

  test('names the port that is taken and the variable that moves it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    releases.push(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(new RegExp(`port ${port} .*taken.*DATABASE_PORT`));
  });

  test('says which server made the data, and leaves it alone', async () => {
    const versionFile = join(dataDirectory, 'data', 'PG_VERSION');
    const version = readFileSync(versionFile);
    releases.push(() => writeFileSync(versionFile, version));
    writeFileSync(versionFile, '9.6\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 9\.6, and the embedded server is \d+.*dump.*restore/);
    expect(readFileSync(versionFile, 'utf8')).toBe('9.6\n');
  });

  test("shows the end of the server's own log", async () => {
    await expect(start({ settings: { max_connections: 'many' } })).rejects.toThrow(
      /did not start[^]*invalid value for parameter "max_connections"/,
    );
  });
});
