import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureDatabase, newIdentity, type StoredBackup } from '../src/index.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { everything } from './support/everything.ts';
import { hasTools, NEWER_PG_DUMP, NEWER_POSTGRESQL } from './support/programs.ts';

const withTools = hasTools('pg_dump', 'pg_restore', 'psql', 'zstd', 'gzip') ? test : test.skip;
const withNewer = NEWER_PG_DUMP !== null && hasTools('age') ? test : test.skip;
const withAge = hasTools('pg_dump', 'pg_restore', 'psql', 'zstd', 'age') ? test : test.skip;

const PATH = process.env['PATH'] ?? '';
const GUIDE = readFileSync(path.join(import.meta.dirname, '../../../docs/guides/backups.md'), 'utf8');

let server: BenchServer;
let bench: Bench;
let portable: Bench;
let newer: Bench;
let source: string;
const folder = mkdtempSync(path.join(tmpdir(), 'clearway-own-tools-'));

beforeAll(async () => {
  server = await openBenchServer();
  portable = openBench(server);
  bench = openBench(server, { tools: { variables: process.env } });
  newer = openBench(server, { tools: { variables: process.env, pgDump: NEWER_PG_DUMP } });
  source = await server.makeDatabase('own', everything(server.name('own')));
});
afterAll(async () => {
  await server?.close();
  portable?.close();
  newer?.close();
  bench?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Restores a backup by a line of a shell, as the guide has it, into a new database; what that holds then. */
async function restoredBy(line: string, { id, manifest }: StoredBackup, where: Bench) {
  expect(GUIDE).toContain(line);
  const to = await server.makeDatabase(`own_${id.slice(-6)}`);
  const file = path.join(where.directory, id, manifest.files.find(({ role }) => role === 'dump')?.name ?? '');
  const { status, stderr } = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', line], {
    encoding: 'utf8',
    env: {
      PATH: where === newer ? `${NEWER_POSTGRESQL}:${PATH}` : PATH,
      FILE: file,
      TARGET: to,
      KEY: path.join(folder, 'key.txt'),
    },
  });
  const said = stderr.replaceAll(/^.*transaction_timeout.*\n/gm, '');
  if (where === newer) expect(said).toMatch(/^pg_restore: warning: errors ignored on restore: [12]\n$/);
  else expect([status, said]).toEqual([0, '']);
  return (await measureDatabase(to)).content;
}

async function assertSame(line: string, backup: StoredBackup, where = bench): Promise<void> {
  const { content } = backup.manifest;
  const restored = await restoredBy(line, backup, where);
  expect(restored.tables).toEqual(content?.tables);
  expect(restored.largeObjects).toEqual(content?.largeObjects);
}

const PSQL = 'psql --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --dbname="$TARGET"';
const PG_RESTORE = 'pg_restore --exit-on-error --dbname="$TARGET"';

describe('a machine with the programs of PostgreSQL and without Clearway', () => {
  withTools('restores the custom format, compressed by zstd', async () => {
    await assertSame(
      `zstd -dc "$FILE" | ${PG_RESTORE}`,
      await bench.create({ connectionString: source, format: 'custom' }),
    );
  });

  withTools('restores the custom format with gzip, which pg_restore unpacks itself', async () => {
    const backup = await bench.create({ connectionString: source, format: 'custom', compression: 'gzip' });
    await assertSame(`${PG_RESTORE} --jobs=2 "$FILE"`, backup);
  });

  withTools('restores an SQL script with psql', async () => {
    await assertSame(`zstd -dc "$FILE" | ${PSQL}`, await bench.create({ connectionString: source, format: 'plain' }));
    const gzipped = await bench.create({ connectionString: source, format: 'plain', compression: 'gzip' });
    await assertSame(`gzip -dc "$FILE" | ${PSQL}`, gzipped);
  });

  withTools('restores what was dumped without pg_dump', async () => {
    await assertSame(`zstd -dc "$FILE" | ${PSQL}`, await portable.create({ connectionString: source }), portable);
  });

  withAge('opens an encrypted backup with age', async () => {
    const { identity, recipient } = await newIdentity();
    writeFileSync(path.join(folder, 'key.txt'), `${identity}\n`);
    const backup = await bench.create({ connectionString: source, format: 'custom', recipients: [recipient] });
    await assertSame(`age --decrypt --identity "$KEY" "$FILE" | zstd -dc | ${PG_RESTORE}`, backup);
  });

  // into a server that is older than they are, which does not know one of their settings
  withNewer('restores what a pg_dump that knows zstd compressed, with several jobs, or through age', async () => {
    const backup = await newer.create({ connectionString: source });
    await assertSame('pg_restore --dbname="$TARGET" --jobs=2 "$FILE"', backup, newer);
    const { identity, recipient } = await newIdentity();
    writeFileSync(path.join(folder, 'key.txt'), `${identity}\n`);
    const encrypted = await newer.create({ connectionString: source, recipients: [recipient] });
    await assertSame('age --decrypt --identity "$KEY" "$FILE" | pg_restore --dbname="$TARGET"', encrypted, newer);
  });
});
