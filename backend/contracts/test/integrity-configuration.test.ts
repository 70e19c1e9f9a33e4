import { describe, expect, test } from '@jest/globals';
import {
  dataMigrationsSchema,
  integritySchema,
  ruleDatabasesExist,
  ruleMigrationNames,
  scheduleSchema,
} from '../src/index.ts';

const messages = (schema: typeof integritySchema | typeof dataMigrationsSchema, input: unknown): string[] => {
  const { error } = schema.safeParse(input);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const INVARIANT = { name: 'posts-without-track', sql: 'SELECT id FROM posts' };
const MIGRATION = { name: 'split', database: 'shop', total: 'SELECT 1', done: 'SELECT 0' };

describe('a schedule', () => {
  test.each(['* * * * *', '*/15 * * * *', '0 2 * * 1-5', '5,35 0-6/2 1 jan,JUL sun', '0 0 31 12 7'])(
    'is understood: %s',
    (text) => {
      expect(scheduleSchema.safeParse(text).success).toBe(true);
    },
  );

  test.each([
    ['* * * *', 'has 4 fields, not 5'],
    ['0 2 * * * *', 'has 6 fields, not 5'],
    ['60 * * * *', "'60' is no minute"],
    ['* 24 * * *', "'24' is no hour"],
    ['* * 0 * *', "'0' is no day of the month"],
    ['* * * 13 *', "'13' is no month"],
    ['* * * * 8', "'8' is no day of the week"],
    ['*/0 * * * *', "'*/0' is no minute"],
    ['5-2 * * * *', "'5-2' is no minute"],
    ['daily', 'has 1 fields, not 5'],
  ])('is refused with the field that is wrong: %s', (text, message) => {
    expect(scheduleSchema.safeParse(text).error?.issues[0]?.message).toBe(message);
  });
});

describe('the section integrity', () => {
  test('needs a database and nothing else; the rest has defaults', () => {
    const [entry] = integritySchema.parse([{ database: 'shop', invariants: [INVARIANT] }]);
    expect(entry).toMatchObject({
      foreignKeys: { enabled: true, schedule: '0 2 * * *', severity: 'ERROR', sampleSize: 5 },
      invariants: [{ key: ['id'], schedule: '*/15 * * * *', severity: 'ERROR', maxRows: 100_000, timeoutMs: 5000 }],
      pacing: { sharePercent: 10, passSeconds: 20 },
    });
  });

  test('refuses what cannot be meant', () => {
    expect(messages(integritySchema, [{ database: 'a' }, { database: 'a' }])).toEqual([
      "1.database: 'a' has an entry already",
    ]);
    const twice = { database: 'a', invariants: [INVARIANT], counts: [{ ...INVARIANT }] };
    expect(messages(integritySchema, [twice])).toEqual(["0.counts.0.name: 'posts-without-track' is taken"]);
    expect(
      messages(integritySchema, [{ database: 'a', relations: [{ name: 'r', from: 'x', to: 'a.b.c.d' }] }]),
    ).toHaveLength(2);
    expect(messages(integritySchema, [{ database: 'a', counts: [{ ...INVARIANT, atLeast: 2, atMost: 1 }] }])).toEqual([
      '0.counts.0: atLeast is more than atMost',
    ]);
    expect(messages(integritySchema, [{ database: 'a', invariants: [{ name: 'x', sql: ' ' }] }])).toHaveLength(1);
  });
});

describe('the section migrations', () => {
  test('takes a metric from SQL or from a route, not from both or none', () => {
    const metric = (more: object) =>
      messages(dataMigrationsSchema, [{ ...MIGRATION, metrics: [{ name: 'm', ...more }] }]);
    expect(metric({ sql: 'SELECT 1' })).toEqual([]);
    expect(metric({ route: 'tracks', measure: 'p95Ms' })).toEqual([]);
    for (const wrong of [
      {},
      { route: 'tracks' },
      { sql: 'SELECT 1', route: 'tracks' },
      { sql: 'SELECT 1', route: 'tracks', measure: 'p95Ms' },
    ])
      expect(metric(wrong)).toEqual(['0.metrics.0: has no source, or several']);
    expect(messages(dataMigrationsSchema, [MIGRATION, MIGRATION])).toEqual(["1.name: 'split' is taken"]);
  });
});

describe('the rules across sections', () => {
  const sections = (more: object) => ({
    databases: [{ id: 'shop' }],
    integrity: integritySchema.parse([{ database: 'shop', invariants: [INVARIANT] }]),
    migrations: dataMigrationsSchema.parse([
      { ...MIGRATION, checks: ['posts-without-track'], metrics: [{ name: 'm', route: 'tracks', measure: 'p95Ms' }] },
    ]),
    routes: [{ id: 'tracks' }],
    ...more,
  });

  test('find databases, checks and routes that nobody declared', () => {
    expect([...ruleDatabasesExist(sections({})), ...ruleMigrationNames(sections({}))]).toEqual([]);
    expect(ruleDatabasesExist(sections({ databases: [] })).map(({ message }) => message)).toEqual([
      "there is no database 'shop'",
      "there is no database 'shop'",
    ]);
    expect(
      ruleMigrationNames(sections({ integrity: [], routes: [] })).map(
        ({ path, message }) => `${path.join('.')}: ${message}`,
      ),
    ).toEqual([
      "migrations.0.checks.0: there is no check 'posts-without-track'",
      "migrations.0.metrics.0.route: there is no route 'tracks'",
    ]);
  });
});
