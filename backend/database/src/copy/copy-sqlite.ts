import pg from 'pg';
import { CopyError } from './copy-error.ts';
import type { RowSum } from './checksum.ts';
import { planCopy, type CopyPlan, type TablePlan } from './copy-plan.ts';
import { copyRows, differingColumns, storedSum, type TableCopy } from './copy-table.ts';
import type { Moments } from './moments.ts';
import { qualified, targetKeys, targetTables, type TargetKey } from './postgres-target.ts';
import { openSqlite, type SqliteSource } from './sqlite-source.ts';

/** What is copied whereto. */
export interface CopyOptions {
  /** The SQLite file. It is only read. */
  readonly file: string;
  /** The database, migrated and empty. */
  readonly connectionString: string;
  /** Schema of the target's tables. Default `public`. */
  readonly schema?: string;
  /** `table` or `table.column` of the source that are left out. */
  readonly skip?: readonly string[];
  /** What numbers in columns of dates count. */
  readonly moments?: Moments;
  /** Looks at everything, converts every value, and writes nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** How far it is. */
export interface CopyProgress {
  readonly step: 'copy' | 'verify';
  readonly table: string;
  readonly done: number;
  readonly rows: number;
}

/** A table that was copied and compared. */
export interface CopiedTable {
  readonly table: string;
  readonly target: string;
  readonly rows: number;
  readonly columns: number;
  /** Of all rows in any order, the same on both sides; of the source in a dry run. */
  readonly checksum: string;
}

/** What was copied. */
export interface CopyResult {
  readonly tables: readonly CopiedTable[];
  readonly rows: number;
  readonly skipped: readonly string[];
  readonly dryRun: boolean;
  readonly durationMs: number;
}

/**
 * Copies the data of a SQLite file into a PostgreSQL database that was migrated and is empty, all or nothing: in one
 * transaction, which is committed only when every table has as many rows and the same checksum as its source, read back from
 * PostgreSQL. Tables are filled parents first, sequences set afterwards.
 *
 * @throws CopyError with everything that stands in the way; the target is as it was
 * @example
 * const { tables } = await copySqlite({ file: 'old.db', connectionString });
 */
export async function copySqlite(options: CopyOptions): Promise<CopyResult> {
  const startMs = performance.now();
  const source = openSqlite(options.file);
  try {
    const tables = await withClient(options.connectionString, (client) => copyAll(client, source, options));
    const { skip = [], dryRun = false } = options;
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return { tables, rows, skipped: skip, dryRun, durationMs: performance.now() - startMs };
  } finally {
    source.close();
  }
}

async function copyAll(client: pg.Client, source: SqliteSource, options: CopyOptions): Promise<CopiedTable[]> {
  const { schema = 'public', skip = [], dryRun = false } = options;
  const targets = await targetTables(client, schema);
  const keys = await targetKeys(client, schema);
  const plan = planCopy({ source, targets, keys, skip });
  await begin(client, plan, dryRun);
  try {
    const deferred = dryRun ? [] : plan.deferred;
    for (const key of deferred) await setDeferred(client, plan, key, 'DEFERRABLE INITIALLY DEFERRED');
    const copied: Written[] = [];
    for (const table of plan.tables) copied.push(await writeTable(client, source, table, options));
    const tables = copied.map(copiedTable);
    if (dryRun) return tables;
    await checkDeferred(client);
    // all of them last: a trigger of one table may write into another
    for (const table of copied) await verify(table, options);
    for (const key of deferred) await setDeferred(client, plan, key, ownTiming(key));
    await setSequences(client, plan);
    await client.query('COMMIT');
    await analyse(client, plan);
    return tables;
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

interface Written {
  readonly copy: TableCopy;
  readonly sum: RowSum;
}

async function writeTable(
  client: pg.Client,
  source: SqliteSource,
  plan: TablePlan,
  { moments = 'auto', dryRun = false, onProgress }: CopyOptions,
): Promise<Written> {
  const { name: table, rows } = plan.source;
  const onRows = (done: number) => onProgress?.({ step: 'copy', table, done, rows });
  const copy: TableCopy = { client, source, plan, moments, mode: dryRun ? 'convert' : 'write', onRows };
  onRows(0);
  return { copy, sum: await copyRows(copy) };
}

function copiedTable({ copy: { plan }, sum }: Written): CopiedTable {
  const { source, target, columns } = plan;
  const name = `${target.schema}.${target.name}`;
  return { table: source.name, target: name, rows: sum.rows, columns: columns.length, checksum: sum.toString() };
}

async function verify({ copy, sum }: Written, { onProgress }: CopyOptions): Promise<void> {
  const { name: where, rows } = copy.plan.source;
  onProgress?.({ step: 'verify', table: where, done: 0, rows });
  const stored = await storedSum(copy);
  onProgress?.({ step: 'verify', table: where, done: stored.rows, rows });
  if (sum.rows !== stored.rows) {
    const message = `${sum.rows} rows were read, ${stored.rows} are in the target`;
    throw new CopyError([{ where, message, remedy: 'look for triggers and rules of the table that leave rows out' }]);
  }
  if (sum.toString() === stored.toString()) return;
  const columns = await differingColumns(copy);
  const message = `the target holds other values in ${columns.join(', ') || 'some columns'}`;
  const remedy =
    'look for columns that are too narrow (scale, fractions of seconds) and for triggers that change values';
  throw new CopyError([{ where, message, remedy }]);
}

async function begin(client: pg.Client, { tables }: CopyPlan, dryRun: boolean): Promise<void> {
  await client.query(
    `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '10s';
     SET LOCAL TIME ZONE 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL row_security = off`,
  );
  if (dryRun || tables.length === 0) return;
  const names = tables.map(({ target }) => qualified(client, target));
  try {
    await client.query(`LOCK TABLE ${names.join(', ')} IN EXCLUSIVE MODE`);
  } catch (error) {
    await client.query('ROLLBACK');
    const message = `cannot be locked: ${(error as Error).message}`;
    throw new CopyError([{ where: 'the target', message, remedy: 'stop what uses the database' }], { cause: error });
  }
}

function ownTiming({ isDeferrable, isDeferred }: TargetKey): string {
  if (!isDeferrable) return 'NOT DEFERRABLE';
  return isDeferred ? 'DEFERRABLE INITIALLY DEFERRED' : 'DEFERRABLE INITIALLY IMMEDIATE';
}

/** Within the transaction: nobody else ever sees it. */
async function setDeferred(client: pg.Client, plan: CopyPlan, key: TargetKey, timing: string): Promise<void> {
  const child = plan.tables.find(({ target }) => target.name === key.child)?.target;
  if (!child) return;
  const constraint = client.escapeIdentifier(key.constraint);
  await client.query(`ALTER TABLE ${qualified(client, child)} ALTER CONSTRAINT ${constraint} ${timing}`);
}

async function checkDeferred(client: pg.Client): Promise<void> {
  try {
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  } catch (error) {
    const { table = 'the target', detail, message } = error as Partial<pg.DatabaseError> & Error;
    const remedy = 'mend the rows in the source';
    throw new CopyError([{ where: table, message: detail ?? message, remedy }], { cause: error });
  }
}

/** The next row gets a number that no copied one has. */
async function setSequences(client: pg.Client, { tables }: CopyPlan): Promise<void> {
  for (const { target } of tables) {
    for (const { name, sequence } of target.columns) {
      if (sequence === null) continue;
      const column = client.escapeIdentifier(name);
      await client.query(
        `SELECT setval($1, max(${column})) FROM ${qualified(client, target)} HAVING max(${column}) > 0`,
        [sequence],
      );
    }
  }
}

async function analyse(client: pg.Client, { tables }: CopyPlan): Promise<void> {
  for (const { target } of tables) await client.query(`ANALYZE ${qualified(client, target)}`).catch(() => undefined);
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString,
    application_name: 'clearway-copy',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
