import type pg from 'pg';
import type { TableName, TypedColumn } from './reference.ts';

/** What is known of a table without reading it. */
export interface TableFacts {
  readonly table: TableName;
  readonly columns: readonly TypedColumn[];
  /** Columns of the primary key, or of another unique index without gaps; empty when there is none. */
  readonly key: readonly TypedColumn[];
  readonly estimatedRows: number | undefined;
}

interface Row {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly partitioned: boolean;
  readonly rows: number;
  readonly columns: readonly TypedColumn[];
  readonly key: readonly string[] | null;
}

const FACTS = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
         CASE WHEN c.relkind = 'p' THEN (SELECT sum(greatest(l.reltuples, 0)) FROM pg_partition_tree(c.oid) t
                                           JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf)
              ELSE c.reltuples END::float8 AS rows,
         (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         (SELECT (SELECT json_agg(a.attname ORDER BY k.n)
                    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts)
            FROM pg_index i
           WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
             AND i.indpred IS NULL AND i.indexprs IS NULL AND 0 = ALL (i.indoption::int2[])
             AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) AS k (attnum)
                               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE NOT a.attnotnull)
           ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;

function factsOf({ schema, name, partitioned, rows, columns, key }: Row): TableFacts {
  return {
    table: { schema, name, isPartitioned: partitioned },
    columns,
    key: (key ?? []).flatMap((wanted) => columns.filter((column) => column.name === wanted)),
    estimatedRows: rows >= 0 ? rows : undefined,
  };
}

/** The facts of tables, by their oid. Takes no lock on them. */
export async function tableFacts(client: pg.ClientBase, oids: readonly string[]): Promise<Map<string, TableFacts>> {
  const { rows } = await client.query<Row>(`${FACTS} WHERE c.oid = ANY ($1::oid[])`, [oids]);
  return new Map(rows.map((row) => [row.oid, factsOf(row)]));
}

/**
 * The facts of a table as a person names it.
 *
 * @param name `table` on the search path, or `schema.table`
 */
export async function tableNamed(client: pg.ClientBase, name: string): Promise<TableFacts | undefined> {
  const { rows } = await client.query<Row>(`${FACTS} WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')`, [
    name,
  ]);
  return rows[0] && factsOf(rows[0]);
}
