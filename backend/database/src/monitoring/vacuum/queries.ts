import { CALLER_MONITORS, defineQuery } from '../functions/define.ts';

/** Where the server stops to take new transactions, three million before the ids would come round again. */
const XID_LIMIT = '(2147483648 - 3000000)';
const setting = (name: string): string => `current_setting('${name}')::float8`;

/** Dead rows, and whether autovacuum is behind. */
export const vacuumStatus = defineQuery({
  name: 'get_vacuum_status',
  comment: 'tables by dead rows, with the number at which autovacuum comes, and what it is doing there',
  parameters: [{ name: 'max_rows', type: 'int4', default: '50' }],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    live_rows: 'int8',
    dead_rows: 'int8',
    dead_percent: 'float8',
    vacuum_at: 'int8',
    is_due: 'boolean',
    autovacuum_enabled: 'boolean',
    last_vacuum: 'timestamptz?',
    last_analyze: 'timestamptz?',
    changed_since_analyze: 'int8',
    running_phase: 'text?',
  },
  sql: `
SELECT nspname::text, relname::text, n_live_tup, n_dead_tup,
  round(100.0 * n_dead_tup / greatest(n_live_tup + n_dead_tup, 1), 2)::float8, vacuum_at,
  n_dead_tup > vacuum_at, enabled, last_vacuum, last_analyze, n_mod_since_analyze, phase
FROM (
  SELECT n.nspname, c.relname, s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
    (coalesce((o.options->>'autovacuum_vacuum_threshold')::float8, ${setting('autovacuum_vacuum_threshold')})
      + coalesce((o.options->>'autovacuum_vacuum_scale_factor')::float8, ${setting('autovacuum_vacuum_scale_factor')})
        * greatest(c.reltuples, 0))::bigint AS vacuum_at,
    current_setting('autovacuum')::boolean AND coalesce((o.options->>'autovacuum_enabled')::boolean, true) AS enabled,
    greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum, greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze,
    p.phase
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_stat_all_tables s ON s.relid = c.oid
    LEFT JOIN pg_stat_progress_vacuum p ON p.relid = c.oid,
    LATERAL (SELECT jsonb_object_agg(split_part(option, '=', 1), split_part(option, '=', 2)) AS options
      FROM unnest(c.reloptions) AS option) o
  WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')) t
ORDER BY n_dead_tup DESC, n_live_tup DESC LIMIT $1`,
});

/**
 * Bloat by statistics: how many bytes the rows would need by their average width, against what the table has. Rough, and
 * it reads nothing of the tables. The widths are visible to roles that may read the table.
 */
export const bloat = defineQuery({
  name: 'get_bloat',
  comment:
    'estimated unused space of tables and btree indexes; a role sees those of tables that it may read, all with pg_monitor',
  withOwnersRights: true,
  parameters: [
    { name: 'min_bytes', type: 'int8', default: '1048576' },
    { name: 'max_rows', type: 'int4', default: '50' },
  ],
  columns: {
    schema_name: 'text',
    table_name: 'text',
    index_name: 'text?',
    size_bytes: 'int8',
    bloat_bytes: 'int8?',
    bloat_percent: 'float8?',
    visible: 'boolean',
  },
  sql: `
WITH block AS (SELECT current_setting('block_size')::float8 AS size),
tables AS (
  SELECT c.oid, n.nspname, c.relname, c.reltuples, c.relpages, has_table_privilege(c.oid, 'SELECT') AND (has_table_privilege(session_user, c.oid, 'SELECT') OR ${CALLER_MONITORS}) AS visible,
    coalesce((SELECT split_part(o, '=', 2)::float8 FROM unnest(c.reloptions) o WHERE o LIKE 'fillfactor=%'), 100) / 100 AS fill
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')),
widths AS (
  SELECT t.oid, count(a.attname) AS columns, count(s.attname) AS known, sum((1 - s.null_frac) * s.avg_width) AS width,
    bool_or(s.null_frac > 0) AS has_nulls
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_stats s ON s.schemaname = t.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
  WHERE t.relpages * (SELECT size FROM block) >= $1 GROUP BY t.oid),
index_widths AS (
  SELECT i.indexrelid, i.indrelid, count(*) AS columns, count(s.attname) AS known, sum((1 - s.null_frac) * s.avg_width) AS width
  FROM pg_index i JOIN tables t ON t.oid = i.indrelid CROSS JOIN LATERAL unnest(i.indkey) AS key
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key
    LEFT JOIN pg_stats s ON s.schemaname = t.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
  WHERE i.indisvalid GROUP BY i.indexrelid, i.indrelid),
needed AS (
  SELECT t.nspname, t.relname, NULL::name AS index_name, t.visible AND w.known = w.columns AS visible, t.relpages,
    ceil(t.reltuples * (28 + ceil((w.width + CASE WHEN w.has_nulls THEN (w.columns + 7) / 8 ELSE 0 END) / 8) * 8)
      / ((b.size - 24) * t.fill)) AS pages
  FROM tables t JOIN widths w ON w.oid = t.oid, block b
  UNION ALL
  SELECT t.nspname, t.relname, x.relname, t.visible AND w.known = w.columns, x.relpages,
    ceil(x.reltuples * (12 + ceil(w.width / 8) * 8) / ((b.size - 40) * 0.9)) + 1
  FROM tables t JOIN index_widths w ON w.indrelid = t.oid JOIN pg_class x ON x.oid = w.indexrelid
    JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree', block b
  WHERE x.reltuples >= 0 AND x.relpages * b.size >= $1)
SELECT nspname::text, relname::text, index_name::text, (relpages * b.size)::bigint,
  CASE WHEN visible THEN (greatest(relpages - pages, 0) * b.size)::bigint END,
  CASE WHEN visible THEN round((100 * greatest(relpages - pages, 0) / greatest(relpages, 1))::numeric, 1)::float8 END, visible
FROM needed, block b
ORDER BY visible DESC, greatest(relpages - pages, 0) DESC NULLS LAST LIMIT $2`,
});

/** Sequences that come to their end. */
export const sequenceUsage = defineQuery({
  name: 'get_sequence_usage',
  comment:
    'sequences by how much of them or of their column is used up; a role sees those that it may read, all with pg_monitor',
  withOwnersRights: true,
  parameters: [
    { name: 'min_percent', type: 'float8', default: '0' },
    { name: 'max_rows', type: 'int4', default: '100' },
  ],
  columns: {
    schema_name: 'text',
    sequence_name: 'text',
    column_name: 'text?',
    last_value: 'int8?',
    limit_value: 'int8',
    used_percent: 'float8?',
    limited_by: 'text',
    cycles: 'boolean',
    visible: 'boolean',
  },
  sql: `
SELECT nspname::text, relname::text, column_name, last_value, limit_value,
  CASE WHEN last_value IS NULL THEN CASE WHEN visible THEN 0 END
    ELSE round(100 * abs(last_value::numeric - first_value) / greatest(abs(limit_value::numeric - first_value), 1), 2)::float8 END,
  limited_by, seqcycle, visible
FROM (
  SELECT n.nspname, c.relname, q.seqcycle, v.visible,
    (SELECT format('%I.%I.%I', tn.nspname, tc.relname, a.attname) FROM pg_class tc JOIN pg_namespace tn ON tn.oid = tc.relnamespace WHERE tc.oid = a.attrelid) AS column_name,
    CASE WHEN v.visible THEN pg_sequence_last_value(c.oid) END AS last_value,
    CASE WHEN q.seqincrement > 0 THEN least(q.seqmax, k.largest) ELSE greatest(q.seqmin, -k.largest - 1) END AS limit_value,
    CASE WHEN q.seqincrement > 0 THEN q.seqmin ELSE q.seqmax END AS first_value,
    CASE WHEN k.largest < q.seqmax THEN 'the column''s type ' || format_type(a.atttypid, NULL)
      ELSE 'the sequence' END AS limited_by
  FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
      AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid,
    LATERAL (SELECT CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END AS largest) k,
    LATERAL (SELECT has_sequence_privilege(c.oid, 'SELECT, USAGE') AND (has_sequence_privilege(session_user, c.oid, 'SELECT, USAGE') OR ${CALLER_MONITORS}) AS visible) v
  WHERE c.relpersistence <> 't') s
WHERE NOT visible OR $1 <= CASE WHEN last_value IS NULL THEN 0
  ELSE 100 * abs(last_value::numeric - first_value) / greatest(abs(limit_value::numeric - first_value), 1) END
ORDER BY visible, 6 DESC NULLS LAST, 1, 2 LIMIT $2`,
});

/** How near the databases of the server are to running out of transaction ids. */
export const transactionWraparound = defineQuery({
  name: 'get_transaction_wraparound',
  comment: 'the age of the oldest transaction id of each database, in percent of where the server stops to write',
  columns: {
    database_name: 'text',
    xid_age: 'int8',
    multixact_age: 'int8',
    used_percent: 'float8',
    freeze_at: 'int8',
    oldest_table: 'text?',
    held_back_by: 'text?',
    held_back_age: 'int8?',
  },
  sql: `
SELECT d.datname::text, age(d.datfrozenxid)::bigint, mxid_age(d.datminmxid)::bigint,
  round(100 * greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) / ${XID_LIMIT}::numeric, 2)::float8,
  current_setting('autovacuum_freeze_max_age')::bigint,
  CASE WHEN d.datname = current_database() THEN (SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind IN ('r', 't', 'm') ORDER BY age(c.relfrozenxid) DESC LIMIT 1) END,
  h.what, h.held_age
FROM pg_database d LEFT JOIN LATERAL (
  SELECT what, held_age FROM (
    SELECT 'transaction of process ' || pid || coalesce(' of ' || nullif(application_name, ''), '') AS what,
      greatest(age(backend_xmin), age(backend_xid))::bigint AS held_age, datid
    FROM pg_stat_activity WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
    UNION ALL SELECT 'replication slot ' || slot_name, greatest(age(xmin), age(catalog_xmin))::bigint, datoid
    FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
    UNION ALL SELECT 'prepared transaction ' || gid, age(transaction)::bigint, NULL FROM pg_prepared_xacts) o
  WHERE o.datid IS NULL OR o.datid = d.oid ORDER BY held_age DESC LIMIT 1) h ON true
ORDER BY 4 DESC`,
});

export const vacuumQueries = [vacuumStatus, bloat, sequenceUsage, transactionWraparound];
