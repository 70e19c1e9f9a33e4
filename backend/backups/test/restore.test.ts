import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { listBackups, type RestoreRequest, type StoredBackup } from '../src/index.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';

let server: BenchServer;
let bench: Bench;
let source: string;
let backup: StoredBackup;

const SCHEMA = `CREATE TABLE tracks (id int PRIMARY KEY, title text);
  INSERT INTO tracks SELECT g, 'track ' || g FROM generate_series(1, 500) AS g`;

beforeAll(async () => {
  server = await openBenchServer();
  bench = openBench(server);
  source = await server.makeDatabase('source', SCHEMA);
  const made = await bench.create({ connectionString: source });
  backup = (await bench.engine.verify({ backup: made, level: 'exact' })).backup;
});
afterAll(async () => {
  await server.close();
  bench.close();
});

const restore = (to: string, request: Partial<RestoreRequest> = {}) =>
  bench.engine.restore({
    backup,
    serverUrl: server.adminUrl,
    database: server.name(to),
    storage: bench.storage,
    ...request,
  });
const titleOf = async (database: string): Promise<string | undefined> =>
  (await server.query<{ title: string }>(server.url(database), 'SELECT title FROM tracks WHERE id = 7'))[0]?.title;
const databases = async (like: string): Promise<string[]> => {
  const sql = 'SELECT datname AS name FROM pg_database WHERE datname LIKE $1 ORDER BY 1';
  return (await server.query<{ name: string }>(server.adminUrl, sql, [`${server.name(like)}%`])).map(
    ({ name }) => name,
  );
};

describe('a restore', () => {
  test('to a new name is compared and stands there', async () => {
    const name = 'fr/é s+h@&%';
    const result = await restore(name);
    expect(result).toMatchObject({ isExact: true, isSwapped: true, oldDatabase: null, safetyBackupId: null });
    expect(await titleOf(server.name(name))).toBe('track 7');
    expect(result.checks.map(({ name }) => name)).toEqual([
      'backup',
      'key',
      'version',
      'extensions',
      'roles',
      'rights',
      'space',
    ]);
  });

  test('to a name that is taken backs up what is there, tells its connections to go, and keeps it until confirmed', async () => {
    const url = await server.makeDatabase('taken', `${SCHEMA}; UPDATE tracks SET title = 'live' WHERE id = 7`);
    const live = new pg.Client({ connectionString: url });
    // it says so twice: what the server told it, and that the connection is gone
    const told = new Promise<Error>((resolve) => live.on('error', resolve));
    await live.connect();
    const result = await restore('taken');
    expect((await told).message).toMatch(/terminating connection|terminated unexpectedly/);
    expect(await titleOf(server.name('taken'))).toBe('track 7');
    expect(await titleOf(result.oldDatabase ?? '')).toBe('live');
    const safety = (await listBackups(bench.storage)).backups.find(({ id }) => id === result.safetyBackupId);
    expect(safety).toMatchObject({ manifest: { purpose: 'safety' }, verifications: { state: 'decoded' } });
    await bench.engine.undo({ serverUrl: server.adminUrl, id: result.id });
    expect(await titleOf(server.name('taken'))).toBe('live');
    await expect(bench.engine.confirm({ serverUrl: server.adminUrl, id: result.id })).rejects.toMatchObject({
      reason: 'unsupported',
    });
    writeFileSync(path.join(bench.directory, 'restores', 'half.json'), '{');
    const again = await restore('taken');
    const confirmed = await bench.engine.confirm({ serverUrl: server.adminUrl, id: again.id });
    expect(confirmed.step).toBe('confirmed');
    expect(await databases('taken_before')).toEqual([]);
    expect(await titleOf(server.name('taken'))).toBe('track 7');
  });

  test('in place empties and fills the database in one transaction', async () => {
    const url = await server.makeDatabase(
      'place',
      'CREATE TABLE tracks (id int); CREATE TABLE other (a int); CREATE SCHEMA s',
    );
    const result = await restore('place', { inPlace: true });
    expect(result).toMatchObject({ isExact: true, oldDatabase: null, safetyBackupId: expect.any(String) });
    const tables = await server.query(
      url,
      "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    );
    expect(tables).toEqual([{ relname: 'tracks' }]);
  });

  test('in place without a safety copy is refused, and nothing is changed', async () => {
    const role = server.name('weak');
    const url = await server.makeDatabase(
      'guarded',
      "CREATE TABLE tracks (id int, title text); INSERT INTO tracks VALUES (7, 'live')",
    );
    await server.query(
      url,
      `CREATE ROLE ${role} LOGIN PASSWORD 'weak' CREATEDB; ALTER DATABASE ${server.name('guarded')} OWNER TO ${role}`,
    );
    const weak = new URL(server.adminUrl);
    weak.username = role;
    weak.password = 'weak';
    // it owns the database and may not read its table: no safety backup can be made
    await expect(
      restore('guarded', { inPlace: true, serverUrl: weak.toString(), withoutOwners: true }),
    ).rejects.toMatchObject({
      reason: 'safety-failed',
    });
    expect(await titleOf(server.name('guarded'))).toBe('live');
  });

  test('to a point in time is refused with the reason', async () => {
    await expect(restore('past', { pointInTime: '2026-11-22T02:00:00Z' })).rejects.toMatchObject({
      reason: 'unsupported',
      message: expect.stringMatching(/point in time/),
    });
    expect(await databases('past')).toEqual([]);
  });
});

describe('a restore that fails leaves what is there as it was', () => {
  /** The usual backup, but its file is not what it should be. */
  const damaged = (): StoredBackup => {
    const [dump, ...rest] = backup.manifest.files;
    if (!dump) throw new Error('a backup has a dump');
    return { ...backup, manifest: { ...backup.manifest, files: [{ ...dump, sha256: '0'.repeat(64) }, ...rest] } };
  };
  /** The usual backup, but its manifest expects something else. */
  const different = (): StoredBackup => {
    const { content } = backup.manifest;
    if (!content) throw new Error('a backup of ours has a content');
    const tables = content.tables.map((table) => ({ ...table, checksum: '1' }));
    return { ...backup, manifest: { ...backup.manifest, content: { ...content, tables } } };
  };

  test.each([
    { what: 'a damaged file', make: damaged, inPlace: false, reason: 'damaged' },
    { what: 'a damaged file, in place', make: damaged, inPlace: true, reason: 'damaged' },
    { what: 'other content', make: different, inPlace: false, reason: 'different' },
    { what: 'other content, in place', make: different, inPlace: true, reason: 'different' },
  ])('after $what', async ({ what, make, inPlace, reason }) => {
    const name = `kept_${what.replaceAll(/\W+/g, '_')}`;
    await server.makeDatabase(name, `${SCHEMA}; UPDATE tracks SET title = 'live' WHERE id = 7`);
    await expect(restore(name, { backup: make(), inPlace })).rejects.toMatchObject({ reason });
    expect(await titleOf(server.name(name))).toBe('live');
    expect(await databases(`${name}_`)).toEqual([]);
    const journals = await bench.engine.restores();
    expect(journals.at(-1)).toMatchObject({ step: 'failed', failure: { reason } });
  });

  test('when a connection does not go, whatever was restored goes instead', async () => {
    const role = server.name('owner');
    const url = await server.makeDatabase('held', `${SCHEMA}; UPDATE tracks SET title = 'live' WHERE id = 7`);
    await server.query(
      url,
      `CREATE ROLE ${role} LOGIN PASSWORD 'weak' CREATEDB; ALTER DATABASE ${server.name('held')} OWNER TO ${role};
       ALTER TABLE tracks OWNER TO ${role}`,
    );
    const serverUrl = Object.assign(new URL(server.adminUrl), { username: role, password: 'weak' }).toString();
    // of a role with more rights: the one that restores may not end it
    const holding = new pg.Client({ connectionString: url });
    await holding.connect();
    try {
      const restoring = restore('held', { serverUrl, withoutOwners: true });
      await expect(restoring).rejects.toMatchObject({ reason: 'swap-refused' });
    } finally {
      await holding.end();
    }
    expect(await titleOf(server.name('held'))).toBe('live');
    expect(await databases('held_')).toEqual([]);
    expect((await bench.engine.restores()).at(-1)).toMatchObject({ step: 'failed' });
  });
});

describe('a restore that was swapped', () => {
  test('and undone by a process that was killed then, is known as undone, and nothing of it is confirmed', async () => {
    await server.makeDatabase('twice', SCHEMA);
    const { id } = await restore('twice');
    const settle = { serverUrl: server.adminUrl, id };
    const file = path.join(bench.directory, 'restores', `${id}.json`);
    const journal = readFileSync(file, 'utf8');
    await bench.engine.undo(settle);
    writeFileSync(file, journal);
    // as on a server that has neither of both databases
    await expect(bench.engine.confirm(settle)).rejects.toMatchObject({ reason: 'not-found' });
    expect(await bench.engine.undo(settle)).toMatchObject({ step: 'undone' });
    expect(await databases('twice')).toHaveLength(2);
  });
});

describe('before anything is changed', () => {
  test.each(['', 'template1', 'é'.repeat(32)])(
    "a name that would be another one is refused: '%s'",
    async (database) => {
      await expect(restore('', { database })).rejects.toMatchObject({ reason: 'preflight-refused' });
    },
  );

  const refused = async (request: Partial<RestoreRequest>, message: RegExp): Promise<void> => {
    await expect(restore('nowhere', request)).rejects.toMatchObject({
      reason: 'preflight-refused',
      message: expect.stringMatching(message),
    });
    expect(await databases('nowhere')).toEqual([]);
  };

  test('a backup that nobody has restored is refused unless it is asked for', async () => {
    const unproven = { ...backup, verifications: { ...backup.verifications, state: 'decoded' as const } };
    await refused({ backup: unproven }, /only decoded/);
    await expect(restore('anyway', { backup: unproven, allowUnproven: true })).resolves.toMatchObject({
      isExact: true,
    });
  });

  test.each([
    ['a newer version', { versionNumber: 990_000, version: '99.0' }, /dumped from 99/],
    ['an extension', { extensions: [{ name: 'no_such_thing', version: '1', schema: 'public' }] }, /no_such_thing/],
    ['more space than there is', { sizeBytes: 2 ** 52 }, /space: about 5.9 PB is needed, /],
  ])('%s is missed', async (_what, facts, message) => {
    const { source: known } = backup.manifest;
    if (!known) throw new Error('a backup of ours names its source');
    await refused({ backup: { ...backup, manifest: { ...backup.manifest, source: { ...known, ...facts } } } }, message);
  });

  test('roles are missed, and made when that is asked for, without a password', async () => {
    const role = server.name('missing');
    const needed = { name: role, isUsed: true, attributes: ['LOGIN'], memberOf: [], settings: [] };
    const withRole = { ...backup, manifest: { ...backup.manifest, roles: [...backup.manifest.roles, needed] } };
    await refused({ backup: withRole }, new RegExp(role));
    await restore('with_roles', { backup: withRole, makeRoles: true });
    const sql = 'SELECT rolpassword FROM pg_authid WHERE rolname = $1';
    expect(await server.query(server.adminUrl, sql, [role])).toEqual([{ rolpassword: null }]);
  });

  test('a key that does not fit is found', async () => {
    const [right, wrong] = [await generateIdentity(), await generateIdentity()];
    const secret = await bench.create({ connectionString: source, recipients: [await identityToRecipient(right)] });
    await refused({ backup: secret, allowUnproven: true, identities: [wrong] }, /none of the identities/);
    await refused({ backup: secret, allowUnproven: true }, /no identity was given/);
    await expect(
      restore('opened', { backup: secret, allowUnproven: true, identities: [right] }),
    ).resolves.toMatchObject({ isExact: true });
  });
});

test('what is said and kept of an encrypted backup that cannot be restored repeats no row of it', async () => {
  const orphan = 'CREATE TABLE a (k text PRIMARY KEY); CREATE TABLE b (k text CONSTRAINT of_a REFERENCES a)';
  const write = `SET session_replication_role = replica; INSERT INTO b VALUES ('a-private-value')`;
  const connectionString = await server.makeDatabase('orphan', `${orphan}; ${write}`);
  const key = await generateIdentity();
  const made = await bench.create({ connectionString, recipients: [await identityToRecipient(key)] });
  const { failure, backup: tried } = await bench.engine.verify({ backup: made, level: 'exact', identities: [key] });
  expect(failure).toMatchObject({ reason: 'restore-failed', message: expect.stringMatching(/23503.*of_a/) as unknown });
  expect(tried.verifications.state).toBe('damaged');
  const restoring = restore('orphaned', { backup: made, allowUnproven: true, identities: [key] });
  await expect(restoring).rejects.toThrow(/^(?!.*a-private-value)/);
  const kept = ['restores', made.id].flatMap((folder) =>
    readdirSync(path.join(bench.directory, folder)).map((file) => path.join(bench.directory, folder, file)),
  );
  for (const file of kept) expect(readFileSync(file, 'latin1')).not.toContain('a-private-value');
});

describe('a dump that was made elsewhere', () => {
  const folder = (): string => path.join(bench.directory, 'elsewhere');

  test('is adopted and reaches restored, with roles that nobody listed; exact it cannot be', async () => {
    mkdirSync(folder());
    const file = path.join(folder(), 'nightly.sql');
    writeFileSync(
      file,
      `CREATE TABLE t (a int);\nALTER TABLE t OWNER TO ${server.name('nobody')};\nINSERT INTO t VALUES (1);\n`,
    );
    const adopted = await bench.engine.adopt({ file, storage: bench.storage });
    expect(adopted).toMatchObject({
      manifest: { purpose: 'adopted', content: null },
      verifications: { state: 'decoded' },
    });
    const restored = await bench.engine.verify({ backup: adopted, level: 'restore' });
    expect(restored).toMatchObject({ failure: undefined, backup: { verifications: { state: 'restored' } } });
    const exact = await bench.engine.verify({ backup: restored.backup, level: 'exact' });
    expect(exact).toMatchObject({
      failure: { reason: 'not-provable' },
      backup: { verifications: { state: 'restored' } },
    });
    rmSync(folder(), { recursive: true });
  });

  test('is refused when it is empty or cut off', async () => {
    const file = path.join(bench.directory, 'empty.sql');
    for (const text of ['', 'CREATE TABLE t (a int']) {
      writeFileSync(file, text);
      await expect(bench.engine.adopt({ file, storage: bench.storage })).rejects.toMatchObject({ reason: 'damaged' });
    }
    rmSync(file);
    expect(readdirSync(path.join(bench.directory, '.partial'))).toEqual([]);
  });
});
