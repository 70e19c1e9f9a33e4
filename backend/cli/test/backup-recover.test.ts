import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BACKUP_FAILURES } from '@clearway/backups/failures';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openBenchServer, type BenchServer } from '../../backups/test/support/bench.ts';
import type { CliContext } from '../src/index.ts';
import { clearway, type Outcome } from './support/context.ts';

const SCHEMA = String.raw`
  CREATE TABLE artists (id int PRIMARY KEY, name text UNIQUE, mentor int REFERENCES artists);
  CREATE TABLE tracks (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, artist_id int NOT NULL REFERENCES artists,
    title text, tags text[], length numeric(8,2), shout text GENERATED ALWAYS AS (upper(title)) STORED);
  CREATE TABLE entries (playlist int, place int, note text, PRIMARY KEY (playlist, place));
  CREATE TABLE plays (at date, track int, PRIMARY KEY (at, track)) PARTITION BY RANGE (at);
  CREATE TABLE plays_old PARTITION OF plays FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
  CREATE TABLE plays_new PARTITION OF plays FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');
  CREATE TABLE loose (a int, b text);
  CREATE TABLE tickets (code text, place int NOT NULL, note text, UNIQUE (place) INCLUDE (note), UNIQUE (code));
  CREATE SEQUENCE down INCREMENT -1;
  CREATE TABLE debts (id bigint PRIMARY KEY DEFAULT nextval('down'), serial bigserial, who text);
  CREATE TABLE "Order" ("Id" uuid PRIMARY KEY, "weird,""name" text);
  INSERT INTO artists SELECT g, 'artist ' || g, nullif(g - 1, 0) FROM generate_series(1, 4) AS g;
  INSERT INTO tracks (artist_id, title, tags, length) SELECT 1 + g % 4, E'a\tb\\c "' || g, ARRAY['x', NULL, 'y,z'], g / 7.0
    FROM generate_series(1, 40) AS g;
  INSERT INTO entries SELECT p, q, 'n, ' || p FROM generate_series(1, 3) AS p, generate_series(1, 3) AS q;
  INSERT INTO plays VALUES ('2025-05-05', 1), ('2026-05-05', 1), ('2026-05-05', 2);
  INSERT INTO loose VALUES (1, 'x'), (1, 'x'), (1, NULL), (1, 'x'), (1, NULL), (2, 'y');
  INSERT INTO tickets SELECT 'T' || g, g, 'note' FROM generate_series(1, 3) AS g;
  INSERT INTO debts (who) SELECT 'debtor ' || g FROM generate_series(1, 5) AS g;
  INSERT INTO "Order" VALUES ('0190a0b0-0000-7000-8000-00000000000a', 'first')`;

let server: BenchServer;
let url: string;
let expected: string;
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-recover-'));

const backup = (args: readonly string[], more: Partial<CliContext> = {}): Promise<Outcome> =>
  clearway(['backup', ...args], { directory, variables: { DATABASE_URL: url, BACKUP_DIR: 'kept' }, ...more });
const recover = (args: readonly string[], more: Partial<CliContext> = {}): Promise<Outcome> =>
  backup(['recover', ...args], more);
const sql = (text: string) => server.query<Record<string, unknown>>(url, text);

/** Everything that the database holds, as one text. */
const content = async (): Promise<string> => {
  const tables = ['artists', 'tracks', 'entries', 'plays', 'loose', 'tickets', 'debts', '"Order"'];
  const rows = await Promise.all(tables.map((table) => sql(`SELECT t::text FROM ${table} t ORDER BY 1`)));
  return JSON.stringify(rows);
};

beforeAll(async () => {
  server = await openBenchServer();
  url = await server.makeDatabase('shop', SCHEMA);
  expected = await content();
  expect(await backup(['create'])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('clearway backup recover', () => {
  test('takes nothing out of a backup that is not exact, unless it is named', async () => {
    expect(await recover(['tracks', '--key', '1'])).toMatchObject({
      code: BACKUP_FAILURES['not-found'].exitCode,
      error: expect.stringMatching(/no backup of .* is exact[^]*clearway backup verify/),
    });
    expect(await backup(['verify'])).toMatchObject({ code: 0 });
    expect(await recover(['tracks', '--key', '1'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/same +1 +2 /),
    });
  });

  describe('brings back to the last byte', () => {
    afterEach(async () => expect(await content()).toBe(expected));

    test.each([
      [
        'a row, with an identity and a generated column',
        'DELETE FROM tracks WHERE id = 17',
        ['tracks', '--key', '0017'],
      ],
      ['several rows', 'DELETE FROM tracks WHERE id IN (3, 4)', ['tracks', '--key', '3', '--key', 'id=4']],
      ['all rows with a value', 'DELETE FROM tracks WHERE artist_id = 3', ['tracks', '--key', 'artist_id=3']],
      ['a row of two keys', 'DELETE FROM entries WHERE playlist = 2', ['public.entries', '-k', 'playlist=2']],
      ['one of them', 'DELETE FROM entries WHERE playlist = 2 AND place = 3', ['entries', '-k', 'place=3,playlist=2']],
      ['a value with a comma', `DELETE FROM entries WHERE note = 'n, 1'`, ['entries', '--key', 'note=n, 1']],
      ['rows of partitions', 'DELETE FROM plays', ['plays', '--key', 'at=2025-05-05', '--key', 'at=2026-05-05']],
      ['a row of a table with a unique key alone', 'DELETE FROM tickets WHERE place = 2', ['tickets', '--key', '2']],
      [
        'just those of equal rows that are missing, of a table without a key',
        `DELETE FROM loose WHERE b IS NULL OR ctid IN (SELECT ctid FROM loose WHERE b = 'x' LIMIT 2)`,
        ['loose', '--key', 'a=1'],
      ],
      ['names in capitals', 'DELETE FROM "Order"', ['Order', '-k', '0190A0B0-0000-7000-8000-00000000000A']],
      [
        'what the rows refer to, and what that refers to',
        'DELETE FROM tracks WHERE artist_id IN (3, 4); DELETE FROM artists WHERE id IN (3, 4)',
        ['tracks', '--key', 'artist_id=3', 'artist_id=4', '--with-references'],
      ],
      ['changed rows', `UPDATE tracks SET title = NULL WHERE id < 4`, ['tracks', '-k', '1', '2', '3', '--overwrite']],
    ])('%s', async (_, loss, args) => {
      await sql(loss);
      const outcome = await recover([...args, '--yes']);
      expect(outcome).toMatchObject({ code: 0, out: expect.stringMatching(/written .* in one transaction$/) });
    });

    test('and shows it first, and writes only when somebody agrees', async () => {
      await sql('DELETE FROM entries WHERE playlist = 1');
      const questions: string[] = [];
      const answer = (text: string) => ({
        ask: (question: string) => {
          questions.push(question);
          return Promise.resolve(text);
        },
      });
      const shown = /entries: 3 rows\nSTATE +playlist +place +note\nmissing +1 +1 +n, 1\n[^]*nothing was written/;
      expect(await recover(['entries', '-k', 'playlist=1'], answer('no'))).toMatchObject({
        code: 0,
        out: expect.stringMatching(shown),
      });
      expect((await recover(['entries', '-k', 'playlist=1'])).out).toContain(
        'nothing was written: write it with --yes',
      );
      const asJson = await recover(['entries', '-k', 'playlist=1', '--json'], answer('yes'));
      expect(JSON.parse(asJson.out)).toMatchObject({ written: null, write: { inserted: 3, updated: 0 } });
      expect(questions).toHaveLength(1);
      expect(await sql('SELECT FROM entries WHERE playlist = 1')).toEqual([]);
      expect((await recover(['entries', '-k', 'playlist=1'], answer('yes'))).out).toContain('3 rows were missing');
    });

    test('and says how rows without a key are compared, and writes none twice', async () => {
      await sql(`DELETE FROM loose WHERE ctid = (SELECT ctid FROM loose WHERE b = 'x' LIMIT 1)`);
      const shown = await recover(['loose', '-k', 'a=1', '--json']);
      const statuses = (JSON.parse(shown.out) as { tables: { rows: { status: string }[] }[] }).tables[0]?.rows;
      expect(statuses?.map(({ status }) => status)).toEqual(['same', 'same', 'same', 'missing', 'same']);
      expect((await recover(['loose', '-k', 'a=1', '--yes'])).out).toMatch(/no key: a row is written only where/);
      expect((await recover(['loose', '-k', 'a=1', '--yes', '--overwrite'])).out).toMatch(/nothing to write, all rows/);
    });

    test('and leaves rows that have changed alone, unless it may write over them', async () => {
      await sql(`UPDATE entries SET note = 'mine' WHERE playlist = 1 AND place = 1`);
      const outcome = await recover(['entries', '-k', 'playlist=1,place=1', '--yes']);
      expect(outcome.out).toMatch(/changed +1 +1 +n, 1 \(now mine\)[^]*nothing to write: write over .* --overwrite/);
      await recover(['entries', '-k', 'playlist=1,place=1', '--yes', '--overwrite']);
    });
  });

  describe('moves the sequences of the rows', () => {
    const last = async (sequence: string) => (await sql(`SELECT last_value, is_called FROM ${sequence}`))[0];

    test('forward, so that the next row gets a new value, and shows it before', async () => {
      await sql(`DELETE FROM tracks WHERE id > 35; SELECT setval('tracks_id_seq', 10);
        DELETE FROM debts; SELECT setval('down', -1, false), setval('debts_serial_seq', 5, false)`);
      const shown = await recover(['tracks', '--key', '38', '--key', '40']);
      expect(shown.out).toContain('sequence public.tracks_id_seq is moved from 10 to 40\n');
      expect(await last('tracks_id_seq')).toEqual({ last_value: '10', is_called: true });
      await recover(['tracks', '--key', '38', '--key', '40', '--yes']);
      expect(await sql('INSERT INTO tracks (artist_id) VALUES (1) RETURNING id')).toEqual([{ id: 41 }]);
      const down = await recover(['debts', '-k', '-4', '-k', '-5', '-k', '-1', '--yes', '--json']);
      const moves = (JSON.parse(down.out) as { sequences: { name: string; from: string | null; to: string }[] })
        .sequences;
      expect(moves.map(({ name, from, to }) => [name, from, to])).toEqual([
        ['down', null, '-5'],
        ['debts_serial_seq', null, '5'],
      ]);
      expect(await sql('INSERT INTO debts (who) VALUES (NULL) RETURNING id, serial')).toEqual([
        { id: '-6', serial: '6' },
      ]);
    });

    test('and never back', async () => {
      await sql(`DELETE FROM tracks WHERE id = 20; SELECT setval('tracks_id_seq', 100)`);
      const outcome = await recover(['tracks', '--key', '20', '--yes']);
      expect(outcome.out).not.toContain('sequence');
      expect(await last('tracks_id_seq')).toEqual({ last_value: '100', is_called: true });
    });

    afterAll(async () => {
      await sql('DELETE FROM debts WHERE id = -6; DELETE FROM tracks WHERE id > 40');
      await recover(['debts', '-k', 'id=-2', 'id=-3', '--yes']);
      await recover(['tracks', '-k', '36', '37', '39', '--yes']);
      expect(await content()).toBe(expected);
    });
  });

  describe('is refused whole, with the reason', () => {
    afterEach(async () => {
      await sql('DELETE FROM tracks WHERE id > 40; DELETE FROM artists WHERE id > 4');
    });

    test('when what the rows refer to is missing', async () => {
      await sql('DELETE FROM tracks WHERE artist_id = 4; DELETE FROM artists WHERE id = 4');
      const outcome = await recover(['tracks', '-k', 'artist_id=4', '--yes']);
      expect(outcome).toMatchObject({
        code: BACKUP_FAILURES.conflict.exitCode,
        out: expect.stringMatching(/missing +3 +4/),
        error: expect.stringMatching(/Key \(artist_id\)=\(4\) is not present in table "artists"[^]*--with-references/),
      });
      expect(await sql('SELECT FROM tracks WHERE artist_id = 4')).toEqual([]);
      await recover(['tracks', '-k', 'artist_id=4', '--yes', '--with-references']);
    });

    test('when another row has a value that only one may have', async () => {
      await sql(`DELETE FROM tracks WHERE artist_id = 4; DELETE FROM artists WHERE id = 4;
        INSERT INTO artists VALUES (9, 'artist 4')`);
      expect(await recover(['artists', '-k', '4', '--yes'])).toMatchObject({
        code: BACKUP_FAILURES.conflict.exitCode,
        error: expect.stringMatching(/Key \(name\)=\(artist 4\) already exists[^]*another row has that value now/),
      });
      await sql('DELETE FROM artists WHERE id = 9');
      await recover(['tracks', '-k', 'artist_id=4', '--yes', '--with-references']);
    });

    test('when others changed the rows after they were shown', async () => {
      await sql('DELETE FROM entries WHERE playlist = 3');
      const ask = async (): Promise<string> => {
        await sql(`INSERT INTO entries VALUES (3, 1, 'other')`);
        return 'yes';
      };
      expect(await recover(['entries', '-k', 'playlist=3'], { ask })).toMatchObject({
        code: BACKUP_FAILURES.conflict.exitCode,
        error: expect.stringContaining('changed by others since they were shown'),
      });
      expect(await sql('SELECT place FROM entries WHERE playlist = 3')).toEqual([{ place: 1 }]);
    });

    test.each([
      ['no such row', 'not-found', ['tracks', '-k', '999'], /holds no row of tracks with id=999/],
      ['no such table', 'conflict', ['nothing', '-k', '1'], /has no table nothing/],
      ['no key, and no column named', 'unsupported', ['loose', '-k', '1'], /names no column of loose[^]*--key 'a=…'/],
      ['half a key', 'unsupported', ['entries', '-k', '1'], /write it as --key 'playlist=…,place=…'/],
      ['a value of another type', 'unsupported', ['tracks', '-k', 'abc'], /id of tracks cannot be abc/],
    ] as const)('%s', async (_, reason, args, message) => {
      const outcome = await recover(args);
      expect(outcome.code).toBe(BACKUP_FAILURES[reason].exitCode);
      expect(outcome.error).toMatch(message);
    });
  });
});
