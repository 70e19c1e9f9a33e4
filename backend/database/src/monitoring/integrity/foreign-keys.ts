import type pg from 'pg';
import { tableFacts } from './catalogue.ts';
import type { Reference, TypedColumn } from './reference.ts';

/** A foreign key of a database: what it promises, and whether PostgreSQL enforces it at present. */
export interface ForeignKey {
  /** `schema.table.constraint`, unique in a database. */
  readonly id: string;
  /** What refers to what, for people. */
  readonly title: string;
  /** Undefined when it cannot be examined; then `skipped` says why. */
  readonly reference: Reference | undefined;
  readonly skipped: string | undefined;
  /** PostgreSQL's own flag, which says nothing of rows that were written while nothing was enforced. */
  readonly isValidated: boolean;
  /** Why it is not enforced for new rows; empty when it is. */
  readonly notEnforced: readonly string[];
}

interface Row {
  readonly id: string;
  readonly child: string;
  readonly parent: string;
  readonly child_name: string;
  readonly parent_name: string;
  readonly child_columns: readonly string[];
  readonly parent_columns: readonly string[];
  readonly operators: readonly string[];
  readonly match_full: boolean;
  readonly validated: boolean;
  readonly enforced: boolean;
  readonly temporal: boolean;
  readonly readable: boolean;
  readonly disabled: readonly string[];
}

/** `conenforced` and `conperiod` came with PostgreSQL 18: looked up by name, so that one query serves all versions. */
const FOREIGN_KEYS = `
  SELECT format('%s.%s.%s', n.nspname, c.relname, k.conname) AS id,
         k.conrelid::text AS child, k.confrelid::text AS parent, c.relname AS child_name, p.relname AS parent_name,
         (SELECT json_agg(a.attname ORDER BY x.n) FROM unnest(k.conkey) WITH ORDINALITY AS x (attnum, n)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.attnum) AS child_columns,
         (SELECT json_agg(a.attname ORDER BY x.n) FROM unnest(k.confkey) WITH ORDINALITY AS x (attnum, n)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.attnum) AS parent_columns,
         (SELECT json_agg(format('OPERATOR(%I.%s)', os.nspname, o.oprname) ORDER BY x.n)
            FROM unnest(k.conpfeqop) WITH ORDINALITY AS x (op, n)
            JOIN pg_operator o ON o.oid = x.op JOIN pg_namespace os ON os.oid = o.oprnamespace) AS operators,
         k.confmatchtype = 'f' AS match_full, k.convalidated AS validated,
         coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AS enforced,
         coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) AS temporal,
         has_any_column_privilege(k.conrelid, 'SELECT') AND has_any_column_privilege(k.confrelid, 'SELECT')
           AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_schema_privilege(p.relnamespace, 'USAGE') AS readable,
         coalesce((SELECT json_agg(DISTINCT format('%s on %s', t.tgname, t.tgrelid::regclass))
                     FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled IN ('D', 'R')), '[]') AS disabled
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class p ON p.oid = k.confrelid
   WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relpersistence <> 't'
   ORDER BY 1`;

/**
 * Every foreign key of a database, also those that were never validated. Reads the catalogue only.
 *
 * @param client connected; the role needs no rights for this
 */
export async function foreignKeys(client: pg.ClientBase): Promise<ForeignKey[]> {
  const { rows } = await client.query<Row>(FOREIGN_KEYS);
  const facts = await tableFacts(client, [...new Set(rows.flatMap(({ child, parent }) => [child, parent]))]);
  return rows.map((row) => {
    const child = facts.get(row.child);
    const parent = facts.get(row.parent);
    const title = `${row.child_name} (${row.child_columns.join(', ')}) → ${row.parent_name} (${row.parent_columns.join(', ')})`;
    const flags = { id: row.id, title, isValidated: row.validated, notEnforced: notEnforced(row) };
    const no = (skipped: string): ForeignKey => ({ ...flags, reference: undefined, skipped });
    if (!child || !parent) return no('the table was dropped meanwhile');
    if (row.temporal) return no('keys over periods are not examined');
    if (!row.readable) return no('the role may not read both tables: GRANT SELECT on them');
    if (child.table.isPartitioned && child.key.length === 0) return no('a partitioned table without a primary key');
    const column = (columns: readonly TypedColumn[], name: string | undefined): TypedColumn =>
      columns.find((candidate) => candidate.name === name) ?? { name: String(name), type: 'text' };
    const reference: Reference = {
      child: child.table,
      parent: parent.table,
      key: child.key,
      estimatedRows: child.estimatedRows,
      isMatchFull: row.match_full,
      pairs: row.child_columns.map((name, i) => ({
        from: column(child.columns, name),
        to: column(parent.columns, row.parent_columns[i]),
        operator: row.operators[i] ?? '=',
        source: { kind: 'column' },
      })),
    };
    return { ...flags, reference, skipped: undefined };
  });
}

function notEnforced({ enforced, validated, disabled }: Row): string[] {
  return [
    ...(enforced ? [] : ['declared NOT ENFORCED']),
    ...(validated ? [] : ['never validated (NOT VALID): rows that were there before it are not covered']),
    ...disabled.map((trigger) => `trigger ${trigger} is disabled`),
  ];
}
