import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { quoteQualified } from '../connection/session.ts';
import { counted } from '../sentences.ts';
import type { OnProgress } from '../progress.ts';
import { measureLargeObjects } from './large-objects.ts';
import { isDetail, KINDS_OF_ROLES, listObjects } from './objects.ts';
import type { ManifestContent, ManifestTable } from './schema.ts';
import { listSequences, readSequences, sequenceFits } from './sequences.ts';
import { listTables, measureTable } from './tables.ts';

/** One thing that is not what the manifest says. */
export interface Difference {
  readonly kind: string;
  readonly name: string;
  /** Such as `1000 rows expected, 100 found`. */
  readonly what: string;
}

/** How a restored database is compared. */
export interface CompareOptions {
  /** The role that owned the dumped database. */
  readonly owner: string;
  /** Whether owners and rights were restored, and so are compared. */
  readonly withOwners: boolean;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/** A new database has these, whether or not the old one had. */
const ALWAYS_THERE: Readonly<Record<string, readonly string[]>> = { schema: ['public'], extension: ['plpgsql'] };

/**
 * Compares a restored database with the manifest: every table's rows, sequences, large objects, and the names of
 * everything else. The session must be in a transaction.
 *
 * @returns what differs; empty when the database is exactly what was dumped
 */
export async function compareContent(
  client: pg.Client,
  content: ManifestContent,
  how: CompareOptions,
): Promise<Difference[]> {
  const there = new Map((await listTables(client)).measured.map((table) => [keyOf(table), table.columns]));
  const differences = compareObjects(content.objects, await listObjects(client, how.owner), how.withOwners);
  for (const [i, table] of content.tables.entries()) {
    how.signal?.throwIfAborted();
    how.onProgress({ phase: 'comparing', done: i, total: content.tables.length, unit: 'tables' });
    differences.push(...(await compareTable(client, table, there.get(keyOf(table)))));
  }
  differences.push(...(await compareSequences(client, content)));
  const { count, checksum } = await measureLargeObjects(client);
  const expected = content.largeObjects;
  if (count !== expected.count || checksum !== expected.checksum) {
    const what = count === expected.count ? 'the content differs' : `${expected.count} expected, ${count} found`;
    differences.push({ kind: 'large objects', name: 'all', what });
  }
  return differences;
}

const keyOf = ({ schema, name }: { schema: string; name: string }): string => quoteQualified(schema, name);

const shown = (columns: ManifestTable['columns']): string => columns.map(({ name }) => name).join(', ') || 'none';

/** A column that a parent was given later stands elsewhere in its restored children; what else moves is among the details. */
const byName = (columns: ManifestTable['columns']): ManifestTable['columns'] =>
  columns.toSorted((a, b) => (a.name < b.name ? -1 : 1));

function compareObjects(
  expected: ManifestContent['objects'],
  found: ManifestContent['objects'],
  withOwners: boolean,
): Difference[] {
  const kinds = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const compared = [...kinds].filter(
    (kind) => (withOwners || !KINDS_OF_ROLES.has(kind)) && (kind in expected || !isDetail(kind)),
  );
  return compared.flatMap((kind) => {
    const there = new Set(found[kind]);
    const wanted = new Set(expected[kind]);
    const tolerated = ALWAYS_THERE[kind] ?? [];
    return [
      ...[...wanted].filter((name) => !there.has(name)).map((name) => ({ kind, name, what: 'is missing' })),
      ...[...there]
        .filter((name) => !wanted.has(name) && !tolerated.includes(name))
        .map((name) => ({ kind, name, what: 'was not in the dumped database' })),
    ];
  });
}

async function compareTable(
  client: pg.Client,
  table: ManifestTable,
  columns: ManifestTable['columns'] | undefined,
): Promise<Difference[]> {
  const difference = (what: string): Difference[] => [{ kind: 'rows', name: `${table.schema}.${table.name}`, what }];
  if (!columns) return difference(`${counted(table.rowCount, 'row')} expected, and the table is not there`);
  if (!isDeepStrictEqual(byName(columns), byName(table.columns)))
    return difference(`columns expected: ${shown(table.columns)}; found: ${shown(columns)}`);
  const found = await measureTable(client, table);
  if (found.rowCount !== table.rowCount)
    return difference(`${counted(table.rowCount, 'row')} expected, ${found.rowCount} found`);
  if (found.checksum !== table.checksum)
    return difference(`${counted(found.rowCount, 'row')} as expected, and their content differs`);
  if (found.generatedChecksum === table.generatedChecksum) return [];
  return difference('generated columns were computed to other values: what they are computed with has changed');
}

async function compareSequences(client: pg.Client, content: ManifestContent): Promise<Difference[]> {
  const values = await readSequences(client, await listSequences(client));
  return content.sequences.flatMap((sequence) => {
    const found = values.get(quoteQualified(sequence.schema, sequence.name));
    if (!found || sequenceFits(sequence, found)) return []; // a missing one is among the objects
    const what = `stands at ${found.lastValue}, and stood between ${sequence.before.lastValue} and ${sequence.after.lastValue}`;
    return [{ kind: 'sequence', name: `${sequence.schema}.${sequence.name}`, what }];
  });
}
