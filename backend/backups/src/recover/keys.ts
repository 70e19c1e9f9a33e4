import type pg from 'pg';
import { BackupFailure } from '../failures.ts';
import type { TargetTable } from './target-table.ts';

/** What a row must hold to be meant, by column: values as the dump writes them. */
export type Condition = ReadonlyMap<string, string>;

/**
 * Understands the keys of a command: a value of the table's key, or `column=value`, several of them separated by commas.
 *
 * @throws BackupFailure `unsupported` when it cannot be understood
 * @example
 * readKey('17', table) // id = 17
 * readKey('playlist_id=3,position=1', table)
 */
export function readKey(text: string, table: TargetTable): Condition {
  const names = table.columns.map(({ name }) => name);
  const named = splitNamed(text, names);
  if (named) return named;
  const [column, ...more] = table.key;
  if (column !== undefined && more.length === 0) return new Map([[column, text]]);
  const example = table.key.map((name) => `${name}=…`).join(',') || `${names[0] ?? 'column'}=…`;
  throw new BackupFailure('unsupported', `the key ${text} names no column of ${table.name}`, {
    remedy: `write it as --key '${example}'`,
  });
}

/** A comma begins the next one only when a column of the table follows it: values may hold commas. */
function splitNamed(text: string, names: readonly string[]): Condition | undefined {
  const found = new Map<string, string>();
  let last: string | undefined;
  for (const part of text.split(',')) {
    const name = names.find((candidate) => part.startsWith(`${candidate}=`));
    if (name !== undefined) found.set(name, part.slice(name.length + 1));
    else if (last !== undefined) found.set(last, `${found.get(last) ?? ''},${part}`);
    else return undefined;
    last = name ?? last;
  }
  return found;
}

/**
 * The same condition with values as the server writes them, so that `0017` finds 17 and an upper-case uuid is found.
 *
 * @throws BackupFailure `unsupported` when the column's type does not take the value
 */
export async function canonicalCondition(
  client: pg.Client,
  table: TargetTable,
  condition: Condition,
): Promise<Condition> {
  const canonical = new Map<string, string>();
  for (const [name, value] of condition) {
    const type = table.columns.find((column) => column.name === name)?.type ?? 'text';
    try {
      const { rows } = await client.query<{ text: string }>(`SELECT format('%s', $1::text::${type}) AS text`, [value]);
      canonical.set(name, rows[0]?.text ?? value);
    } catch (error) {
      const message = `${name} of ${table.name} cannot be ${value}: ${(error as Error).message}`;
      throw new BackupFailure('unsupported', message, { cause: error });
    }
  }
  return canonical;
}
