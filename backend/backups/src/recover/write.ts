import type pg from 'pg';
import { quoteName } from '../connection/session.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { isMissing, sameKey, type StagedRows } from './stage.ts';

/** How many rows were written. */
export interface Written {
  readonly inserted: number;
  readonly updated: number;
}

/**
 * Writes staged rows: those that are missing, and with `overwrite` those that have changed. What they refer to is written
 * first. The session must be in a transaction.
 *
 * @throws BackupFailure `conflict` when the database refuses a row, with the reason
 */
export async function writeStaged(
  client: pg.Client,
  groups: readonly StagedRows[],
  overwrite: boolean,
): Promise<Written> {
  let inserted = 0;
  let updated = 0;
  for (const staged of groups.toReversed()) {
    try {
      inserted += await insertMissing(client, staged);
      if (overwrite) updated += await updateChanged(client, staged);
    } catch (error) {
      throw explained(error, staged);
    }
  }
  try {
    // what is checked at the end of a transaction is checked before anything is shown
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  } catch (error) {
    throw explained(error, groups[0]);
  }
  return { inserted, updated };
}

async function insertMissing(client: pg.Client, staged: StagedRows): Promise<number> {
  const { table, staging, columns } = staged;
  const names = columns.map(quoteName).join(', ');
  const { rowCount } = await client.query(
    `INSERT INTO ${table.qualified} (${names}) OVERRIDING SYSTEM VALUE
     SELECT ${names} FROM ${staging} r WHERE ${isMissing(staged)} ORDER BY clearway_place`,
  );
  return rowCount ?? 0;
}

async function updateChanged(client: pg.Client, { table, staging, columns }: StagedRows): Promise<number> {
  const fixed = new Set(table.columns.filter(({ isFixed }) => isFixed).map(({ name }) => name));
  const set = columns.filter((name) => !fixed.has(name) && !table.key.includes(name)).map(quoteName);
  if (set.length === 0 || table.key.length === 0) return 0;
  const texts = (alias: string): string => set.map((name) => `format('%s', ${alias}.${name})`).join(', ');
  const nulls = (alias: string): string => set.map((name) => `${alias}.${name} IS NULL`).join(', ');
  const { rowCount } = await client.query(
    `UPDATE ${table.qualified} l SET ${set.map((name) => `${name} = r.${name}`).join(', ')} FROM ${staging} r
     WHERE ${sameKey(table, 'l', 'r')}
       AND ROW(${texts('l')}, ${nulls('l')}) IS DISTINCT FROM ROW(${texts('r')}, ${nulls('r')})`,
  );
  return rowCount ?? 0;
}

const REMEDIES: Readonly<Record<string, string>> = {
  '23503': 'take along what the rows refer to: --with-references',
  '23505': 'another row has that value now: change it, or leave this row out',
  '23502': 'the table has got a column since that must have a value: recover by hand from a restored copy',
  '23514': 'a rule of the table has changed since: recover by hand from a restored copy',
};

function explained(error: unknown, staged: StagedRows | undefined): BackupFailure {
  const { code = '', detail, table } = error as { code?: string; detail?: string; table?: string };
  if (!/^(23|P0001|428C9)/.test(code)) return asBackupFailure(error, 'conflict');
  const why = detail === undefined ? '' : `: ${detail}`;
  const where = table ?? staged?.table.name ?? 'the table';
  const remedy = REMEDIES[code];
  return new BackupFailure('conflict', `${where} does not take the rows: ${(error as Error).message}${why}`, {
    cause: error,
    ...(remedy !== undefined && { remedy }),
  });
}
