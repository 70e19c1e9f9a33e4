import type pg from 'pg';
import { quoteQualified } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';

/** A column of a table as it is now. */
export interface TargetColumn {
  readonly name: string;
  /** With its modifiers, as SQL has it. */
  readonly type: string;
  readonly isGenerated: boolean;
  /** `GENERATED ALWAYS AS IDENTITY`: may be written when a row is inserted, and never changed. */
  readonly isFixed: boolean;
}

/** A foreign key of a table. */
export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** Of the table that it refers to. */
  readonly target: string;
  readonly targetColumns: readonly string[];
}

/** A sequence that gives a column its values. */
export interface OwnSequence {
  readonly schema: string;
  readonly name: string;
  readonly column: string;
  readonly isDescending: boolean;
  readonly least: string;
  readonly most: string;
}

/** A table as it is in the database now. */
export interface TargetTable {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly qualified: string;
  readonly columns: readonly TargetColumn[];
  /** Columns that tell its rows apart: the primary key, else a unique key that is never null, else none. */
  readonly key: readonly string[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Sequences that give its columns their values. */
  readonly sequences: readonly OwnSequence[];
  /** Under which names a dump holds its rows: its own, or those of its partitions. */
  readonly sources: readonly string[];
}

const DESCRIBE = `
SELECT c.oid::text, n.nspname AS schema, c.relname AS name,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
     'isGenerated', a.attgenerated <> '', 'isFixed', a.attidentity = 'a') ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  coalesce((SELECT json_agg(a.attname ORDER BY k.place)
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
   JOIN pg_attribute a ON a.attnum = k.attnum AND a.attrelid = c.oid
   WHERE i.indrelid = c.oid AND k.place <= i.indnkeyatts AND i.indisunique AND i.indisvalid AND i.indimmediate
     AND i.indpred IS NULL AND i.indexprs IS NULL
   GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
   ORDER BY i.indisprimary DESC, count(*), i.indexrelid LIMIT 1), '[]') AS key,
  coalesce((SELECT json_agg(DISTINCT jsonb_build_object('schema', qn.nspname, 'name', q.relname,
     'column', a.attname, 'isDescending', s.seqincrement < 0, 'least', s.seqmin::text, 'most', s.seqmax::text))
   FROM pg_attribute a JOIN pg_depend d
     ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
   LEFT JOIN pg_depend v ON d.classid = 'pg_attrdef'::regclass AND v.classid = d.classid AND v.objid = d.objid
     AND v.refclassid = 'pg_class'::regclass
   JOIN pg_class q ON q.relkind = 'S' AND q.oid = CASE d.classid WHEN 'pg_class'::regclass THEN d.objid ELSE v.refobjid END
   JOIN pg_sequence s ON s.seqrelid = q.oid JOIN pg_namespace qn ON qn.oid = q.relnamespace
   WHERE a.attrelid = c.oid AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)), '[]') AS sequences,
  coalesce((SELECT json_agg(json_build_object('name', o.conname, 'target', o.confrelid::text,
     'columns', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(o.conkey) WITH ORDINALITY AS k(attnum, place)
       JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.attnum),
     'targetColumns', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(o.confkey) WITH ORDINALITY AS k(attnum, place)
       JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.attnum)) ORDER BY o.conname)
   FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'f' AND o.conparentid = 0), '[]') AS "foreignKeys",
  CASE c.relkind WHEN 'p' THEN (SELECT json_agg(json_build_array(pn.nspname, p.relname))
     FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid JOIN pg_namespace pn ON pn.oid = p.relnamespace
     WHERE t.isleaf)
   ELSE json_build_array(json_build_array(n.nspname, c.relname)) END AS sources
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

type TableRow = Omit<TargetTable, 'qualified' | 'sources'> & { readonly sources: readonly [string, string][] | null };

/**
 * Finds a table by the name that somebody gave, as SQL reads it or letter for letter.
 *
 * @throws BackupFailure `conflict` when the database has none, or several, of that name
 */
export async function findTargetTable(client: pg.Client, name: string): Promise<TargetTable> {
  const { rows } = await client.query<TableRow>(
    `${DESCRIBE} AND (c.oid = to_regclass($1)::oid OR $1 IN (c.relname, n.nspname || '.' || c.relname))
     ORDER BY (c.oid = to_regclass($1)::oid) DESC NULLS LAST`,
    [name],
  );
  const exact = rows.filter((row) => row.name === name || `${row.schema}.${row.name}` === name);
  const [found] = rows;
  if (!found) {
    throw new BackupFailure('conflict', `the database has no table ${name}`, {
      remedy: 'restore the backup under another name and take the rows from there: clearway backup restore --to NAME',
    });
  }
  if (exact.length > 1) {
    const names = exact.map((row) => `${row.schema}.${row.name}`).join(', ');
    throw new BackupFailure('conflict', `there are several tables ${name}`, { remedy: `name one of ${names}` });
  }
  return targetTable(found);
}

/** Describes a table by its oid. */
export async function readTargetTable(client: pg.Client, oid: string): Promise<TargetTable> {
  const { rows } = await client.query<TableRow>(`${DESCRIBE} AND c.oid = $1::oid`, [oid]);
  if (!rows[0]) throw new BackupFailure('conflict', `the database has no table of oid ${oid} any more`);
  return targetTable(rows[0]);
}

const targetTable = ({ sources, ...row }: TableRow): TargetTable => ({
  ...row,
  qualified: quoteQualified(row.schema, row.name),
  sources: (sources ?? []).map(([schema, name]) => quoteQualified(schema, name)),
});
