import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKUP_FAILURES } from '@clearway/backups/failures';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { openBenchServer, type BenchServer } from '../../backups/test/support/bench.ts';
import { clearway, type Outcome } from './support/context.ts';
import type { CliContext } from '../src/index.ts';

const SCHEMA = `CREATE TABLE artists (id int PRIMARY KEY, name text UNIQUE);
  CREATE TABLE tracks (id int PRIMARY KEY, artist_id int REFERENCES artists, title text);
  INSERT INTO artists SELECT g, 'artist ' || g FROM generate_series(1, 3) AS g;
  INSERT INTO tracks SELECT g, 1 + g % 3, 'track ' || g FROM generate_series(1, 30) AS g`;

/** What a backup under way holds. */
const LOCK = `BEGIN; SELECT pg_advisory_xact_lock(x'436c7779'::int, hashtext('backup'))`;

let server: BenchServer;
let url: string;
let id: string;
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-backup-'));

const contextOf = (): Partial<CliContext> => ({
  directory,
  variables: { DATABASE_URL: url, BACKUP_DIR: 'kept', PATH: process.env['PATH'] },
});
const backup = (args: readonly string[], more: Partial<CliContext> = {}): Promise<Outcome> =>
  clearway(['backup', ...args], { ...contextOf(), ...more });
const json = async (args: readonly string[], more: Partial<CliContext> = {}): Promise<Record<string, unknown>> => {
  const outcome = await backup([...args, '--json'], more);
  return JSON.parse(outcome.out) as Record<string, unknown>;
};

beforeAll(async () => {
  server = await openBenchServer();
  url = await server.makeDatabase('shop', SCHEMA);
  id = (await json(['create']))['id'] as string;
  const verified = await backup(['verify', id]);
  expect(verified).toMatchObject({ code: 0, out: expect.stringMatching(/^exact .*\nexact passed in .*restored in/) });
});
afterAll(async () => {
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('clearway backup create, list and show', () => {
  test('say id, state, files, sizes and durations as JSON', async () => {
    const { backups } = (await json(['list'])) as { backups: Record<string, unknown>[] };
    expect(backups).toEqual([
      expect.objectContaining({
        id,
        state: 'exact',
        database: server.name('shop'),
        file: expect.stringContaining(path.join('kept', id, 'database.')),
        manifest: path.join(directory, 'kept', id, 'manifest.json'),
        sizeBytes: expect.any(Number),
        durationSeconds: expect.any(Number),
        restoreSeconds: expect.any(Number),
        tables: 2,
        rows: 33,
        encrypted: false,
      }),
    ]);
    expect(await json(['show', id])).toMatchObject({ id, state: 'exact', manifest: { id }, verifications: [{}, {}] });
  });

  test('say it for people, and show what a backup holds', async () => {
    expect((await backup(['list'])).out).toMatch(new RegExp(`ID +DATABASE +STATE.*\\n${id} +\\S+ +exact`));
    expect((await backup(['show'])).out).toMatch(/TABLE +ROWS\npublic\.artists +3\npublic\.tracks +30\n/);
    expect((await backup(['list', '--dir', 'nowhere'])).out).toContain('holds no backup. Make one');
    expect((await backup(['list', '--database', 'typo'])).out).toContain('holds no backup of typo. Make one');
  });

  test('count one table and one row as one', async () => {
    const single = await server.makeDatabase('single', 'CREATE TABLE a AS SELECT 1 AS b');
    const { out } = await backup(['create', '--database', single, '--dir', 'single']);
    expect(out).toMatch(/^decoded {2}\S+\n1 table, 1 row, /);
  });

  test('write an SQL script, and tell a terminal how far they are', async () => {
    const seen: string[] = [];
    const made = await json(['create', '--format', 'plain', '--compression', 'gzip', '--dir', 'plain'], {
      progress: (line) => seen.push(line),
    });
    expect(made).toMatchObject({ format: 'plain', compression: 'gzip', file: expect.stringMatching(/\.sql\.gz$/) });
    expect(seen.join('\n')).toMatch(/dumping: [^]*decoding: /);
  });
});

describe('clearway backup adopt', () => {
  test('takes over a dump that was made elsewhere', async () => {
    writeFileSync(path.join(directory, 'old.sql'), 'CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n');
    const adopted = await json(['adopt', 'old.sql', '--dir', 'adopted']);
    expect(adopted).toMatchObject({ state: 'decoded', purpose: 'adopted', tables: null, rows: null });
    expect(await backup(['verify', '--dir', 'adopted'])).toMatchObject({
      code: BACKUP_FAILURES['not-provable'].exitCode,
      error: expect.stringContaining('verify it with --level restore'),
    });
    expect(await backup(['diff', '--dir', 'adopted', '--database', url])).toMatchObject({
      code: BACKUP_FAILURES['not-found'].exitCode,
    });
  });

  test.each([
    ['a text', 'CREATE TABLE a (b int);\nno more than half a stat', /^error: .*no.dump cannot be taken over: /],
    ['an archive that is cut off', 'PGDMP\u0001\u000f', /cannot be taken over/],
    ['nothing', '', /cannot be taken over: it is empty/],
  ])('keeps nothing of what is no dump, and says what to name instead: %s', async (_, content, message) => {
    const file = path.join(directory, 'no.dump');
    writeFileSync(file, content);
    const place = mkdtempSync(path.join(directory, 'refused-'));
    const { code, error } = await backup(['adopt', file, '--dir', place]);
    expect([code, error]).toEqual([BACKUP_FAILURES.damaged.exitCode, expect.stringMatching(message)]);
    expect(error).toContain('\n  → name a script or a file in custom format');
    expect(readdirSync(place).filter((name) => name !== '.partial')).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(content);
  });
});

describe('clearway backup diff', () => {
  test('ends with 0 when nothing has changed, and with 1 and every change else', async () => {
    expect(await backup(['diff'])).toMatchObject({ code: 0, out: expect.stringContaining('2 tables are the same') });
    await server.query(
      url,
      `DELETE FROM tracks WHERE id = 30; UPDATE artists SET name = 'Ada' WHERE id = 1; CREATE TABLE "New" (a int);
       CREATE INDEX by_title ON tracks (title)`,
    );
    const changed = await backup(['diff']);
    expect(changed.code).toBe(1);
    expect(changed.out).toMatch(/public\.artists +content +3 +3/);
    expect(changed.out).toMatch(/public\.tracks +rows +30 +29 +-1/);
    expect(changed.out).toMatch(/public\.New +added/);
    expect(changed.out).toMatch(/added +index public\.by_title/);
    const later = (await json(['create']))['id'] as string;
    expect(await json(['diff', id, later])).toMatchObject({
      from: { name: id },
      to: { name: later },
      sameTables: 0,
      tables: [{ change: 'added' }, { change: 'content' }, { change: 'rows', rowsBefore: 30, rowsAfter: 29 }],
    });
    expect((await json(['diff', later, id]))['tables']).toMatchObject([{ change: 'removed' }, {}, {}]);
  });
});

describe('clearway backup drill', () => {
  test('restores from the storage alone, holds the time against the objective, and keeps a report', async () => {
    const nowhere = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/nothing', BACKUP_DIR: 'kept' };
    const drill = await backup(['drill', '--objective', '1h'], { variables: nowhere });
    expect(drill).toMatchObject({ code: 0, error: '' });
    expect(drill.out).toMatch(
      /^passed +storage .*\nskipped +key .*\npassed +restore .*\npassed +time .*may take 3600 s/,
    );
    const file = /^report: (.*)$/m.exec(drill.out)?.[1] ?? '';
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      outcome: 'passed',
      objectiveSeconds: 3600,
      rows: 32,
    });
    expect(await backup(['list'], { variables: nowhere })).toMatchObject({ code: 0 });
  });

  test('fails by a class of its own when the objective is missed, and says so in the report', async () => {
    const drill = await backup(['drill', '--objective', '0s', '--json']);
    expect(drill.code).toBe(BACKUP_FAILURES['objective-missed'].exitCode);
    expect(JSON.parse(drill.out)).toMatchObject({ outcome: 'failed', failure: { reason: 'objective-missed' } });
  });

  test('finds a lost key and a wrong one before the disaster does', async () => {
    const { out: recipient } = await backup(['new-key', 'key.txt']);
    await json(['create', '--dir', 'secret', '--encrypt', recipient]);
    const drill = (args: readonly string[]): Promise<Outcome> => backup(['drill', '--dir', 'secret', ...args]);
    expect(await drill([])).toMatchObject({
      code: BACKUP_FAILURES['key-missing'].exitCode,
      out: expect.stringMatching(/failed +key/),
    });
    await backup(['new-key', 'other.txt']);
    expect(await drill(['--identity', 'other.txt'])).toMatchObject({ code: BACKUP_FAILURES['key-wrong'].exitCode });
    expect(await drill(['--identity', 'gone.txt'])).toMatchObject({ code: BACKUP_FAILURES['key-missing'].exitCode });
  });
});

describe('clearway backup new-key', () => {
  test('makes a key for which the safety backup of a restore is encrypted too, whatever is restored', async () => {
    const { out: recipient } = await backup(['new-key', 'safety.txt']);
    const target = await server.makeDatabase('guarded', SCHEMA);
    const variables = { ...contextOf().variables, BACKUP_RECIPIENTS: recipient };
    const restored = await json(['restore', id, '--to', new URL(target).pathname.slice(1)], { variables });
    const files = readdirSync(path.join(directory, 'kept', String(restored['safetyBackupId'])));
    expect(files.filter((file) => /^(database|globals)/.test(file)).every((file) => file.endsWith('.age'))).toBe(true);
  });

  test('writes a private key for its owner alone, opens with it what is encrypted, and overwrites none', async () => {
    const { out: recipient } = await backup(['new-key', 'mine.txt']);
    expect(statSync(path.join(directory, 'mine.txt')).mode & 0o777).toBe(0o600);
    expect(await backup(['new-key', 'mine.txt'])).toMatchObject({
      code: 64,
      error: expect.stringContaining('mine.txt is there already'),
    });
    const made = await json(['create', '--dir', 'mine', '--encrypt', recipient]);
    expect(made).toMatchObject({ encrypted: true });
    const { verification } = (await json([
      'verify',
      '--level',
      'decode',
      '--dir',
      'mine',
      '--identity',
      'mine.txt',
    ])) as {
      verification: Record<string, unknown>;
    };
    expect(verification).toMatchObject({ outcome: 'passed', decodedBy: 'content' });
  });
});

describe('with a clearway.yaml', () => {
  test('copies go to every storage of the database, and each storage can be named', async () => {
    const configured = mkdtempSync(path.join(directory, 'configured-'));
    writeFileSync(
      path.join(configured, 'clearway.yaml'),
      `version: 1
databases: [{ id: music, url: env:MUSIC_URL }]
backupStorages: [{ id: attic, type: directory, path: attic }]
backups: [{ database: music, storage: [local, attic], compression: gzip }]\n`,
    );
    const more = {
      directory: configured,
      variables: { MUSIC_URL: url, BACKUP_DIR: 'kept', PATH: process.env['PATH'] },
    };
    const made = await json(['create', '--database', 'music'], more);
    expect(made).toMatchObject({ database: server.name('shop'), storage: 'local', state: 'decoded' });
    const { backups } = (await json(['list', '--database', 'music'], more)) as { backups: Record<string, unknown>[] };
    expect(backups.map(({ id: found, storage, state }) => [found, storage, state])).toEqual([
      [made['id'], 'local', 'decoded'],
      [made['id'], 'attic', 'decoded'],
    ]);
    expect(await json(['show', '--storage', 'attic', '--database', 'music'], more)).toMatchObject({
      file: expect.stringContaining(path.join(configured, 'attic')),
      manifest: { dump: { tool: expect.any(String) } },
    });
    expect(await backup(['list', '--storage', 'cellar'], more)).toMatchObject({
      code: 64,
      error: 'error: there is no storage cellar: name one of local, attic',
    });
    rmSync(path.join(configured, 'attic'), { recursive: true });
    writeFileSync(path.join(configured, 'attic'), 'a file where the storage was');
    const { code, out, error } = await backup(['list', '--json'], more);
    expect([code, error]).toEqual([
      13,
      expect.stringMatching(/^error: attic: .*attic is no folder \(storage-failed\)\n {2}→ /),
    ]);
    expect(JSON.parse(out)).toMatchObject({
      backups: [{ id: made['id'], storage: 'local' }],
      failures: [{ storage: 'attic', reason: 'storage-failed', remedy: expect.any(String) }],
    });
  });
});

describe('two at once', () => {
  let holder: pg.Client;
  beforeAll(async () => {
    holder = new pg.Client({ connectionString: url, application_name: 'the other one' });
    await holder.connect();
    await holder.query(LOCK);
  });
  afterAll(() => holder?.end());

  test('the second is refused by name, and leaves nothing behind', async () => {
    expect(await backup(['create', '--dir', 'busy'])).toMatchObject({
      code: BACKUP_FAILURES.locked.exitCode,
      error: expect.stringMatching(/another backup is under way: the other one from .*\(locked\)/),
    });
    expect((await json(['list', '--dir', 'busy']))['backups']).toEqual([]);
  });

  test('or waits, when it is told to', async () => {
    const seen: string[] = [];
    const progress = (line: string): void => {
      seen.push(line);
      if (line.includes('waiting')) void holder.query('ROLLBACK');
    };
    expect(await backup(['create', '--dir', 'busy', '--wait', '10m'], { progress })).toMatchObject({ code: 0 });
    expect(seen.join('\n')).toMatch(/waiting: another backup is under way: the other one/);
  });
});

describe('each class of failure', () => {
  test('has an exit status of its own, which the help names', async () => {
    const statuses = Object.values(BACKUP_FAILURES).map(({ exitCode }) => exitCode);
    expect(new Set(statuses).size).toBe(statuses.length);
    const { out } = await clearway(['backup', '--help']);
    for (const [reason, { exitCode }] of Object.entries(BACKUP_FAILURES))
      expect(out).toMatch(new RegExp(`^ +${exitCode} +${reason} `, 'm'));
  });

  test.each([
    ['not-found', ['show', '20261122T020000Z-tracks-3f9a1c']],
    ['not-found', ['verify', '--database', 'unknown']],
    ['unreachable', ['create', '--database', 'postgresql://nobody@127.0.0.1:9/nothing']],
    ['storage-failed', ['create', '--dir', 'old.sql/below']],
    ['wrong-database', ['create', '--system-identifier', '1']],
    ['key-wrong', ['create', '--encrypt', 'age1nonsense']],
    ['unsupported', ['restore', '--to', 'x', '--point-in-time', '2026-11-22T02:00:00Z']],
    ['preflight-refused', ['restore', 'latest', '--to', 'x', '--check', '--in-place']],
  ] as const)('%s: clearway backup %j', async (reason, args) => {
    const outcome = await backup([...args, '--json']);
    expect(outcome.code).toBe(BACKUP_FAILURES[reason].exitCode);
    if (outcome.error !== '') {
      expect(JSON.parse(outcome.out)).toMatchObject({ failure: { reason } });
      expect(outcome.error).toContain(`(${reason})`);
    }
  });

  test.each([
    [
      'nothing listens',
      () => 'postgresql://me:secret@127.0.0.1:9/shop',
      /^error: no connection to 127\.0\.0\.1:9\/shop: nothing listens there/,
      /start the server, or correct host and port/,
    ],
    [
      'a wrong password',
      () => url.replace(/:[^:@]+@/, ':secret@'),
      /no connection to \S+: password authentication failed/,
      /correct the password/,
    ],
    ['no password', () => url.replace(/:[^:@]+@/, '@'), /wants a password, and the URL has none/, /put the password/],
    [
      'no such database',
      () => server.url('nowhere'),
      /database "nowhere" does not exist/,
      /correct its name in the URL/,
    ],
  ])('unreachable says what to look at: %s', async (_, target, message, remedy) => {
    const ways = [
      ['create', '--database'],
      ['diff', id, '--database'],
      ['recover', 'tracks', '--key', '1', '--backup', id, '--database'],
    ];
    for (const way of ways) {
      const { code, error } = await backup([...way, target()]);
      expect([code, error]).toEqual([BACKUP_FAILURES.unreachable.exitCode, expect.stringMatching(message)]);
      expect(error).toMatch(new RegExp(`\\(unreachable\\)\\n {2}→ .*${remedy.source}`));
      expect(error).not.toContain('secret');
    }
  });

  test('damaged: a list with a manifest that cannot be read, which lists the others', async () => {
    const place = path.join(directory, 'torn');
    cpSync(path.join(directory, 'kept', id), path.join(place, id), { recursive: true });
    const [broken, other] = [id.replace(/.{6}$/, 'bad000'), id.replace(/Z-.*$/, 'Z-other-bad000')];
    for (const each of [broken, other]) {
      mkdirSync(path.join(place, each));
      writeFileSync(path.join(place, each, 'manifest.json'), '{');
    }
    const { code, out, error } = await backup(['list', '--dir', place]);
    expect([code, out.split('\n')[1]]).toEqual([BACKUP_FAILURES.damaged.exitCode, expect.stringContaining(id)]);
    expect(out).toContain(`unreadable  ${broken}: the manifest of ${broken} is no JSON`);
    expect(error).toMatch(new RegExp(`^error: 2 backups cannot be read: .*${broken}.* \\(damaged\\)\n  → `));
    const asJson = await backup(['list', '--dir', place, '--database', server.name('shop'), '--json']);
    expect(JSON.parse(asJson.out)).toMatchObject({
      backups: [{ id }],
      unreadable: [{ id: broken, storage: 'local', reason: 'damaged', problem: expect.stringContaining('no JSON') }],
      failures: [],
    });
    expect(asJson.code).toBe(BACKUP_FAILURES.damaged.exitCode);
  });

  test('damaged: a backup whose file ends too early', async () => {
    const made = await json(['create', '--dir', 'damaged']);
    truncateSync(made['file'] as string, 100);
    const outcome = await backup(['verify', '--level', 'decode', '--dir', 'damaged']);
    expect(outcome).toMatchObject({ code: BACKUP_FAILURES.damaged.exitCode, out: expect.stringMatching(/^damaged /) });
    const restored = await backup(['restore', 'latest', '--to', server.name('never'), '--dir', 'damaged']);
    expect(restored).toMatchObject({
      code: BACKUP_FAILURES['preflight-refused'].exitCode,
      error: expect.stringMatching(/ is damaged [^]*take another one: clearway backup list/),
    });
  });

  test('not there: the databases that there are backups of are named', async () => {
    expect(await backup(['show', '--database', 'typo'])).toMatchObject({
      code: BACKUP_FAILURES['not-found'].exitCode,
      error: expect.stringMatching(/holds no backup of typo[^]*it has some of shop_[^]*--dir or --storage/),
    });
  });

  test.each([
    [['create', '--format', 'tar'], '--format is tar: give one of custom, plain'],
    [['verify', '--level', 'all'], '--level is all: give one of decode, restore, exact'],
    [['create', '--database', 'env:NOT_SET'], 'the variable NOT_SET is not set'],
    [['restore', 'latest'], 'restore to which database? --to NAME'],
    [['drill', '--objective', 'soon'], 'soon is not a duration: write it like 90s, 30m or 2h'],
    [['drill', '--objective', '-5m'], '-5m is not a duration: write it like 90s, 30m or 2h'],
    [['verify', '--dir', ''], '--dir is empty'],
    [['prune', '--keep-days', '-1'], '--keep-days is -1: give a whole number up to 9999'],
    [
      ['create', '--database', 'postgresql://me:se@cret@host:99999/x'],
      'what was given is no URL of PostgreSQL: write postgresql://user:password@host:5432/database, and @ : / # in a password as %40 %3A %2F %23',
    ],
  ])('usage: clearway backup %j', async (args, message) => {
    expect(await backup(args)).toMatchObject({ code: 64, error: `error: ${message}` });
    const { code, out } = await backup([...args, '--json']);
    expect([code, JSON.parse(out)]).toEqual([64, { failure: { reason: 'usage', message, remedy: null } }]);
  });

  test.each(['../../x', '..%2fx', 'x y', '/etc', '20261122T020000Z-../x-3f9a1c'])(
    'what is no id leads to no file: %s',
    async (name) => {
      for (const args of [
        ['show', name],
        ['verify', name],
        ['restore', name, '--to', 'x'],
        ['diff', name, name],
      ])
        expect(await backup(args)).toMatchObject({
          code: 16,
          error: expect.stringContaining('is not the id of a backup'),
        });
    },
  );

  test('every command has examples in its help', async () => {
    const { out } = await clearway(['backup', '--help']);
    const commands = [...out.matchAll(/^ {2}([a-z-]+)(?: \[options\])/gm)].map(([, name = '']) => name);
    expect(commands).toEqual(
      expect.arrayContaining(['create', 'adopt', 'list', 'show', 'verify', 'restore', 'diff', 'recover', 'drill']),
    );
    for (const name of commands) expect((await clearway(['backup', name, '--help'])).out).toContain('Examples');
  });
});

describe('the program itself', () => {
  const start = (args: readonly string[]) =>
    spawn(process.execPath, [path.join(import.meta.dirname, '../bin/clearway.js'), 'backup', ...args], {
      cwd: directory,
      env: { ...process.env, DATABASE_URL: url, BACKUP_DIR: 'program' },
    });

  test('makes a backup, with nothing on standard output but the JSON', async () => {
    const child = start(['create', '--json']);
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ state: 'decoded' })]);
  });

  test('ends when it is told to, says so, and leaves no backup', async () => {
    const busy = new pg.Client({ connectionString: url });
    await busy.connect();
    await busy.query(LOCK);
    mkdirSync(path.join(directory, 'stopped'));
    const child = start(['create', '--wait', '1h', '--dir', 'stopped', '--json']);
    const errors = text(child.stderr);
    const until = Date.now() + 50_000;
    // it waits once somebody else than we asks for the lock
    for (let isThere = false; !isThere && Date.now() < until;) {
      const seen = await server.query(
        server.adminUrl,
        `SELECT FROM pg_stat_activity WHERE application_name = 'clearway-backup' AND datname = $1`,
        [server.name('shop')],
      );
      isThere = seen.length > 0;
    }
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number];
    await busy.end();
    expect([BACKUP_FAILURES.interrupted.exitCode, BACKUP_FAILURES.locked.exitCode]).toContain(code);
    expect(await errors).toMatch(/\((interrupted|locked)\)/);
    expect((await json(['list', '--dir', 'stopped']))['backups']).toEqual([]);
  });
});
