import type pg from 'pg';
import type { OnProgress } from '../progress.ts';
import { measureLargeObjects } from './large-objects.ts';
import { listObjects } from './objects.ts';
import type { ManifestContent, ManifestTable } from './schema.ts';
import { joinSequences, listSequences, readSequences, type ListedSequence, type SequenceValues } from './sequences.ts';
import { measureTable, type CatalogueTables } from './tables.ts';

/** What is known before the dump begins. */
export interface OpenedContent {
  readonly tables: CatalogueTables;
  readonly sequences: readonly ListedSequence[];
  readonly before: SequenceValues;
}

/** Lists sequences and reads their values: before the dump, which may read them at any later moment. */
export async function openContent(client: pg.Client, tables: CatalogueTables): Promise<OpenedContent> {
  const sequences = await listSequences(client);
  return { tables, sequences, before: await readSequences(client, sequences) };
}

/**
 * Measures everything in the session's snapshot: one table after the other, which a dump beside it does not outrun.
 *
 * @param how `owner` is that of the database; `signal` stops between two tables
 */
export async function measureContent(
  client: pg.Client,
  { tables }: OpenedContent,
  how: { readonly owner: string; readonly onProgress: OnProgress; readonly signal?: AbortSignal | undefined },
): Promise<Omit<ManifestContent, 'sequences'>> {
  const total = tables.measured.length;
  const measured: ManifestTable[] = [];
  for (const table of tables.measured) {
    how.signal?.throwIfAborted();
    how.onProgress({ phase: 'measuring', done: measured.length, total, unit: 'tables' });
    const { schema, name, columns, condition, isUnlogged } = table;
    const facts = {
      schema,
      name,
      columns,
      ...(condition !== undefined && { condition }),
      ...(isUnlogged && { isUnlogged }),
    };
    measured.push({ ...facts, ...(await measureTable(client, table)) });
  }
  how.onProgress({ phase: 'measuring', done: total, total, unit: 'tables' });
  return {
    method: 'hash-columns-3',
    tables: measured,
    largeObjects: await measureLargeObjects(client),
    objects: await listObjects(client, how.owner),
    withoutRows: [...tables.withoutRows],
  };
}

/** Reads the sequences again, once the dump is done. */
export async function closeContent(
  client: pg.Client,
  opened: OpenedContent,
  measured: Omit<ManifestContent, 'sequences'>,
): Promise<ManifestContent> {
  const after = await readSequences(client, opened.sequences);
  return { ...measured, sequences: joinSequences(opened.sequences, opened.before, after) };
}
