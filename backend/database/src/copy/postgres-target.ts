import type pg from 'pg';

/** A column of a PostgreSQL table. */
export interface TargetColumn {
  readonly name: string;
  /** As SQL writes it, without length and scale: a cast would cut off what does not fit, an assignment refuses it. */
  readonly type: string;
  /** Its base type, such as `timestamptz` or `bytea`; `enum` for enumerations. */
  readonly kind: string;
  readonly isRequired: boolean;
  readonly isGenerated: boolean;
  /** The sequence that numbers it. */
  readonly sequence: string | null;
}

/** A table of a PostgreSQL database. */
export interface TargetTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly TargetColumn[];
  readonly isFilled: boolean;
  readonly mayInsert: boolean;
}

/** A foreign key between tables. */
export interface TargetKey {
  readonly constraint: string;
  readonly child: string;
  readonly parent: string;
  readonly isDeferrable: boolean;
  readonly isDeferred: boolean;
}

const TABLES = `
  SELECT n.nspname AS schema, c.relname AS name, c.oid::text AS oid, has_table_privilege(c.oid, 'INSERT') AS "mayInsert",
         (SELECT json_agg(json_build_object(
             'name', a.attname, 'type', format_type(a.atttypid, -1),
             'kind', CASE WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END,
             'isRequired', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
             'isGenerated', a.attgenerated <> '',
             'sequence', pg_get_serial_sequence(c.oid::regclass::text, a.attname)) ORDER BY a.attnum)
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 2`;

/** The tables of a schema. Each is asked whether it holds a row. */
export async function targetTables(client: pg.ClientBase, schema: string): Promise<TargetTable[]> {
  const { rows } = await client.query<Omit<TargetTable, 'isFilled'>>(TABLES, [schema]);
  const tables: TargetTable[] = [];
  for (const row of rows) {
    const { rows: found } = await client.query<{ filled: boolean }>(
      `SELECT EXISTS (SELECT FROM ${qualified(client, row)}) AS filled`,
    );
    tables.push({ ...row, columns: row.columns ?? [], isFilled: found[0]?.filled === true });
  }
  return tables;
}

const KEYS = `
  SELECT k.conname AS constraint, c.relname AS child, p.relname AS parent,
         k.condeferrable AS "isDeferrable", k.condeferred AS "isDeferred"
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
   WHERE k.contype = 'f' AND k.conparentid = 0 AND k.connamespace = $1::regnamespace ORDER BY 1`;

/** The foreign keys of a schema. */
export async function targetKeys(client: pg.ClientBase, schema: string): Promise<TargetKey[]> {
  return (await client.query<TargetKey>(KEYS, [schema])).rows;
}

/** A table's name for SQL. */
export function qualified(client: pg.ClientBase, { schema, name }: { schema: string; name: string }): string {
  return `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`;
}
