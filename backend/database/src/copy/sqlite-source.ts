import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { CopyError, type CopyProblem } from './copy-error.ts';

/** A table of a SQLite file. */
export interface SourceTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns that tell a person which row is meant. */
  readonly key: readonly string[];
  readonly rows: number;
}

/** A SQLite file, read in one transaction: what is written to it meanwhile is not seen. */
export interface SqliteSource {
  readonly tables: readonly SourceTable[];
  /** Rows of a table, in the order of its columns. */
  rows(table: SourceTable): Iterable<readonly SQLOutputValue[]>;
  /** Rows whose foreign key refers to nothing, by table and parent: SQLite does not enforce keys unless it is told to. */
  orphans(): { readonly table: string; readonly parent: string; readonly rows: number }[];
  close(): void;
}

/** What belongs to a tool and not to the data. */
const NOT_DATA = /^(?:sqlite_|_prisma_migrations$)/;
const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * Opens a SQLite file for reading.
 *
 * @throws CopyError when it cannot be read or is damaged
 */
export function openSqlite(file: string): SqliteSource {
  const database = open(file);
  try {
    database.exec('BEGIN');
    const [check] = database.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[];
    if (check?.quick_check !== 'ok') throw damaged(file, check?.quick_check ?? 'it is empty');
    const tables = readTables(database);
    return {
      tables,
      *rows(table) {
        const statement = database.prepare(`SELECT ${table.columns.map(quote).join(', ')} FROM ${quote(table.name)}`);
        statement.setReadBigInts(true);
        statement.setReturnArrays(true);
        yield* statement.iterate() as unknown as Iterable<readonly SQLOutputValue[]>;
      },
      orphans() {
        const sql = 'SELECT "table", parent, count(*) AS rows FROM pragma_foreign_key_check GROUP BY 1, 2';
        return database.prepare(sql).all() as { table: string; parent: string; rows: number }[];
      },
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error instanceof CopyError ? error : damaged(file, (error as Error).message);
  }
}

function open(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { readOnly: true });
  } catch (error) {
    const remedy = 'name a SQLite file that this account may read';
    throw new CopyError([{ where: file, message: (error as Error).message, remedy }], { cause: error });
  }
}

function damaged(file: string, message: string): CopyError {
  const problem: CopyProblem = {
    where: file,
    message: `is no sound SQLite file: ${message}`,
    remedy: "recover it first: sqlite3 FILE '.recover'",
  };
  return new CopyError([problem]);
}

interface Listed {
  readonly name: string;
  readonly type: string;
}

function readTables(database: DatabaseSync): SourceTable[] {
  const listed = database
    .prepare(`SELECT name, type FROM pragma_table_list WHERE schema = 'main' ORDER BY name`)
    .all() as unknown as Listed[];
  return listed
    .filter(({ name, type }) => type === 'table' && !NOT_DATA.test(name))
    .map(({ name }) => {
      const columns = database.prepare(`SELECT name, pk FROM pragma_table_info(?) ORDER BY cid`).all(name) as {
        name: string;
        pk: number;
      }[];
      const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
      const [count] = database.prepare(`SELECT count(*) AS n FROM ${quote(name)}`).all() as { n: number }[];
      return {
        name,
        columns: columns.map((column) => column.name),
        key: key.map((column) => column.name),
        rows: Number(count?.n ?? 0),
      };
    });
}
