import type pg from 'pg';
import { quoteName } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';
import type { RowValues } from './copy-rows.ts';
import type { FoundRows } from './read-rows.ts';
import type { ForeignKey, TargetTable } from './target-table.ts';

/** Rows out of a backup that lie in a temporary table beside the one that they belong to. */
export interface StagedRows {
  readonly table: TargetTable;
  /** Name of the temporary table. */
  readonly staging: string;
  /** Columns that both the backup and the table have. */
  readonly columns: readonly string[];
  /** Columns of the backup that the table has no more. */
  readonly forgotten: readonly string[];
}

/** Puts rows into a temporary table, where the server reads their values. The session must be in a transaction. */
export async function stageRows(client: pg.Client, found: FoundRows, index: number): Promise<StagedRows> {
  const { table } = found;
  const staging = `pg_temp.clearway_recover_${index}`;
  const there = new Map(
    table.columns.filter(({ isGenerated }) => !isGenerated).map((column) => [column.name, column.type]),
  );
  const columns = found.columns.filter((name) => there.has(name));
  const forgotten = found.columns.filter((name) => !there.has(name));
  assertKey(table, columns);
  const types = columns.map((name) => `${quoteName(name)} ${there.get(name)}`);
  await client.query(
    `CREATE TEMP TABLE ${staging.slice('pg_temp.'.length)} (${types.join(', ')}, clearway_place int, clearway_is_there boolean) ON COMMIT DROP`,
  );
  const places = columns.map((name) => found.columns.indexOf(name));
  const parameters = [...columns, ''].map((_, i) => `$${i + 1}`).join(', ');
  for (const [i, row] of found.rows.entries()) {
    try {
      await client.query(`INSERT INTO ${staging} VALUES (${parameters}, false)`, [...places.map((at) => row[at]), i]);
    } catch (error) {
      const message = `a row of ${table.name} does not fit its columns any more: ${(error as Error).message}`;
      throw new BackupFailure('conflict', message, { cause: error });
    }
  }
  return { table, staging, columns, forgotten };
}

function assertKey({ name, key }: TargetTable, columns: readonly string[]): void {
  if (key.every((column) => columns.includes(column))) return;
  throw new BackupFailure('unsupported', `${name} had not its key ${key.join(', ')} when it was backed up`, {
    remedy: 'restore the backup under another name and take the rows from there: clearway backup restore --to NAME',
  });
}

/** How a value looks in a dump, for comparing and showing it. */
export const shownSql = (value: string): string =>
  `CASE WHEN ${value} IS DISTINCT FROM NULL THEN format('%s', ${value}) END`;

export const shownArray = (alias: string, columns: readonly string[]): string =>
  `ARRAY[${columns.map((name) => shownSql(`${alias}.${quoteName(name)}`)).join(', ')}]::text[]`;

/** Whether two rows have the same key. */
export const sameKey = ({ key }: TargetTable, left: string, right: string): string =>
  key.map((name) => `${left}.${quoteName(name)} = ${right}.${quoteName(name)}`).join(' AND ');

/** Whether the row `r` of the staging table is not in the table itself. */
export const isMissing = ({ table }: StagedRows): string =>
  table.key.length === 0
    ? 'NOT r.clearway_is_there'
    : `NOT EXISTS (SELECT FROM ${table.qualified} l WHERE ${sameKey(table, 'l', 'r')})`;

/** Holds off changes to rows that staged ones may be written over. */
export async function lockLive(client: pg.Client, { table, staging }: StagedRows): Promise<void> {
  if (table.key.length === 0) return;
  const sql = `SELECT FROM ${table.qualified} l JOIN ${staging} r ON ${sameKey(table, 'l', 'r')} FOR UPDATE OF l`;
  await client.query(sql);
}

/** Holds off all that others would write to the table. */
export async function lockWriters(client: pg.Client, { table }: StagedRows): Promise<void> {
  await client.query(`LOCK TABLE ${table.qualified} IN SHARE ROW EXCLUSIVE MODE`);
}

/** A row of a backup, and the one of the same key that the database holds. */
export interface ComparedRow {
  /** `missing` in the database, the `same` there, or `changed` there. */
  readonly status: 'missing' | 'same' | 'changed';
  readonly values: RowValues;
  /** What the database holds; null when it is missing. */
  readonly live: RowValues | null;
}

/** Compares staged rows with what the database holds. */
export async function compareStaged(client: pg.Client, staged: StagedRows): Promise<ComparedRow[]> {
  const { table, staging, columns } = staged;
  const values = shownArray('r', columns);
  const [key] = table.key;
  const live =
    key === undefined
      ? `CASE WHEN r.clearway_is_there THEN ${values} END`
      : `CASE WHEN l.${quoteName(key)} IS NOT NULL THEN ${shownArray('l', columns)} END`;
  const beside = key === undefined ? '' : `LEFT JOIN ${table.qualified} l ON ${sameKey(table, 'l', 'r')}`;
  const { rows } = await client.query<{ values: RowValues; live: RowValues | null }>(
    `SELECT ${values} AS values, ${live} AS live FROM ${staging} r ${beside} ORDER BY r.clearway_place`,
  );
  return rows.map((row) => ({ ...row, status: statusOf(row.values, row.live) }));
}

function statusOf(values: RowValues, live: RowValues | null): ComparedRow['status'] {
  if (live === null) return 'missing';
  return values.every((value, i) => value === live[i]) ? 'same' : 'changed';
}

/** Values of a foreign key that no row of its target has, by the target's columns. */
export async function missingReferences(
  client: pg.Client,
  staged: StagedRows,
  foreignKey: ForeignKey,
  target: TargetTable,
): Promise<Map<string, string>[]> {
  const { columns, targetColumns } = foreignKey;
  if (!columns.every((name) => staged.columns.includes(name))) return [];
  const values = columns.map((name, i) => `${shownSql(`r.${quoteName(name)}`)} AS v${i}`);
  const isSet = columns.map((name) => `r.${quoteName(name)} IS NOT NULL`).join(' AND ');
  const pairs = (alias: string): string =>
    columns.map((name, i) => `${alias}.${quoteName(targetColumns[i] ?? '')} = r.${quoteName(name)}`).join(' AND ');
  // a row may refer to another one that is recovered with it
  const beside =
    target.oid === staged.table.oid ? `AND NOT EXISTS (SELECT FROM ${staged.staging} s WHERE ${pairs('s')})` : '';
  const { rows } = await client.query<Record<string, string>>(
    `SELECT DISTINCT ${values.join(', ')} FROM ${staged.staging} r
     WHERE ${isSet} AND NOT EXISTS (SELECT FROM ${target.qualified} t WHERE ${pairs('t')}) ${beside}`,
  );
  return rows.map((row) => new Map(targetColumns.map((name, i) => [name, row[`v${i}`] ?? ''])));
}
