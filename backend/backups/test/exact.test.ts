import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { findPgDump } from '../src/dump/tools.ts';
import { embeddedScratch, type StoredBackup } from '../src/index.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { everything } from './support/everything.ts';
import { NEWER_PG_DUMP } from './support/programs.ts';

const tools = { variables: process.env };
const LIMIT_MS = 120_000;

describe.each([
  { major: 15, ownServer: undefined },
  { major: 18, ownServer: 18 },
])('a backup of PostgreSQL $major', ({ major, ownServer }) => {
  let server: BenchServer;
  let bench: Bench;
  let source: string;
  let backup: StoredBackup;

  beforeAll(async () => {
    server = await openBenchServer(ownServer);
    bench = openBench(server);
    source = await server.makeDatabase('everything', everything(server.name('role')));
    if (major === 18) {
      const table = 'CREATE TABLE virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int NOT NULL)';
      await server.query(source, `${table}; INSERT INTO virtual (a, c) VALUES (1, 2), (2, 3)`);
    }
    await server.query(source, `ALTER DATABASE ${new URL(source).pathname.slice(1)} SET work_mem TO '7MB'`);
    backup = await bench.create({ connectionString: source });
  }, LIMIT_MS);
  afterAll(async () => {
    await server.close();
    bench.close();
  });

  test('that needed nothing installed brings everything back exactly, in a server of its own', async () => {
    expect(backup.verifications.state).toBe('decoded');
    expect(backup.manifest.dump).toMatchObject({ format: 'plain', compression: 'zstd', tool: 'portable pg_dump 18.3' });
    expect(backup.manifest.warnings.join()).toMatch(/up to \d+ GiB/);
    const own = openBench(server, { scratch: embeddedScratch() });
    const { failure, backup: proven, verification } = await own.engine.verify({ backup, level: 'exact' });
    own.close();
    expect(failure).toBeUndefined();
    expect(verification.server).toContain(`embedded PostgreSQL ${major}`);
    expect(verification.restoreSeconds).toBeGreaterThan(0);
    expect(proven.verifications.state).toBe('exact');
  });

  test('names what it holds: cluster, version, extensions, every table with its rows, roles, settings', async () => {
    const { manifest } = backup;
    const [control] = await server.query<{ id: string }>(
      source,
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    expect(manifest.source?.systemIdentifier).toBe(control?.id);
    expect(manifest.source?.settings).toContainEqual({ role: null, setting: 'work_mem=7MB' });
    expect(manifest.source?.extensions.map(({ name }) => name)).toEqual(['hstore', 'pgcrypto', 'plpgsql']);
    const counts = Object.fromEntries(manifest.content?.tables.map(({ name, rowCount }) => [name, rowCount]) ?? []);
    const expected = {
      items: 300,
      parts_low: 100,
      parts_rest: 201,
      parent: 3,
      child: 1,
      without_columns: 1,
      secrets: 2,
    };
    expect(counts).toMatchObject(expected);
    expect(manifest.content?.withoutRows.map(({ name }) => name).sort()).toEqual(['item_count', 'parts']);
    expect(manifest.content?.largeObjects.count).toBe(3);
    const role = server.name('role');
    const used = manifest.roles.filter(({ isUsed }) => isUsed).map(({ name }) => name);
    expect(used).toEqual(expect.arrayContaining([`${role}_user`, `${role}_group`]));
    const globals = readFileSync(path.join(bench.directory, backup.id, 'globals.sql'), 'utf8');
    expect(globals).toContain(`GRANT "${role}_group" TO "${role}_user"`);
    expect(globals).not.toMatch(/PASSWORD '/);
  });

  test('made while others write is exact: dump and manifest are of one moment', async () => {
    const tables = ['log_a', 'log_b'];
    const schema = tables.map((name) => `CREATE TABLE ${name} (id serial PRIMARY KEY, v text);`).join(' ');
    const database = await server.makeDatabase('busy', schema);
    let isOver = false;
    const write = async (table: string): Promise<number> => {
      let writes = 0;
      for (; !isOver; writes++) {
        await server.query(
          database,
          `INSERT INTO ${table} (v) SELECT md5(random()::text) FROM generate_series(1, 50);
           UPDATE ${table} SET v = md5(v) WHERE id % 7 = ${writes % 7}; DELETE FROM ${table} WHERE id % 31 = ${writes % 31}`,
        );
      }
      return writes;
    };
    const writers = tables.map(write);
    const busy = await bench.create({ connectionString: database });
    isOver = true;
    expect(Math.min(...(await Promise.all(writers)))).toBeGreaterThan(1);
    const { failure } = await bench.engine.verify({ backup: busy, level: 'exact' });
    expect(failure).toBeUndefined();
  });
});

/** .ci/run installs both; without any, the portable dump is all there is. */
for (const [what, machine] of [
  ['the installed pg_dump', tools],
  ['a pg_dump that knows zstd', { ...tools, pgDump: NEWER_PG_DUMP }],
] as const) {
  const pgDump = await findPgDump(15, machine);
  (pgDump ? describe : describe.skip)(`a backup by ${what}`, () => {
    const zstd = pgDump?.compressions.includes('zstd') ? 'database.dump' : 'database.dump.zst';
    let server: BenchServer;
    let bench: Bench;
    let source: string;

    beforeAll(async () => {
      server = await openBenchServer();
      bench = openBench(server, { tools: machine });
      source = await server.makeDatabase('everything', everything(server.name('role')));
    }, LIMIT_MS);
    afterAll(async () => {
      await server.close();
      bench.close();
    });

    test.each([
      { format: 'custom', compression: 'zstd', file: zstd },
      { format: 'custom', compression: 'gzip', file: 'database.dump' },
      { format: 'plain', compression: 'gzip', file: 'database.sql.gz' },
    ] as const)(
      'brings everything back exactly: $format with $compression',
      async ({ format, compression, file }) => {
        const backup = await bench.create({ connectionString: source, format, compression });
        expect(backup.manifest.dump.tool).toBe(`pg_dump ${pgDump?.version}`);
        expect(backup.manifest.files[0]?.name).toBe(file);
        expect(statSync(path.join(bench.directory, backup.id, file)).mode & 0o777).toBe(0o600);
        const { failure } = await bench.engine.verify({ backup, level: 'exact' });
        expect(failure).toBeUndefined();
      },
      LIMIT_MS,
    );
  });
}

test('a server that does not fit leaves the state as it is, and says why', async () => {
  const server = await openBenchServer();
  const bench = openBench(server, { scratch: embeddedScratch() });
  try {
    const made = await bench.create({ connectionString: await server.makeDatabase('old', 'CREATE TABLE t (a int)') });
    const { source } = made.manifest;
    if (!source) throw new Error('a backup of ours names its source');
    const backup = { ...made, manifest: { ...made.manifest, source: { ...source, versionNumber: 140_001 } } };
    const { verification, failure, backup: still } = await bench.engine.verify({ backup, level: 'exact' });
    expect(verification).toMatchObject({ outcome: 'not-possible', reason: 'not-provable' });
    expect(failure?.message).toMatch(/PostgreSQL 14.*verify\.server/);
    expect(still.verifications.state).toBe('decoded');
  } finally {
    await server.close();
    bench.close();
  }
});
