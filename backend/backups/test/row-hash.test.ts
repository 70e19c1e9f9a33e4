import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listTables, measureTable } from '../src/manifest/tables.ts';
import { withSession } from '../src/connection/session.ts';
import { openBenchServer, type BenchServer } from './support/bench.ts';

let server: BenchServer;
beforeAll(async () => {
  server = await openBenchServer();
});
afterAll(() => server.close());

/** The checksums of tables that a script makes, in the order of their names. */
async function checksums(sql: string): Promise<string[]> {
  const connectionString = await server.makeDatabase(`hash_${next++}`, sql);
  return withSession({ connectionString, applicationName: 'test' }, async (client) => {
    const { measured } = await listTables(client);
    const sums: string[] = [];
    for (const table of measured) sums.push((await measureTable(client, table)).checksum);
    return sums;
  });
}
let next = 0;

/** Values that are equal, or hash alike, and are not the same. */
const ALIKE: readonly (readonly [type: string, ...values: string[]])[] = [
  ['numeric', '1.0', '1.00', "'NaN'", "'Infinity'", "'-Infinity'", '0', 'NULL'],
  ['int8', '1', '4294967296', '0', '-1', 'NULL'],
  ['int2', '1', '2', '0', 'NULL'],
  ['float8', "'0'", "'-0'", "'NaN'", 'NULL'],
  ['float4', "'0'", "'-0'", 'NULL'],
  ['text', "''", "'a'", "'A'", "'a '", 'NULL'],
  ['folded', "'a'", "'A'"],
  ['bool', 'true', 'false', 'NULL'],
  ['bytea', String.raw`'\x'`, String.raw`'\x00'`, 'NULL'],
  ['date', "'infinity'", "'-infinity'", "'2026-01-01'", 'NULL'],
  [
    'timestamptz',
    "'infinity'",
    "'-infinity'",
    "'2026-01-01'",
    "'2026-01-01 00:00:00.000001'",
    "'294276-12-31 23:59:59.999999+00'",
    "'4714-11-24 BC +00'",
    'NULL',
  ],
  ['timestamp', "'infinity'", "'-infinity'", "'2026-01-01'", "'2026-01-01 00:00:00.000001'", 'NULL'],
  ['uuid', "'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'", 'NULL'],
  ['jsonb', '\'{"a": 1.0}\'', '\'{"a": 1.00}\'', "'null'", 'NULL'],
  ['interval', "'1 day'", "'24 hours'", 'NULL'],
  ['"char"', "'a'", "'b'", 'NULL'],
  ['name', "'a'", "'b'", 'NULL'],
  ['oid', '1', '0', 'NULL'],
  ['bpchar', "'a'", "'a '", "''", 'NULL'],
  ['timetz', "'12:00+00'", "'13:00+01'", 'NULL'],
  ['inet', "'10.0.0.1'", "'10.0.0.1/8'", 'NULL'],
  ['json', '\'{"a":1}\'', '\'{"a": 1}\'', 'NULL'],
  ['varbit', "B'1'", "B'10'", "B''", 'NULL'],
  ['point', "'(0,1)'", "'(-0,1)'", 'NULL'],
  ['int4[]', "'{1,2}'", "'[0:1]={1,2}'", "'{{1,2}}'", "'{}'", 'NULL'],
  ['text[]', "'{NULL}'", '\'{"NULL"}\'', '\'{""}\'', "'{}'", 'NULL'],
  ['numrange', "'[1.0,2)'", "'[1,2)'", "'empty'", 'NULL'],
  ['money', "'1'", "'1.01'", 'NULL'],
  ['tsvector', "'a:1'", "'a'", "''", 'NULL'],
  ['composite', 'ROW(NULL, NULL)', 'NULL', "ROW(1, '')"],
];

test('what is equal and not the same has other checksums, and null is like no value', async () => {
  const tables = ALIKE.flatMap(([type, ...values], t) =>
    values.map(
      (value, v) => `CREATE TABLE t${100 + t}_${v} (v ${type}); INSERT INTO t${100 + t}_${v} VALUES (${value});`,
    ),
  );
  const sums = await checksums(
    `CREATE DOMAIN folded AS text; CREATE TYPE composite AS (a int, b text); ${tables.join('\n')}`,
  );
  expect(sums.length).toBe(tables.length);
  let at = 0;
  for (const [type, ...values] of ALIKE) {
    const own = sums.slice(at, (at += values.length));
    expect([type, new Set(own).size]).toEqual([type, values.length]);
  }
});

test('values that change places between columns or rows, and rows that come twice, change the checksum; their order does not', async () => {
  const rows = {
    a: "(1, 2, 'x', NULL), (3, 4, 'y', 'z')",
    b_other_order: "(3, 4, 'y', 'z'), (1, 2, 'x', NULL)",
    c_columns: "(2, 1, 'x', NULL), (3, 4, 'y', 'z')",
    d_rows: "(1, 4, 'x', NULL), (3, 2, 'y', 'z')",
    e_null: "(1, 2, NULL, 'x'), (3, 4, 'y', 'z')",
    f_twice: "(1, 2, 'x', NULL), (1, 2, 'x', NULL), (3, 4, 'y', 'z')",
    g_both: "(1, 2, 'y', 'z'), (3, 4, 'x', NULL)",
  };
  const sums = await checksums(
    Object.entries(rows)
      .map(
        ([name, values]) =>
          `CREATE TABLE ${name} (a int4, b int4, c text, d text); INSERT INTO ${name} VALUES ${values};`,
      )
      .join('\n'),
  );
  const [first, other, ...changed] = sums;
  expect(other).toBe(first);
  expect(new Set([first, ...changed]).size).toBe(1 + changed.length);
});

test('equal pairs of columns do not cancel each other out', async () => {
  const pairs = ['int4', 'int8', 'text', 'numeric', 'uuid', 'timestamptz', 'bool'].map((type, i) => {
    const value = { uuid: 'md5(g::text)::uuid', timestamptz: 'to_timestamp(g)', bool: 'g > 1' }[type] ?? 'g';
    const table = (g: number) =>
      `CREATE TABLE t${i}_${g} AS SELECT (${value})::${type} AS a, (${value})::${type} AS b FROM generate_series(${g}, ${g}) AS g;`;
    return table(1) + table(2);
  });
  const sums = await checksums(pairs.join('\n'));
  expect(new Set(sums).size).toBe(sums.length);
});
