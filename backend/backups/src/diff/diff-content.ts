import { isDeepStrictEqual } from 'node:util';
import { canonicalName } from '../archive/items.ts';
import { quoteQualified } from '../connection/session.ts';
import { isDetail } from '../manifest/objects.ts';
import type { ManifestContent, ManifestTable } from '../manifest/schema.ts';

/** What became of a table between two moments. */
export interface TableChange {
  readonly schema: string;
  readonly table: string;
  /** `rows`: another number; `content`: as many, with other values; `columns`: not comparable row by row. */
  readonly change: 'added' | 'removed' | 'rows' | 'content' | 'columns';
  readonly rowsBefore: number | null;
  readonly rowsAfter: number | null;
  /** What the columns were and are, when they differ. */
  readonly note?: string;
}

/** What became of something else than a table's rows. */
export interface ObjectChange {
  /** Such as `index` or `sequence`. */
  readonly kind: string;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly note?: string;
}

/** What differs between two contents; both lists are empty when nothing does. */
export interface ContentDiff {
  readonly tables: readonly TableChange[];
  readonly objects: readonly ObjectChange[];
  /** Tables that are the same to the last value. */
  readonly sameTables: number;
}

/**
 * Compares what a database held at two moments.
 *
 * @example
 * diffContent(older.manifest.content, newer.manifest.content).tables // [{ table: 'tracks', change: 'rows', … }]
 */
export function diffContent(before: ManifestContent, after: ManifestContent): ContentDiff {
  const then = new Map(before.tables.map((table) => [keyOf(table), table]));
  const now = new Map(after.tables.map((table) => [keyOf(table), table]));
  const keys = [...new Set([...then.keys(), ...now.keys()])].sort();
  const changes = keys.map((key) => tableChange(then.get(key), now.get(key)));
  const tables = changes.filter((change) => change !== undefined);
  const known = new Set(tables.map(({ schema, table }) => quoteQualified(schema, table)));
  // a table with rows of its own is told once
  const objects = objectChanges(before, after).filter(({ kind, name }) => {
    if (kind === 'columns') return !known.has(canonicalName(name.slice(0, name.indexOf(': '))));
    return kind !== 'table' || !known.has(canonicalName(name));
  });
  return { tables, objects, sameTables: changes.length - tables.length };
}

const keyOf = ({ schema, name }: Pick<ManifestTable, 'schema' | 'name'>): string => quoteQualified(schema, name);

const namesOf = ({ columns }: ManifestTable): string => columns.map(({ name }) => name).join(', ');

function tableChange(before: ManifestTable | undefined, after: ManifestTable | undefined): TableChange | undefined {
  const { schema, name } = (before ?? after) as ManifestTable;
  const rows = { rowsBefore: before?.rowCount ?? null, rowsAfter: after?.rowCount ?? null };
  const change = (kind: TableChange['change'], note?: string): TableChange => ({
    schema,
    table: name,
    change: kind,
    ...rows,
    ...(note !== undefined && { note }),
  });
  if (!before) return change('added');
  if (!after) return change('removed');
  if (!isDeepStrictEqual(before.columns, after.columns))
    return change('columns', `columns were: ${namesOf(before)}; are: ${namesOf(after)}`);
  if (before.rowCount !== after.rowCount) return change('rows');
  const isSame = before.checksum === after.checksum && before.generatedChecksum === after.generatedChecksum;
  return isSame ? undefined : change('content');
}

function objectChanges(before: ManifestContent, after: ManifestContent): ObjectChange[] {
  const kinds = [...new Set([...Object.keys(before.objects), ...Object.keys(after.objects)])]
    .filter((kind) => !isDetail(kind) || (kind in before.objects && kind in after.objects))
    .sort();
  const named = kinds.flatMap((kind): ObjectChange[] => {
    const then = new Set(before.objects[kind]);
    const now = new Set(after.objects[kind]);
    return [
      ...[...then].filter((name) => !now.has(name)).map((name) => ({ kind, name, change: 'removed' as const })),
      ...[...now].filter((name) => !then.has(name)).map((name) => ({ kind, name, change: 'added' as const })),
    ];
  });
  return [...named, ...sequenceChanges(before, after), ...largeObjectChanges(before, after)];
}

function sequenceChanges(before: ManifestContent, after: ManifestContent): ObjectChange[] {
  const now = new Map(after.sequences.map((sequence) => [keyOf(sequence), sequence]));
  return before.sequences.flatMap((sequence): ObjectChange[] => {
    const other = now.get(keyOf(sequence));
    if (!other || other.before.lastValue === sequence.after.lastValue) return []; // a missing one is among the objects
    const note = `stood at ${sequence.after.lastValue}, stands at ${other.before.lastValue}`;
    return [{ kind: 'sequence', name: `${sequence.schema}.${sequence.name}`, change: 'changed', note }];
  });
}

function largeObjectChanges(before: ManifestContent, after: ManifestContent): ObjectChange[] {
  const { count, checksum } = before.largeObjects;
  if (count === after.largeObjects.count && checksum === after.largeObjects.checksum) return [];
  const note =
    count === after.largeObjects.count ? 'their content differs' : `${count}, now ${after.largeObjects.count}`;
  return [{ kind: 'large objects', name: 'all', change: 'changed', note }];
}
