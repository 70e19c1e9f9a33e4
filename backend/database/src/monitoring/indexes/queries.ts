import { defineQuery } from '../functions/define.ts';

/** Since when the counters count: an index that nobody used since yesterday may be needed at the end of the month. */
const STATS_SINCE = `(SELECT coalesce(stats_reset, pg_postmaster_start_time()) FROM pg_stat_database WHERE datname = current_database())`;
const OURS = `s.schemaname NOT IN ('pg_catalog', 'information_schema')`;
/** The size of what somebody holds exclusively is not asked for, since that would wait. */
const BYTES = `CASE WHEN s.relid IN (SELECT relid FROM held) OR s.indexrelid IN (SELECT relid FROM held) THEN c.relpages * current_setting('block_size')::bigint
    ELSE pg_relation_size(s.indexrelid) END`;
const HELD = `held AS MATERIALIZED (SELECT relation AS relid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`;

/** Indexes that only cost. */
export const unusedIndexes = defineQuery({
  name: 'get_unused_indexes',
  comment:
    'indexes that no query has used since stats_since and that no constraint needs; replicas count for themselves',
  parameters: [
    { name: 'min_bytes', type: 'int8', default: '0' },
    { name: 'max_rows', type: 'int4', default: 'NULL' },
  ],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    index_name: 'text',
    size_bytes: 'int8',
    scans: 'int8',
    stats_since: 'timestamptz?',
    definition: 'text',
  },
  sql: `
WITH ${HELD}, unused AS MATERIALIZED (
  SELECT s.*, ${BYTES} AS bytes
  FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid JOIN pg_class c ON c.oid = s.indexrelid
  WHERE s.idx_scan = 0 AND ${OURS} AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND i.indisvalid
    AND s.indexrelid NOT IN (SELECT conindid FROM pg_constraint)
    AND s.indexrelid NOT IN (SELECT inhrelid FROM pg_inherits)),
largest AS (SELECT * FROM unused WHERE bytes >= $1 ORDER BY bytes DESC LIMIT $2)
SELECT schemaname::text, relname::text, indexrelname::text, bytes, idx_scan, ${STATS_SINCE}, pg_get_indexdef(indexrelid)
FROM largest ORDER BY bytes DESC`,
});

/** How much each index is used. */
export const indexUsageStats = defineQuery({
  name: 'get_index_usage_stats',
  comment: 'indexes by their scans, the most used first; the share is of all scans of the table',
  parameters: [{ name: 'max_rows', type: 'int4', default: 'NULL' }],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    index_name: 'text',
    scans: 'int8',
    tuples_read: 'int8',
    tuples_fetched: 'int8',
    size_bytes: 'int8',
    is_unique: 'boolean',
    is_valid: 'boolean',
    table_index_percent: 'float8?',
    last_used: 'timestamptz?',
  },
  sql: `
WITH ${HELD}
SELECT s.schemaname::text, s.relname::text, s.indexrelname::text, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch, ${BYTES},
  i.indisunique, i.indisvalid,
  CASE WHEN t.seq_scan + coalesce(t.idx_scan, 0) > 0
    THEN round(100.0 * coalesce(t.idx_scan, 0) / (t.seq_scan + coalesce(t.idx_scan, 0)), 2)::float8 END,
  (to_jsonb(s)->>'last_idx_scan')::timestamptz
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid JOIN pg_class c ON c.oid = s.indexrelid
  JOIN pg_stat_user_tables t ON t.relid = s.relid
WHERE ${OURS}
ORDER BY s.idx_scan DESC, 1, 2, 3 LIMIT $1`,
});

/** Indexes that another one makes superfluous, and broken ones. */
export const indexProblems = defineQuery({
  name: 'get_index_problems',
  comment: 'invalid indexes (a CREATE INDEX CONCURRENTLY that failed) and indexes that are equal to another one',
  columns: {
    problem: 'text',
    schema_name: 'text',
    table_name: 'text',
    index_name: 'text',
    other_index: 'text?',
    definition: 'text',
  },
  sql: `
WITH ours AS (
  SELECT i.*, n.nspname, t.relname AS table_name, x.relname AS index_name, x.relam
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND x.relkind = 'i')
SELECT 'invalid', nspname::text, table_name::text, index_name::text, NULL, pg_get_indexdef(indexrelid)
FROM ours WHERE NOT indisvalid
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = indexrelid)
UNION ALL
SELECT 'duplicate', a.nspname::text, a.table_name::text, a.index_name::text, b.index_name::text, pg_get_indexdef(a.indexrelid)
FROM ours a JOIN ours b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.relam = a.relam
  AND b.indkey::text = a.indkey::text AND b.indnkeyatts = a.indnkeyatts AND b.indclass::text = a.indclass::text
  AND b.indoption::text = a.indoption::text AND b.indcollation::text = a.indcollation::text
  AND b.indexprs::text IS NOT DISTINCT FROM a.indexprs::text AND b.indpred::text IS NOT DISTINCT FROM a.indpred::text
WHERE a.indisvalid AND b.indisvalid AND NOT a.indisunique AND (b.indisunique OR b.indexrelid < a.indexrelid)
ORDER BY 1, 2, 3, 4`,
});

/** Which tables are read from end to end. */
export const sequentialScans = defineQuery({
  name: 'get_sequential_scans',
  comment: 'tables of at least min_rows rows that are read from end to end, by the rows read that way',
  parameters: [
    { name: 'min_rows', type: 'int8', default: '10000' },
    { name: 'max_rows', type: 'int4', default: '50' },
  ],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    estimated_rows: 'int8',
    sequential_scans: 'int8',
    rows_read: 'int8',
    index_scans: 'int8',
  },
  sql: `
SELECT schemaname::text, relname::text, n_live_tup, seq_scan, seq_tup_read, coalesce(idx_scan, 0)
FROM pg_stat_user_tables WHERE n_live_tup >= $1 AND seq_scan > 0
ORDER BY seq_tup_read DESC LIMIT $2`,
});

/** The names of all tables and their indexes, to see which are gone. */
export const indexNames = defineQuery({
  name: 'get_index_names',
  comment: 'all tables with their indexes; a table without any has one row',
  parameters: [{ name: 'max_rows', type: 'int4', default: 'NULL' }],
  columns: { table_name: 'text', index_name: 'text?', definition: 'text?' },
  sql: `
SELECT n.nspname || '.' || t.relname, x.relname::text, pg_get_indexdef(x.oid)
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indislive LEFT JOIN pg_class x ON x.oid = i.indexrelid
WHERE t.relkind IN ('r', 'm', 'p') AND t.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY t.oid, x.oid LIMIT $1`,
});

/** Row security that makes queries slow, or does not do what it seems to. */
export const rlsPerformance = defineQuery({
  name: 'check_rls_performance',
  comment:
    'policies that are evaluated needlessly often, lack an index or are not in force; NULL stands for all schemas',
  parameters: [{ name: 'schemas', type: 'text[]', default: 'NULL' }],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    policy_name: 'text?',
    finding: 'text',
    detail: 'text',
    recommendation: 'text',
    estimated_rows: 'int8',
  },
  sql: `
WITH tables AS (
  SELECT c.oid, n.nspname, c.relname, c.relrowsecurity, greatest(c.reltuples, 0)::bigint AS estimated_rows,
    (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND ($1::text[] IS NULL OR n.nspname = ANY ($1::text[]))),
policies AS (
  SELECT t.*, p.oid AS policy, p.polname, p.polpermissive, p.polroles, p.polcmd, c.commands,
    concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS expression
  FROM tables t JOIN pg_policy p ON p.polrelid = t.oid,
    LATERAL (SELECT CASE p.polcmd WHEN '*' THEN '{r,a,w,d}'::"char"[] ELSE ARRAY[p.polcmd] END AS commands) c),
called AS (
  SELECT DISTINCT p.oid, p.policy, p.nspname, p.relname, p.polname, p.estimated_rows, p.expression, m[1] AS function_name
  FROM policies p, regexp_matches(p.expression, '([a-z_][a-z0-9_]*(?:\\.[a-z_][a-z0-9_]*)?)\\(', 'gi') AS m)
SELECT nspname::text, relname::text, NULL, 'policies_not_in_force', policies || ' policies, but row security is off',
  'ALTER TABLE ... ENABLE ROW LEVEL SECURITY', estimated_rows
FROM tables WHERE policies > 0 AND NOT relrowsecurity
UNION ALL
SELECT nspname::text, relname::text, NULL, 'no_policy', 'row security is on without a policy: only its owner sees rows',
  'add a policy, or switch row security off', estimated_rows
FROM tables WHERE policies = 0 AND relrowsecurity
UNION ALL
SELECT c.nspname::text, c.relname::text, c.polname::text, 'function_per_row',
  c.function_name || '() is called for every row', 'write (SELECT ' || c.function_name || '()), which is evaluated once a query',
  c.estimated_rows
FROM called c
WHERE EXISTS (SELECT FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE f.provolatile <> 'i' AND f.proname = split_part(c.function_name, '.', -1)
      AND (n.nspname = split_part(c.function_name, '.', 1) OR c.function_name NOT LIKE '%.%'))
  AND c.expression !~* ('select\\s+(?:[a-z_"]+\\.)?' || split_part(c.function_name, '.', -1) || '\\(')
UNION ALL
SELECT DISTINCT p.nspname::text, p.relname::text, NULL, 'several_permissive_policies',
  count(*) || ' permissive policies for the same command and role: ' || string_agg(p.polname, ', ' ORDER BY p.polname),
  'join them with OR into one', max(p.estimated_rows)
FROM policies p, unnest(p.commands) AS command, unnest(p.polroles) AS role
WHERE p.polpermissive GROUP BY p.nspname, p.relname, p.oid, command, role HAVING count(*) > 1
UNION ALL
SELECT DISTINCT p.nspname::text, p.relname::text, p.polname::text, 'column_without_index',
  a.attname || ' is compared for every row and is the first column of no index', 'CREATE INDEX ON ' || p.relname || ' (' || a.attname || ')',
  p.estimated_rows
FROM policies p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.policy
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.oid AND d.refobjsubid > 0
  JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = d.refobjsubid
WHERE p.estimated_rows >= 10000
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = p.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
ORDER BY 1, 2, 4, 3`,
});

export const indexQueries = [
  unusedIndexes,
  indexUsageStats,
  indexProblems,
  sequentialScans,
  indexNames,
  rlsPerformance,
];
