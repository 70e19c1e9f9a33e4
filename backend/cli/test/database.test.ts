import type { DataMigrationView, IntegrityCheck } from '@clearway/contracts';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import path from 'node:path';
import pg from 'pg';
import { clearway, folderWith } from './support/context.ts';
import { startApi } from './support/fake-worker.ts';

let database: TestDatabase;
let sql: pg.Client;
const { directory, remove } = folderWith({
  'clearway.yaml': 'version: 1\ndatabases:\n  - { id: shop, url: env:SHOP_URL }\n',
});

beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
  sql = new pg.Client({ connectionString: database.connectionString });
  await sql.connect();
});
afterAll(async () => {
  remove();
  await sql?.end();
  await database?.close();
});
const context = () => ({
  directory,
  variables: { DATABASE_URL: database.connectionString, SHOP_URL: database.connectionString },
  processVariables: { PATH: process.env['PATH'] },
});

describe('clearway database copy', () => {
  test('shows what would be copied, copies it, and refuses to do so twice', async () => {
    await sql.query('CREATE TABLE songs (id int PRIMARY KEY, title text)');
    const old = new DatabaseSync(path.join(directory, 'old.db'));
    old.exec(`CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO songs VALUES (1, 'a'), (2, 'b')`);
    old.close();
    const dry = await clearway(['database', 'copy', '--from', 'old.db', '--dry-run'], context());
    expect(dry).toMatchObject({
      code: 0,
      out: expect.stringContaining('2 rows of 1 table can be copied; nothing was written.'),
    });
    const seen: string[] = [];
    const done = await clearway(['database', 'copy', '--from', 'old.db', '--to', 'env:DATABASE_URL'], {
      ...context(),
      progress: (line) => seen.push(line),
    });
    expect(done).toMatchObject({
      code: 0,
      out: expect.stringMatching(/songs +public\.songs +2 +[0-9a-f]{16}[^]*the same on both sides/),
    });
    expect(seen).toContain('verifying songs: 2 of 2 (100 %)');
    const again = await clearway(['database', 'copy', '--from', 'old.db', '--json'], context());
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out)).toMatchObject({
      copied: false,
      problems: [{ where: 'songs', message: 'holds rows in the target' }],
    });
    expect(again.error).toContain('Nothing was copied.');
  });

  test.each([
    [['--to', 'postgresql://u:hunter2@h/d'], /--to: a password in an argument can be read by others/],
    [['--to', 'env:NOT_SET'], /--to: the variable NOT_SET is not set/],
    [['--to', 'mysql://h/d'], /--to: write it as postgresql:/],
    [['--moments', 'days'], /Allowed choices are auto, seconds/],
  ])('refuses %j, and shows no password', async (words, message) => {
    const outcome = await clearway(['database', 'copy', '--from', 'old.db', ...words], context());
    expect(outcome).toMatchObject({ code: 64, error: expect.stringMatching(message) });
    expect(outcome.error).not.toContain('hunter2');
  });
});

describe('clearway database setup', () => {
  test('says what it finds and whether all is ready', async () => {
    const own = await withTestDatabase({ migrations: null });
    const variables = { DATABASE_URL: own.connectionString };
    const checked = await clearway(['database', 'setup', '--check'], { ...context(), variables });
    expect(checked).toMatchObject({
      code: 0,
      out: expect.stringMatching(/✓ version +PostgreSQL[^]*! migrations +\d+ of \d+ are missing[^]*Fit\.$/),
    });
    const done = await clearway(['database', 'setup', '--json'], { ...context(), variables });
    expect(JSON.parse(done.out)).toMatchObject({
      ready: true,
      findings: expect.arrayContaining([expect.objectContaining({ name: 'use', status: 'ok' })]),
    });
    await own.close();
    const gone = await clearway(['database', 'setup'], { ...context(), variables });
    expect(gone).toMatchObject({
      code: 1,
      out: expect.stringMatching(/✗ connection .*there is no database[^]*→ CREATE DATABASE[^]*Not ready/),
    });
  });
});

describe('clearway database exec', () => {
  test('gives a program the address of a database, and shows it nowhere', async () => {
    const ask = `process.exit(process.env.DATABASE_URL === ${JSON.stringify(database.connectionString)} ? 0 : 3)`;
    const run = (id: string, ...words: string[]) => clearway(['database', 'exec', id, '--', ...words], context());
    expect(await run('shop', process.execPath, '-e', ask)).toEqual({ code: 0, out: '', error: '' });
    expect((await run('shop', process.execPath, '-e', 'process.exit(7)')).code).toBe(1);
    expect(await run('nowhere', 'true')).toMatchObject({
      code: 64,
      error: expect.stringContaining('there is no database nowhere in clearway.yaml: shop'),
    });
  });
});

const CHECK: IntegrityCheck = {
  database: 'tracks',
  id: 'audio-posts-without-track',
  kind: 'invariant',
  title: 'Audio posts without a track',
  severity: 'ERROR',
  status: 'violated',
  violations: 3,
  isBound: false,
  value: null,
  sample: [{ id: 'a1' }, { id: 'b\u001b[2J' }],
  trend: 'rising',
  previous: 1,
  notes: ['trigger x is disabled'],
  reason: null,
  remedy: null,
  firstSeenAt: '2026-11-22T12:00:00.000Z',
  lastRunAt: '2026-11-22T12:15:00.000Z',
  lastOkAt: null,
  nextRunAt: '2026-11-22T12:30:00.000Z',
  durationMs: 4,
  schedule: '*/15 * * * *',
  runbook: 'docs/runbooks/data-integrity.md',
  scan: { startedAt: '2026-11-22T12:15:00.000Z', scannedRows: 50, estimatedRows: 200, violations: 1 },
};
const LIST = {
  databases: [
    { database: 'tracks', checks: 9, violated: 1, unknown: 2, violations: 3, lastPassAt: null, problem: 'is down' },
  ],
  checks: [CHECK],
  total: 1,
};
const WINDOW = { samples: 0, median: null, low: null, high: null, changePercent: null, verdict: 'unknown' } as const;
const MIGRATION: DataMigrationView = {
  name: 'separate',
  title: 'Separating tracks from posts',
  database: 'tracks',
  phase: 'active',
  phaseSince: '2026-11-22T12:00:00.000Z',
  status: 'stalled',
  total: 1000,
  done: 250,
  errors: 1,
  percent: 25,
  ratePerMinute: 12.4,
  secondsLeft: 3725,
  startedAt: '2026-11-22T12:00:00.000Z',
  completedAt: null,
  lastProgressAt: '2026-11-22T12:05:00.000Z',
  sampledAt: '2026-11-22T12:16:00.000Z',
  problem: null,
  remedy: null,
  waitsFor: ['check x is violated'],
  verdict: 'worse',
  words: 'p95: 10 ms before, 30 ms during (+200 %): worse',
  metrics: [
    {
      name: 'p95',
      title: 'p95',
      unit: 'ms',
      better: 'lower',
      tolerance: 1,
      present: 30,
      baseline: WINDOW,
      during: WINDOW,
      after: WINDOW,
      verdict: 'worse',
      words: 'p95: 10 ms before, 30 ms during (+200 %): worse',
    },
  ],
  runbook: null,
};

/** Answers as the worker does; what is posted is kept. */
async function withWorker(
  answers: Record<string, object>,
  work: (url: string, posted: unknown[]) => Promise<void>,
): Promise<void> {
  const posted: unknown[] = [];
  const api = await startApi((where) => {
    const answer = answers[where];
    if (!answer) return undefined;
    return (req: IncomingMessage, res: ServerResponse) => {
      let text = '';
      req.on('data', (chunk: Buffer) => (text += chunk.toString()));
      req.on('end', () => {
        if (req.method === 'POST') posted.push(JSON.parse(text));
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    };
  });
  try {
    await work(api.url, posted);
  } finally {
    await api.close();
  }
}

describe('clearway database integrity', () => {
  test('lists what is violated and ends with 1 then', async () => {
    await withWorker({ '/api/database/integrity': LIST }, async (url) => {
      const { code, out } = await clearway(['database', 'integrity', '--url', url]);
      expect(code).toBe(1);
      expect(out).toMatch(
        /tracks +audio-posts-without-track +violated \(25 %\) +3 +rising +2026-11-22 12:15:00 +Audio posts/,
      );
      expect(out).toContain('tracks: 9 checks, 1 violated, 2 without an answer\n  is down');
      const json = await clearway(['database', 'integrity', 'list', '--json', '-u', url]);
      expect(JSON.parse(json.out)).toEqual(LIST);
    });
    await withWorker({ '/api/database/integrity': { databases: [], checks: [], total: 0 } }, async (url) => {
      expect(await clearway(['database', 'integrity', '--url', url])).toMatchObject({
        code: 0,
        out: expect.stringContaining('No database is looked at'),
      });
    });
  });

  test('shows one check with keys of rows, made harmless for a terminal', async () => {
    const history = [{ at: '2026-11-22T12:00:00.000Z', status: 'ok', violations: 0, value: null, durationMs: 1 }];
    const where = '/api/database/integrity/tracks/audio-posts-without-track';
    await withWorker({ [where]: { check: CHECK, history } }, async (url) => {
      const { code, out } = await clearway([
        'database',
        'integrity',
        'show',
        'tracks',
        'audio-posts-without-track',
        '-u',
        url,
      ]);
      expect(code).toBe(1);
      expect(out).toMatch(
        /violated since 2026-11-22 12:00:00, ERROR[^]*trigger x is disabled[^]*runbook: docs\/runbooks[^]*id = a1\n {2}id = b\n[^]*2026-11-22 12:00:00 +ok +0/,
      );
      expect(out).not.toContain('\u001b');
      expect((await clearway(['database', 'integrity', 'show', 'tracks', 'nothing', '-u', url])).code).toBe(1);
    });
  });

  test('has checks run, with a reason', async () => {
    await withWorker({ '/api/database/integrity/tracks/run': { requested: ['a', 'b'] } }, async (url, posted) => {
      const { code, out } = await clearway([
        'database',
        'integrity',
        'run',
        'tracks',
        'a',
        'b',
        '--reason',
        'after the import',
        '-u',
        url,
      ]);
      expect([code, out, posted]).toEqual([
        0,
        '2 checks of tracks will run in the next pass.',
        [{ reason: 'after the import', checks: ['a', 'b'] }],
      ]);
      expect((await clearway(['database', 'integrity', 'run', 'tracks', '-u', url])).code).toBe(64);
    });
  });
});

describe('clearway database migrations', () => {
  test('lists how far they are and ends with 1 when one needs a person', async () => {
    await withWorker({ '/api/database/migrations': { migrations: [MIGRATION] } }, async (url) => {
      const { code, out } = await clearway(['database', 'migrations', '-u', url]);
      expect(code).toBe(1);
      expect(out).toMatch(/separate +tracks +active +stalled +250 of 1000 \(25 %\) +1 +12\/min +1 h 2 min +worse/);
    });
    const well = { ...MIGRATION, status: 'running', errors: 0, verdict: 'same' };
    await withWorker({ '/api/database/migrations': { migrations: [well] } }, async (url) => {
      expect((await clearway(['database', 'migrations', '-u', url])).code).toBe(0);
    });
  });

  test('shows the comparison, and sets a phase with a reason', async () => {
    const where = '/api/database/migrations/separate';
    await withWorker(
      { [where]: { migration: MIGRATION, samples: [] }, [`${where}/phase`]: MIGRATION, [`${where}/sample`]: MIGRATION },
      async (url, posted) => {
        const { out } = await clearway(['database', 'migrations', 'show', 'separate', '-u', url]);
        expect(out).toMatch(
          /250 of 1000 \(25 %\), 1 errors, 12 a minute, 1 h 2 min left[^]*waits: check x is violated[^]*worse\n {2}p95: 10 ms before, 30 ms during/,
        );
        const set = ['database', 'migrations', 'phase', 'separate'];
        expect((await clearway([...set, 'active', '--reason', 'begun', '-u', url])).out).toBe('separate: active');
        expect((await clearway(['database', 'migrations', 'sample', 'separate', '-u', url])).out).toContain(
          '250 of 1000',
        );
        expect(posted).toEqual([{ phase: 'active', reason: 'begun' }, {}]);
        expect((await clearway([...set, 'over', '--reason', 'x', '-u', url])).code).toBe(64);
      },
    );
  });
});
