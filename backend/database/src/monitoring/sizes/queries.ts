import { defineQuery } from '../functions/define.ts';

const TABLE_COLUMNS = {
  schema_name: 'text',
  table_name: 'text',
  total_bytes: 'int8',
  table_bytes: 'int8',
  index_bytes: 'int8',
  toast_bytes: 'int8',
  estimated_rows: 'int8',
  dead_rows: 'int8',
  sequential_scans: 'int8',
  index_scans: 'int8',
  last_vacuum: 'timestamptz?',
  last_analyze: 'timestamptz?',
  locked: 'boolean',
} as const;

/**
 * The size functions wait for tables that somebody holds exclusively. Those are not asked: their sizes are what the last
 * VACUUM or ANALYZE wrote down.
 */
const tableSizes = (where: string): string => `
WITH held AS (
  SELECT DISTINCT coalesce(i.indrelid, t.oid, l.relation) AS relid
  FROM pg_locks l LEFT JOIN pg_index i ON i.indexrelid = l.relation LEFT JOIN pg_class t ON t.reltoastrelid = l.relation
  WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())),
tables AS (
  SELECT c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples, c.reltoastrelid, h.relid IS NOT NULL AS locked
  FROM pg_class c LEFT JOIN held h ON h.relid = c.oid WHERE ${where}),
sizes AS (
  SELECT t.*, CASE WHEN locked THEN relpages * current_setting('block_size')::bigint ELSE pg_relation_size(oid) END AS heap,
    CASE WHEN locked THEN (SELECT coalesce(sum(x.relpages), 0) * current_setting('block_size')::bigint
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = t.oid) ELSE pg_indexes_size(oid) END AS indexes,
    CASE WHEN reltoastrelid = 0 THEN 0
      WHEN locked THEN (SELECT x.relpages * current_setting('block_size')::bigint FROM pg_class x WHERE x.oid = t.reltoastrelid)
      ELSE pg_total_relation_size(reltoastrelid) END AS toast
  FROM tables t)
SELECT n.nspname::text, z.relname::text, (z.heap + z.indexes + z.toast)::bigint, z.heap::bigint, z.indexes::bigint,
  z.toast::bigint, coalesce(nullif(s.n_live_tup, 0), greatest(z.reltuples, 0)::bigint), coalesce(s.n_dead_tup, 0), coalesce(s.seq_scan, 0), coalesce(s.idx_scan, 0),
  greatest(s.last_vacuum, s.last_autovacuum), greatest(s.last_analyze, s.last_autoanalyze), z.locked
FROM sizes z JOIN pg_namespace n ON n.oid = z.relnamespace LEFT JOIN pg_stat_all_tables s ON s.relid = z.oid`;

/** One table. */
export const tableSize = defineQuery({
  name: 'get_table_size',
  comment: 'the size of one table with its indexes and TOAST; table_name as in a query, such as public.tracks',
  parameters: [{ name: 'table_name', type: 'text' }],
  columns: TABLE_COLUMNS,
  sql: tableSizes(`c.oid = $1::regclass AND c.relkind IN ('r', 'm', 'p')`),
});

/** All tables. */
export const allTableSizes = defineQuery({
  name: 'get_all_table_sizes',
  comment: 'the sizes of all tables, the largest first; locked ones are not waited for but estimated',
  parameters: [{ name: 'max_rows', type: 'int4', default: 'NULL' }],
  columns: TABLE_COLUMNS,
  sql: `${tableSizes(`c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema'))`)}
ORDER BY 3 DESC LIMIT $1`,
});

/** The database as a whole. */
export const databaseSize = defineQuery({
  name: 'get_database_size',
  comment: 'the size of this database, and what it did since the statistics began',
  columns: {
    database_name: 'text',
    size_bytes: 'int8',
    commits: 'int8',
    rollbacks: 'int8',
    cache_hit_percent: 'float8?',
    deadlocks: 'int8',
    temp_bytes: 'int8',
    conflicts: 'int8',
    stats_since: 'timestamptz?',
    tables: 'int4',
  },
  sql: `
SELECT datname::text, pg_database_size(datid), xact_commit, xact_rollback,
  CASE WHEN blks_hit + blks_read > 0 THEN round(100.0 * blks_hit / (blks_hit + blks_read), 2)::float8 END,
  deadlocks, temp_bytes, conflicts, stats_reset,
  (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema'))
FROM pg_stat_database WHERE datname = current_database()`,
});

export const sizeQueries = [tableSize, allTableSizes, databaseSize];
