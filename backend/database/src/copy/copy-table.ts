import type pg from 'pg';
import { RowSum } from './checksum.ts';
import { ConversionError, conversionFor, KINDS_WITH_OWN_FORM, type Conversion } from './convert.ts';
import { CopyError } from './copy-error.ts';
import type { TablePlan } from './copy-plan.ts';
import type { Moments } from './moments.ts';
import { qualified } from './postgres-target.ts';
import type { SqliteSource } from './sqlite-source.ts';

/** What is used for one table. */
export interface TableCopy {
  readonly client: pg.ClientBase;
  readonly source: Pick<SqliteSource, 'rows'>;
  readonly plan: TablePlan;
  readonly moments: Moments;
  /** Writes rows; or brings them into the form that they have in the target, without writing; or converts them only. */
  readonly mode: 'write' | 'compare' | 'convert';
  readonly onRows: (done: number) => void;
}

type Row = readonly (string | null)[];

const BATCH_ROWS = 1000;
const BATCH_CHARACTERS = 4_000_000;
const FETCH_ROWS = 2000;

/**
 * Copies the rows of a table.
 *
 * @returns the checksum of what was written
 * @throws CopyError that names row and column
 */
export async function copyRows(copy: TableCopy): Promise<RowSum> {
  const { source, plan, mode, onRows } = copy;
  const conversions = conversionsOf(copy);
  const sum = new RowSum();
  let batch: Row[] = [];
  let characters = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const rows = mode === 'convert' ? batch : await inOwnForm(copy, batch);
    if (mode === 'write') await insert(copy, batch);
    for (const row of rows) sum.add(canonical(row, conversions));
    onRows(sum.rows);
    batch = [];
    characters = 0;
  };
  for (const values of source.rows(plan.source)) {
    const row = converted(values, copy, conversions);
    batch.push(row);
    characters += row.reduce((length, value) => length + (value?.length ?? 0), 0);
    if (batch.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS) await flush();
  }
  await flush();
  return sum;
}

/** The checksum of what the target holds now, read back from it. */
export async function storedSum(copy: Omit<TableCopy, 'source' | 'onRows' | 'mode'>): Promise<RowSum> {
  const { client, plan } = copy;
  const conversions = conversionsOf(copy);
  const columns = plan.columns.map(({ to }, i) => conversions[i]?.output(client.escapeIdentifier(to.name)));
  await client.query(
    `DECLARE copied NO SCROLL CURSOR FOR SELECT ${columns.join(', ')} FROM ${qualified(client, plan.target)}`,
  );
  const sum = new RowSum();
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({
      text: `FETCH ${FETCH_ROWS} FROM copied`,
      rowMode: 'array',
    });
    if (rows.length === 0) break;
    for (const row of rows) sum.add(canonical(row, conversions));
  }
  await client.query('CLOSE copied');
  return sum;
}

/** Columns whose values are not the same on both sides, by a checksum of each alone: to say what differs. */
export async function differingColumns(copy: TableCopy): Promise<string[]> {
  const differing: string[] = [];
  for (const column of copy.plan.columns) {
    const plan = { ...copy.plan, columns: [column] };
    const written = await copyRows({ ...copy, plan, mode: 'compare', onRows: () => {} });
    const stored = await storedSum({ ...copy, plan });
    if (written.toString() !== stored.toString()) differing.push(column.to.name);
  }
  return differing;
}

function conversionsOf({ plan, moments }: Pick<TableCopy, 'plan' | 'moments'>): Conversion[] {
  return plan.columns.map(({ to }) => conversionFor(to, moments));
}

function canonical(row: Row, conversions: readonly Conversion[]): Row {
  return row.map((value, i) => (value === null ? null : (conversions[i]?.canonical(value) ?? value)));
}

function converted(values: readonly unknown[], { plan }: TableCopy, conversions: readonly Conversion[]): Row {
  return plan.columns.map(({ at, to }, i) => {
    const value = values[at] as Parameters<Conversion['write']>[0] | null;
    if (value === null) return null;
    try {
      return conversions[i]?.write(value) ?? null;
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      throw refusal(plan, values, to.name, error.message);
    }
  });
}

function refusal(plan: TablePlan, values: readonly unknown[], column: string | undefined, message: string): CopyError {
  const { source } = plan;
  const key = source.key.map((name) => `${name} = ${String(values[source.columns.indexOf(name)])}`).join(', ');
  const where = column === undefined ? source.name : `${source.name}.${column}`;
  const row = key === '' ? '' : `the row with ${key}: `;
  return new CopyError([{ where, message: `${row}${message}`, remedy: 'mend the value in the source' }]);
}

async function insert(copy: TableCopy, rows: readonly Row[]): Promise<void> {
  const { client, plan } = copy;
  const sql = insertSql(copy);
  const values = plan.columns.map((_, i) => rows.map((row) => row[i] ?? null));
  await client.query('SAVEPOINT batch');
  try {
    await client.query(sql, values);
    await client.query('RELEASE batch');
  } catch (error) {
    await client.query('ROLLBACK TO batch').catch(() => undefined);
    const { code, message, detail, column } = error as Partial<pg.DatabaseError> & Error;
    if (typeof code !== 'string' || !/^2[23]/.test(code)) throw error;
    if (rows.length > 1) {
      // halves, until it is clear which row it is
      const middle = Math.ceil(rows.length / 2);
      await insert(copy, rows.slice(0, middle));
      return insert(copy, rows.slice(middle));
    }
    const raw = [...plan.source.columns].map((name) => {
      const at = plan.columns.findIndex(({ from }) => from === name);
      return at === -1 ? '?' : (rows[0]?.[at] ?? 'NULL');
    });
    throw refusal(plan, raw, column, [message, detail].filter(Boolean).join('. '));
  }
}

function insertSql({ client, plan, moments }: TableCopy): string {
  const names = plan.columns.map(({ to }) => client.escapeIdentifier(to.name)).join(', ');
  const inputs = plan.columns.map(({ to }, i) => conversionFor(to, moments).input(`v.c${i + 1}`, to.type)).join(', ');
  const arrays = plan.columns.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const columns = plan.columns.map((_, i) => `c${i + 1}`).join(', ');
  return `INSERT INTO ${qualified(client, plan.target)} (${names}) OVERRIDING SYSTEM VALUE
    SELECT ${inputs} FROM unnest(${arrays}) AS v (${columns})`;
}

/** Values of types that PostgreSQL writes in a form of its own (an interval, an address), in that form. */
async function inOwnForm({ client, plan }: TableCopy, rows: readonly Row[]): Promise<readonly Row[]> {
  let result = rows;
  for (const [at, { to }] of plan.columns.entries()) {
    if (KINDS_WITH_OWN_FORM.includes(to.kind)) continue;
    const { rows: formed } = await client
      .query<{ value: string | null }>(
        `SELECT value::${to.type}::text AS value FROM unnest($1::text[]) WITH ORDINALITY AS v (value, n) ORDER BY n`,
        [rows.map((row) => row[at] ?? null)],
      )
      .catch((error: Error) => {
        throw new CopyError([
          { where: `${plan.source.name}.${to.name}`, message: error.message, remedy: 'mend the value in the source' },
        ]);
      });
    result = result.map((row, i) => row.with(at, formed[i]?.value ?? null));
  }
  return result;
}
