import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKUP_FAILURES } from '@clearway/backups/failures';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { openBenchServer, type BenchServer } from '../../backups/test/support/bench.ts';
import { NotAnswered } from '../src/exit-codes.ts';
import type { CliContext } from '../src/index.ts';
import { clearway, type Outcome } from './support/context.ts';

let server: BenchServer;
let url: string;
let id: string;
let live: string;
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-restore-'));

const backup = (args: readonly string[], more: Partial<CliContext> = {}): Promise<Outcome> =>
  clearway(['backup', ...args], { directory, variables: { DATABASE_URL: url, BACKUP_DIR: 'kept' }, ...more });
const restore = (args: readonly string[], more: Partial<CliContext> = {}): Promise<Outcome> =>
  backup(['restore', ...args], more);
const titleIn = async (database: string): Promise<unknown> =>
  (await server.query(server.url(database), 'SELECT title FROM tracks WHERE id = 7'))[0]?.['title'];
/** Answers the questions in turn, and keeps them. */
const answering = (...answers: string[]) => {
  const questions: string[] = [];
  return {
    questions,
    ask: (question: string): Promise<string> => {
      questions.push(question);
      return Promise.resolve(answers.shift() ?? '');
    },
  };
};
const idOf = (out: string): string => /\d{8}T\d{6}Z-restore-[0-9a-f]{6}/.exec(out)?.[0] ?? '';

beforeAll(async () => {
  server = await openBenchServer();
  live = server.name('shop');
  url = await server.makeDatabase(
    'shop',
    `CREATE TABLE tracks (id int PRIMARY KEY, title text);
     INSERT INTO tracks SELECT g, 'track ' || g FROM generate_series(1, 50) AS g`,
  );
  id = (JSON.parse((await backup(['create', '--json'])).out) as { id: string }).id;
  await server.query(url, `UPDATE tracks SET title = 'live' WHERE id = 7`);
});
afterAll(async () => {
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('clearway backup restore', () => {
  test('refuses a backup that nobody has restored, before it touches anything', async () => {
    expect(await restore([id, '--to', live])).toMatchObject({
      code: BACKUP_FAILURES['preflight-refused'].exitCode,
      error: expect.stringMatching(/is only decoded[^]*clearway backup verify/),
    });
    expect(await titleIn(live)).toBe('live');
    expect(await backup(['verify', id])).toMatchObject({ code: 0 });
  });

  test('looks at everything that it needs when it is only asked to check', async () => {
    const { code, out } = await restore(['latest', '--to', live, '--check']);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ +/).slice(0, 2).join(' '))).toEqual(
      ['backup', 'key', 'version', 'extensions', 'roles', 'rights', 'space'].map((name) => `ok ${name}`),
    );
    expect(await titleIn(live)).toBe('live');
  });

  test('puts it in the place of what is there, tells connections to go, and keeps the old one until confirmed', async () => {
    const connected = new pg.Client({ connectionString: url });
    const told = new Promise((resolve) => connected.once('error', resolve));
    connected.on('error', () => {});
    await connected.connect();
    const { code, out } = await restore([id, '--to', live]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^restored .* equal to its manifest in every table\nwhat was there before: backup .*\n.* is kept as /,
    );
    await told;
    expect(await titleIn(live)).toBe('track 7');
    const old = /is kept as (\S+)/.exec(out)?.[1] ?? '';
    expect(await titleIn(old)).toBe('live');
    expect((await restore(['--list'])).out).toMatch(new RegExp(`${idOf(out)} +swapped .* ${old} is kept until`));
    expect(await restore(['--undo', idOf(out)])).toMatchObject({ code: 0, out: expect.stringContaining('is undone') });
    expect(await titleIn(live)).toBe('live');
    const again = JSON.parse((await restore([id, '--to', live, '--json'])).out) as { id: string; oldDatabase: string };
    expect(await restore(['--confirm', again.id])).toMatchObject({
      code: 0,
      out: `${again.id} is confirmed: ${again.oldDatabase} was removed`,
    });
    expect(await restore(['--confirm', again.id])).toMatchObject({ code: BACKUP_FAILURES.unsupported.exitCode });
  });

  test('without arguments asks which one, shows what it holds, and has the name typed', async () => {
    const name = server.name('asked');
    const person = answering('7', id, name, name);
    const { code, out, error } = await restore([], person);
    expect(code).toBe(0);
    expect(error).toContain('there is no 7: a number from 1 to');
    expect(out).toMatch(/ID +DATABASE +STATE[^]*public\.tracks +50[^]*restored /);
    expect(person.questions.at(-1)).toMatch(/Type the name of the database to go on/);
    expect(await titleIn(name)).toBe('track 7');
  });

  test('asks nobody when it is to print JSON, which is all that it prints', async () => {
    const person = answering(id, live, live);
    const { code, out } = await restore(['--json'], person);
    expect([code, person.questions, JSON.parse(out)]).toEqual([
      64,
      [],
      { failure: expect.objectContaining({ reason: 'usage' }) },
    ]);
  });

  test('changes nothing when the name is typed wrong', async () => {
    await server.query(url, `UPDATE tracks SET title = 'mine' WHERE id = 7`);
    expect(await restore([], answering(id, live, 'yes'))).toMatchObject({
      code: 1,
      out: expect.stringMatching(/nothing was changed$/),
    });
    expect(await restore([id, '--to', live, '--in-place'], answering('no'))).toMatchObject({ code: 1 });
    const left = { ask: () => Promise.reject(new NotAnswered()) };
    expect(await restore([], left)).toMatchObject({
      code: 1,
      error: 'error: the question was not answered: nothing was changed',
    });
    expect(await titleIn(live)).toBe('mine');
  });

  test('in place empties and fills the database, with a safety backup', async () => {
    const { code, out } = await restore([id, '--to', live, '--in-place']);
    expect([code, out]).toEqual([0, expect.stringMatching(/what was there before: backup/)]);
    expect(await titleIn(live)).toBe('track 7');
  });

  test('gives out the new name with the line to change where databases cannot be renamed', async () => {
    const role = server.name('guest');
    await server.query(
      server.adminUrl,
      `CREATE ROLE ${role} LOGIN CREATEDB PASSWORD 'guest'; GRANT pg_read_all_data TO ${role}`,
    );
    const guest = new URL(server.adminUrl);
    guest.username = role;
    guest.password = 'guest';
    const { code, out } = await restore([id, '--to', live, '--no-owners', '--server', 'env:GUEST_URL'], {
      variables: { DATABASE_URL: url, BACKUP_DIR: 'kept', GUEST_URL: guest.toString() },
    });
    expect(code).toBe(0);
    const name = /change the database in DATABASE_URL to (\S+) /.exec(out)?.[1] ?? '';
    expect(await titleIn(name)).toBe('track 7');
    expect((await restore(['--list'])).out).toMatch(/beside/);
  });

  test('waits for another restore of the database, or is refused by name', async () => {
    const other = new pg.Client({ connectionString: server.url('postgres'), application_name: 'the other one' });
    await other.connect();
    await other.query(
      `BEGIN; SELECT pg_advisory_xact_lock(x'436c7779'::int, hashtext('restore of ${server.name('busy')}'))`,
    );
    expect(await restore([id, '--to', server.name('busy')])).toMatchObject({
      code: BACKUP_FAILURES.locked.exitCode,
      error: expect.stringMatching(/another restore of .* is under way: the other one/),
    });
    const progress = (line: string): void => void (line.includes('waiting') && other.end());
    expect(await restore([id, '--to', server.name('busy'), '--wait', '10m'], { progress })).toMatchObject({ code: 0 });
  });
});
