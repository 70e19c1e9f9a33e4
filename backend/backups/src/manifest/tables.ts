import type pg from 'pg';
import { quoteQualified } from '../connection/session.ts';
import { formOf, rowHash } from './row-hash.ts';
import type { ManifestTable } from './schema.ts';

/** A table whose rows belong into the dump, before they are counted. */
export interface TableToMeasure extends Pick<
  ManifestTable,
  'schema' | 'name' | 'columns' | 'condition' | 'isUnlogged'
> {
  readonly oid: string;
  readonly sizeBytes: number;
}

/** What the catalogue lists as tables. */
export interface CatalogueTables {
  readonly measured: readonly TableToMeasure[];
  readonly withoutRows: readonly { readonly schema: string; readonly name: string; readonly why: string }[];
}

interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'm' | 'f';
  readonly persistence: 'p' | 'u';
  readonly extension: string | null;
  readonly is_configuration: boolean;
  readonly condition: string | null;
  readonly size: string;
  readonly columns: readonly { name: string; type: string; is_system: boolean; generated: string }[] | null;
}

/**
 * From the catalogue, so that a table which cannot be read is missed by nobody. A `bpchar` without a length goes as its
 * output: it keeps blanks at the end, which its cast to text loses.
 */
const TABLES = `
SELECT c.oid::text, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
  e.extname AS extension, config.oid IS NOT NULL AS is_configuration, nullif(config.condition, '') AS condition,
  CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END AS size,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', t.typname, 'generated', a.attgenerated,
      'is_system', t.typnamespace = 'pg_catalog'::regnamespace AND (t.typname <> 'bpchar' OR a.atttypmod >= 0)) ORDER BY a.attnum)
   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
LEFT JOIN (SELECT unnest(extconfig) AS oid, unnest(extcondition) AS condition FROM pg_extension) config ON config.oid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname`;

/** Lists all tables of the database. */
export async function listTables(client: pg.Client): Promise<CatalogueTables> {
  const { rows } = await client.query<TableRow>(TABLES);
  const measured: TableToMeasure[] = [];
  const withoutRows: { schema: string; name: string; why: string }[] = [];
  for (const row of rows) {
    const why = whyWithoutRows(row);
    if (why === undefined) measured.push(toMeasure(row));
    else withoutRows.push({ schema: row.schema, name: row.name, why });
  }
  return { measured, withoutRows };
}

function whyWithoutRows({ kind, extension, is_configuration: isConfiguration }: TableRow): string | undefined {
  if (extension !== null && !isConfiguration) return `belongs to the extension ${extension}, which makes it anew`;
  if (kind === 'p') return 'is partitioned: its partitions are compared';
  if (kind === 'm') return 'is a materialized view: it is computed anew when it is restored';
  if (kind === 'f') return 'is a foreign table: its rows are elsewhere';
  return undefined;
}

function toMeasure(row: TableRow): TableToMeasure {
  const columns = (row.columns ?? [])
    // a virtual one has no stored value
    .filter(({ generated }) => generated !== 'v')
    .map(({ name, type, is_system: isSystem, generated }) => ({
      name,
      form: formOf(type, isSystem),
      ...(generated === 's' && { isGenerated: true }),
    }));
  return {
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    columns,
    ...(row.condition !== null && { condition: row.condition }),
    ...(row.persistence === 'u' && { isUnlogged: true }),
    sizeBytes: Number(row.size),
  };
}

const sumOf = (columns: ManifestTable['columns']): string => `coalesce(sum(${rowHash(columns)}), 0)::text`;

/** What a table held: equal for equal rows in whatever order. */
export type Measured = Pick<ManifestTable, 'rowCount' | 'checksum' | 'generatedChecksum'>;

/**
 * Counts a table's rows and sums their hashes, in the session's snapshot.
 *
 * @param table columns and condition decide what is compared, so both sides are given the same ones
 * @throws the database's error, also when row-level security would hide rows from the role
 */
export async function measureTable(
  client: pg.Client,
  table: Pick<ManifestTable, 'schema' | 'name' | 'columns' | 'condition'>,
): Promise<Measured> {
  const stored = table.columns.filter(({ isGenerated }) => !isGenerated);
  const generated = table.columns.filter(({ isGenerated }) => isGenerated);
  const sums = [`count(*)::text AS count`, `${sumOf(stored)} AS checksum`];
  if (generated.length > 0) sums.push(`${sumOf(generated)} AS generated`);
  const { rows } = await client.query<{ count: string; checksum: string; generated?: string }>(
    `SELECT ${sums.join(', ')} FROM ONLY ${quoteQualified(table.schema, table.name)} AS t ${table.condition ?? ''}`,
  );
  const [row] = rows;
  if (!row) throw new Error('an aggregate without a row');
  return {
    rowCount: Number(row.count),
    checksum: row.checksum,
    ...(row.generated !== undefined && { generatedChecksum: row.generated }),
  };
}
