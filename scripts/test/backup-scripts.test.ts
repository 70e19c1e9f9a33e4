import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import pg from 'pg';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FOLDER = mkdtempSync(path.join(tmpdir(), 'clearway-scripts-'));

let database: TestDatabase;
let sql: pg.Client;
let copy: string;
let made: ReturnType<typeof run>;

beforeAll(async () => {
  // stands for a clone: what an environment needs lies in its folder
  for (const name of ['node_modules', 'scripts']) symlinkSync(path.join(ROOT, name), path.join(FOLDER, name));
  database = await withTestDatabase({ migrations: null });
  copy = `${new URL(database.connectionString).pathname.slice(1)}_copy`;
  writeFileSync(path.join(FOLDER, '.env.staging'), `DATABASE_URL=${database.connectionString}\nBACKUP_DIR=kept\n`);
  sql = new pg.Client({ connectionString: database.connectionString });
  await sql.connect();
  await sql.query(`CREATE TABLE tracks AS SELECT g AS id FROM generate_series(1, 12) AS g`);
  made = run('backup-database.sh', 'staging', '--compression', 'gzip', '--json');
});
afterAll(async () => {
  await sql?.query(`DROP DATABASE IF EXISTS "${copy}"`);
  await sql?.end();
  await database?.close();
  rmSync(FOLDER, { recursive: true, force: true });
});

/** The environment of somebody who is elsewhere: the scripts go to their clone by themselves. */
const elsewhere = () => ({ cwd: tmpdir(), env: { PATH: process.env['PATH'], HOME: process.env['HOME'] } });

function run(script: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(path.join(FOLDER, 'scripts', script), args, {
    ...elsewhere(),
    encoding: 'utf8',
  });
  return { status, out: stdout, error: stderr };
}

describe('the scripts for backups', () => {
  test('take an environment, the same options as the commands, and hand on their exit status', () => {
    expect([made.status, made.error]).toEqual([0, expect.not.stringContaining('error')]);
    const { id, file, rows } = JSON.parse(made.out) as { id: string; file: string; rows: number };
    expect([file, rows]).toEqual([expect.stringContaining(path.join(FOLDER, 'kept', id)), 12]);
    const verified = run('verify-backup.sh', 'staging', id, '--level', 'decode');
    expect(verified).toMatchObject({ status: 0, out: expect.stringContaining('decode passed') });
    expect(run('verify-backup.sh', 'staging', '20261122T020000Z-tracks-3f9a1c').status).toBe(16);
  });

  test('refuse an environment that nobody has described', () => {
    const { status, error } = run('backup-database.sh', 'production');
    expect([status, error]).toEqual([64, expect.stringContaining('There is no .env.production')]);
  });

  const isTerminal = spawnSync('script', ['--version']).status === 0 && process.platform === 'linux';
  (isTerminal ? test : test.skip)(
    'ask on a terminal what is to be restored, and restore it when its name was typed',
    async () => {
      const command = `${path.join(FOLDER, 'scripts/restore-database.sh')} staging --unproven`;
      const child = spawn('script', ['-qec', command, '/dev/null'], elsewhere());
      let seen = '';
      const answers: [string, string][] = [
        ['Which one? [1]', '1'],
        ['Restore it to the database', copy],
        ['Type the name of the database', copy],
      ];
      child.stdout.on('data', (text: Buffer) => {
        seen += stripVTControlCharacters(text.toString());
        const [question, answer] = answers[0] ?? [];
        if (question === undefined || !seen.includes(question)) return;
        answers.shift();
        child.stdin.write(`${answer}\n`);
      });
      const [code] = (await once(child, 'close')) as [number];
      expect([code, seen]).toEqual([0, expect.stringMatching(/public\.tracks +12[^]*restored +\S+_copy/)]);
      const { rowCount } = await sql.query('SELECT FROM pg_database WHERE datname = $1', [copy]);
      expect(rowCount).toBe(1);
    },
    60_000,
  );
});
