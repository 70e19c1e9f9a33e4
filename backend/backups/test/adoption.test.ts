import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureDatabase, type StoredBackup } from '../src/index.ts';
import { restoreInto } from '../src/restore/restore-into.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { everything } from './support/everything.ts';

const withPgDump = spawnSync('pg_dump', ['--version']).status === 0 ? describe : describe.skip;
const folder = mkdtempSync(path.join(tmpdir(), 'clearway-adoption-'));
let server: BenchServer;
let bench: Bench;

beforeAll(async () => {
  server = await openBenchServer();
  bench = openBench(server);
});
afterAll(async () => {
  await server?.close();
  bench?.close();
  rmSync(folder, { recursive: true, force: true });
});

const adopt = (file: string): Promise<StoredBackup> => bench.engine.adopt({ file, storage: bench.storage });

async function adoptText(name: string, text: string | Buffer): Promise<StoredBackup> {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return adopt(file);
}

/** Restores a dump into a new database with owners and rights; its address. */
async function restored(backup: StoredBackup): Promise<string> {
  const connectionString = await server.makeDatabase(`to_${backup.id.slice(-6)}`);
  const facts = { makeRoles: false, isOwnServer: false, withOwners: true, onProgress: () => {} };
  await restoreInto(backup, { connectionString, ...facts });
  return connectionString;
}

/** Those of this test alone, oldest first: the server is shared. */
const databases = (): Promise<unknown[]> =>
  server.query(
    server.adminUrl,
    `SELECT oid, datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE strpos(datname, $1) > 0 ORDER BY oid`,
    [server.name('')],
  );

withPgDump('a dump by pg_dump', () => {
  let source: string;
  let name: string;

  beforeAll(async () => {
    name = server.name('Made Elsewhere');
    await server.query(server.adminUrl, `CREATE DATABASE "${name}" TEMPLATE template0`);
    source = server.url(name);
    const role = server.name('elsewhere');
    await server.query(source, everything(role));
    await server.query(
      source,
      `CREATE TABLE "ta;ble "" -- 'q'" ("co;l
umn" text DEFAULT 'x;''y'); ALTER TABLE "ta;ble "" -- 'q'" OWNER TO ${role}_user;
       INSERT INTO "ta;ble "" -- 'q'" VALUES (repeat('''', 50000)), (E'\\\\.'), (E'\\\\N\\n\\\\.\\n'), (NULL), ('');
       CREATE FUNCTION quoted() RETURNS text LANGUAGE sql AS $a$ SELECT $b$;\n\\connect other\n$b$::text $a$;
       GRANT CREATE ON DATABASE "${name}" TO ${role}_user; COMMENT ON DATABASE "${name}" IS 'not to be touched'`,
    );
  });

  const dump = (file: string, ...options: string[]): string => {
    const to = path.join(folder, file);
    const { stderr, status } = spawnSync('pg_dump', [...options, `--file=${to}`, `--dbname=${source}`]);
    expect([status, String(stderr)]).toEqual([0, '']);
    return to;
  };

  test.each([
    { file: 'inserts.dump', options: ['-Fc', '--rows-per-insert=7', '-Z0'] },
    { file: 'create.dump', options: ['-Fc', '--create', '--clean', '--if-exists'] },
    { file: 'create.sql.gz', options: ['--create', '--clean', '--if-exists', '-Z6'] },
    { file: 'inserts.sql', options: ['--column-inserts', '--quote-all-identifiers'] },
  ])('$file by $options brings back what it was made of, and touches nothing else', async ({ file, options }) => {
    const backup = await adopt(dump(file, ...options));
    const before = await databases();
    const { content } = await measureDatabase(await restored(backup));
    expect((await databases()).slice(0, -1)).toEqual(before);
    const { content: expected } = await measureDatabase(source);
    expect(content).toEqual(expected);
  });

  test.each([
    { file: 'tar', option: '-Ft', expected: /tar format.*pg_restore --file/ },
    { file: 'directory', option: '-Fd', expected: /directory format.*pg_restore --file/ },
  ])('in the format $file is refused by name', async ({ file, option, expected }) => {
    const failure = await adopt(dump(file, option)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: 'unsupported' });
    const { message, remedy } = failure as { message: string; remedy: string };
    expect(`${message} ${remedy}`).toMatch(expected);
  });

  test.each([
    { file: 'rows.dump', options: ['-Fc', '--data-only'] },
    { file: 'table.sql', options: ['--table=shop.items'] },
  ])('of a part, by $options, is not provable rather than damaged', async ({ file, options }) => {
    const backup = await adopt(dump(file, ...options));
    const { verification, failure } = await bench.engine.verify({ backup, level: 'restore' });
    expect(verification).toMatchObject({ outcome: 'not-possible', reason: 'not-provable' });
    expect(failure?.message).toMatch(/may be a part of a database/);
  });
});

test.each([
  ['all.sql', '--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE r;\n', /pg_dumpall/],
  ['dump.sql.lz4', Buffer.from('04224d186440a7', 'hex'), /lz4/],
  ['dump.sql.xz', Buffer.from('fd377a585a000004', 'hex'), /xz/],
  ['dump.sql.bz2', 'BZh91AY&SY', /bzip2/],
  ['dump.sql.age', 'age-encryption.org/v1\n-> X25519 a\n', /age/],
  ['latin.sql', Buffer.from("SET client_encoding = 'LATIN1';\nSELECT '\xe9';\n", 'latin1'), /LATIN1/],
  ['other.sql', 'SELECT 1;\n\\connect other\nDROP TABLE t;\n', /\\connect other/],
])('%s is refused by name, with what to do, and nothing is kept', async (name, text, what) => {
  const before = await bench.storage.list();
  const failure = await adoptText(name, text).catch((error: unknown) => error);
  expect(failure).toMatchObject({ reason: 'unsupported', message: expect.stringMatching(what) });
  expect((failure as { remedy?: string }).remedy).toMatch(/.+/);
  expect(await bench.storage.list()).toEqual(before);
});

test('a script cannot end the transaction of a restore in place', async () => {
  const connectionString = await server.makeDatabase(
    'in_place',
    'CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)',
  );
  const script = 'BEGIN;\nSELECT lo_create(4711);\nCOMMIT;\nCREATE TABLE new_one ();\nSELECT 1 / 0;\n';
  const restore = bench.engine.restore({
    backup: await adoptText('ends.sql', script),
    storage: bench.storage,
    serverUrl: server.adminUrl,
    database: server.name('in_place'),
    inPlace: true,
    allowUnproven: true,
  });
  await expect(restore).rejects.toMatchObject({ reason: 'restore-failed' });
  expect(await server.query(connectionString, 'SELECT a FROM kept')).toEqual([{ a: 7 }]);
});

test('a database in another encoding is backed up exactly, names included', async () => {
  const name = server.name('latin');
  await server.query(server.adminUrl, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
  const connectionString = server.url(name);
  await server.query(
    connectionString,
    `CREATE TABLE "é" ("ü" text DEFAULT 'ß'); INSERT INTO "é" VALUES ('ÿ'), (DEFAULT)`,
  );
  const native = openBench(server, { tools: { variables: process.env } });
  const backup = await native.create({ connectionString });
  expect((await native.engine.verify({ backup, level: 'exact' })).failure).toBeUndefined();
  native.close();
});
