import { canonicalName, type OpenArchive } from '../archive/items.ts';
import { openDump } from '../archive/open-dump.ts';
import { readToEnd } from '../archive/byte-reader.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { BackupFailure } from '../failures.ts';
import type { OnProgress } from '../progress.ts';
import { copyColumns, fieldOf, linesOf, unescapeField, valuesOf, type RowValues } from './copy-rows.ts';
import type { Condition } from './keys.ts';
import type { TargetTable } from './target-table.ts';

/** Rows of a table that are looked for. */
export interface Wanted {
  readonly table: TargetTable;
  /** A row is meant when one of them fits. */
  readonly conditions: readonly Condition[];
}

/** Rows of a table that a backup holds. */
export interface FoundRows {
  readonly table: TargetTable;
  /** Names of the columns, in the order of the values. */
  readonly columns: readonly string[];
  readonly rows: readonly RowValues[];
}

/** More are not shown to anybody before they are written: that is a restore. */
export const MOST_ROWS = 10_000;

/** How a backup is read. */
export interface ReadOptions {
  readonly identities?: readonly string[] | undefined;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads rows out of a backup, in one pass to its last byte: what comes out is what was stored.
 *
 * @throws BackupFailure `damaged`, `key-missing`, `key-wrong`, `not-found` when the backup does not hold the table
 */
export async function readRows(
  backup: StoredBackup,
  wanted: readonly Wanted[],
  options: ReadOptions,
): Promise<FoundRows[]> {
  const total = backup.manifest.files.find(({ role }) => role === 'dump')?.sizeBytes;
  const dump = await openDump(backup, {
    identities: options.identities,
    onBytes: (done) =>
      options.onProgress({ phase: 'decoding', done, ...(total !== undefined && { total }), unit: 'bytes' }),
  });
  try {
    const found = await readArchive(dump.archive, wanted, options.signal);
    await dump.finish();
    const missing = wanted.find(({ table }) => !found.has(table));
    if (missing) throw new BackupFailure('not-found', `${backup.id} holds no table ${missing.table.name}`);
    return [...found.values()];
  } finally {
    dump.close();
  }
}

async function readArchive(
  archive: OpenArchive,
  wanted: readonly Wanted[],
  signal: AbortSignal | undefined,
): Promise<Map<TargetTable, FoundRows>> {
  const found = new Map<TargetTable, FoundRows>();
  for await (const item of archive.items) {
    signal?.throwIfAborted();
    if (item.kind === 'sql') continue;
    const name = item.kind === 'large-object' ? '' : canonicalName(item.table);
    const asked = wanted.find(({ table }) => table.sources.includes(name));
    if (!asked || item.kind === 'large-object') await readToEnd(item.data);
    else if (item.kind === 'script') {
      throw new BackupFailure('unsupported', `the dump holds ${name} as INSERT statements: rows cannot be taken out`, {
        remedy: 'restore it under another name and take the rows from there: clearway backup restore --to NAME',
      });
    } else {
      const before = found.get(asked.table)?.rows ?? [];
      const columns = copyColumns(item.sql);
      const rows = await matchingRows(item.data, columns, asked);
      found.set(asked.table, { table: asked.table, columns, rows: [...before, ...rows] });
      assertFew(before.length + rows.length, asked.table);
    }
  }
  return found;
}

async function matchingRows(
  data: AsyncIterable<Buffer>,
  columns: readonly string[],
  { table, conditions }: Wanted,
): Promise<RowValues[]> {
  const tests = conditions.map((condition) =>
    [...condition].map(([name, value]) => ({ index: indexOf(columns, name, table), value })),
  );
  const rows: RowValues[] = [];
  for await (const line of linesOf(data)) {
    const isMeant = tests.some((test) => test.every(({ index, value }) => isValue(fieldOf(line, index), value)));
    if (!isMeant) continue;
    rows.push(valuesOf(line));
    assertFew(rows.length, table);
  }
  return rows;
}

function isValue(field: Buffer | undefined, value: string): boolean {
  return field !== undefined && unescapeField(field.toString('utf8')) === value;
}

function indexOf(columns: readonly string[], name: string, table: TargetTable): number {
  const index = columns.indexOf(name);
  if (index >= 0) return index;
  throw new BackupFailure('conflict', `${table.name} had no column ${name} when it was backed up`, {
    remedy: `name another one: it had ${columns.join(', ')}`,
  });
}

function assertFew(count: number, { name }: TargetTable): void {
  if (count <= MOST_ROWS) return;
  throw new BackupFailure('unsupported', `more than ${MOST_ROWS} rows of ${name} are meant`, {
    remedy: 'name fewer, or restore the backup under another name: clearway backup restore --to NAME',
  });
}
