import type pg from 'pg';
import type { OffendingRows } from '../read-only/read-offending.ts';

/** Something in the catalogue that lets wrong rows in, or hides that they are there. */
export interface CatalogueFinding {
  readonly id: string;
  readonly title: string;
  readonly remedy: string;
  readonly sql: string;
}

const OWN_TABLES = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relpersistence <> 't'`;

/** Each query returns one JSON object an object found. */
export const CATALOGUE_FINDINGS: readonly CatalogueFinding[] = [
  {
    id: 'disabled-triggers',
    title: 'Triggers that are disabled: what they enforce is not enforced',
    remedy: 'ALTER TABLE … ENABLE TRIGGER …; then look at the foreign keys of the table',
    sql: `SELECT json_build_object('table', t.tgrelid::regclass::text,
                 'trigger', CASE WHEN t.tgisinternal THEN 'foreign key ' || coalesce(k.conname, t.tgname) ELSE t.tgname END) AS found
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
           WHERE t.tgenabled IN ('D', 'R') AND ${OWN_TABLES} AND t.tgparentid = 0
           GROUP BY t.tgrelid, CASE WHEN t.tgisinternal THEN 'foreign key ' || coalesce(k.conname, t.tgname) ELSE t.tgname END`,
  },
  {
    id: 'unvalidated-constraints',
    title: 'Constraints that were never validated: rows from before them may break them',
    remedy: 'mend the rows, then ALTER TABLE … VALIDATE CONSTRAINT …',
    sql: `SELECT json_build_object('table', k.conrelid::regclass::text, 'constraint', k.conname) AS found
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE NOT k.convalidated AND ${OWN_TABLES} AND k.conparentid = 0`,
  },
  {
    id: 'invalid-indexes',
    title: 'Indexes that are invalid: they are not used, and a unique one lets duplicates in',
    remedy: 'REINDEX INDEX CONCURRENTLY …, or drop it',
    sql: `SELECT json_build_object('table', i.indrelid::regclass::text, 'index', i.indexrelid::regclass::text) AS found
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE NOT i.indisvalid AND ${OWN_TABLES}
             AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)`,
  },
  {
    id: 'replication-role',
    title: 'Roles or databases whose sessions skip triggers: foreign keys are not enforced in them',
    remedy: 'ALTER ROLE … RESET session_replication_role, or ALTER DATABASE … RESET session_replication_role',
    sql: `SELECT json_build_object('role', r.rolname, 'database', d.datname) AS found
            FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
           WHERE s.setconfig && ARRAY['session_replication_role=replica', 'session_replication_role=local']
             AND (s.setdatabase = 0 OR d.datname = current_database())`,
  },
];

/** Looks at the catalogue, in one transaction that the caller has begun. */
export async function readFinding(
  client: pg.ClientBase,
  { sql }: CatalogueFinding,
  sampleSize: number,
): Promise<OffendingRows> {
  const { rows } = await client.query<{ count: number; sample: Record<string, string | null>[] | null }>(
    `SELECT count(*)::int AS count, json_agg(found) FILTER (WHERE n <= $1) AS sample
       FROM (SELECT found, row_number() OVER (ORDER BY found::text) AS n FROM (${sql}) AS f) AS findings`,
    [sampleSize],
  );
  return { count: rows[0]?.count ?? 0, isBound: false, sample: rows[0]?.sample ?? [] };
}
