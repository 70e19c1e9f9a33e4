import { defineQuery } from '../functions/define.ts';

/** Marks what the monitor asks itself, in a form that pg_stat_statements keeps. */
export const OWN_MARK = "/*application='clearway-monitor'*/";

const IN_THIS_DATABASE = `s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`;
const TEXT = `CASE WHEN s.queryid IS NULL THEN NULL ELSE left(s.query, 4000) END`;
const HIT_PERCENT = `CASE WHEN s.shared_blks_hit + s.shared_blks_read > 0
    THEN round(100.0 * s.shared_blks_hit / (s.shared_blks_hit + s.shared_blks_read), 2)::float8 END`;
// the column's name changed with version 17
const READ_MS = `coalesce((to_jsonb(s)->>'shared_blk_read_time')::float8, (to_jsonb(s)->>'blk_read_time')::float8)`;

/** The slowest queries since the statistics began. */
export const slowQueries = defineQuery({
  name: 'get_slow_queries',
  comment:
    'queries of this database by mean time, the slowest first; needs pg_stat_statements, and pg_monitor for the texts',
  parameters: [
    { name: 'min_mean_ms', type: 'float8', default: '0' },
    { name: 'max_rows', type: 'int4', default: '20' },
  ],
  columns: {
    query_id: 'text?',
    role_name: 'text?',
    calls: 'int8',
    total_ms: 'float8',
    mean_ms: 'float8',
    max_ms: 'float8',
    stddev_ms: 'float8',
    rows_returned: 'int8',
    cache_hit_percent: 'float8?',
    temp_blocks: 'int8',
    query: 'text?',
    visible: 'boolean',
  },
  sql: `
SELECT s.queryid::text, r.rolname::text, s.calls, s.total_exec_time, s.mean_exec_time, s.max_exec_time, s.stddev_exec_time,
  s.rows, ${HIT_PERCENT}, s.temp_blks_read + s.temp_blks_written, ${TEXT}, s.queryid IS NOT NULL
FROM {statements}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE ${IN_THIS_DATABASE} AND s.mean_exec_time >= $1 AND s.query NOT LIKE '%clearway-monitor%'
ORDER BY s.mean_exec_time DESC LIMIT $2`,
});

/** What the database spends its time on. */
export const queryPerformance = defineQuery({
  name: 'get_query_performance',
  comment: 'queries of this database by the time that they took altogether, with their share; needs pg_stat_statements',
  parameters: [{ name: 'max_rows', type: 'int4', default: '20' }],
  columns: {
    query_id: 'text?',
    role_name: 'text?',
    calls: 'int8',
    total_ms: 'float8',
    share_percent: 'float8',
    mean_ms: 'float8',
    rows_per_call: 'float8',
    blocks_per_call: 'float8',
    cache_hit_percent: 'float8?',
    read_ms: 'float8?',
    temp_blocks: 'int8',
    wal_bytes: 'int8',
    query: 'text?',
    visible: 'boolean',
  },
  sql: `
SELECT s.queryid::text, r.rolname::text, s.calls, s.total_exec_time,
  round((100.0 * s.total_exec_time / greatest(t.total, 0.001))::numeric, 2)::float8, s.mean_exec_time,
  round(s.rows::numeric / greatest(s.calls, 1), 2)::float8,
  round((s.shared_blks_hit + s.shared_blks_read)::numeric / greatest(s.calls, 1), 2)::float8, ${HIT_PERCENT}, ${READ_MS},
  s.temp_blks_read + s.temp_blks_written, s.wal_bytes::bigint, ${TEXT}, s.queryid IS NOT NULL
FROM (SELECT * FROM {statements}.pg_stat_statements s WHERE ${IN_THIS_DATABASE} ORDER BY s.total_exec_time DESC LIMIT $1) s
  LEFT JOIN pg_roles r ON r.oid = s.userid,
  (SELECT sum(s.total_exec_time) AS total FROM {statements}.pg_stat_statements(false) s WHERE ${IN_THIS_DATABASE}) t
ORDER BY s.total_exec_time DESC`,
});

/** Counters of the queries that have ever been slow, without texts: cheap enough to ask every few seconds. */
export const queryCounters = defineQuery({
  name: 'get_query_counters',
  comment:
    'calls and times of the queries that have once taken min_max_ms, without their texts; needs pg_stat_statements',
  parameters: [
    { name: 'min_max_ms', type: 'float8', default: '100' },
    { name: 'max_rows', type: 'int4', default: '500' },
  ],
  columns: {
    query_key: 'text',
    query_id: 'text?',
    calls: 'int8',
    total_ms: 'float8',
    max_ms: 'float8',
    rows_returned: 'int8',
  },
  sql: `
SELECT coalesce(s.queryid::text, 'hidden') || '/' || s.userid || '/' || s.toplevel, s.queryid::text, s.calls,
  s.total_exec_time, s.max_exec_time, s.rows
FROM {statements}.pg_stat_statements(false) s
WHERE ${IN_THIS_DATABASE} AND s.max_exec_time >= $1 AND s.calls > 0
ORDER BY s.total_exec_time DESC LIMIT $2`,
});

/** The texts of some queries. */
export const queryTexts = defineQuery({
  name: 'get_query_texts',
  comment: 'the texts of queries by their ids; needs pg_stat_statements',
  parameters: [{ name: 'query_ids', type: 'text[]' }],
  columns: { query_id: 'text', role_name: 'text?', query: 'text?' },
  sql: `
SELECT DISTINCT ON (s.queryid) s.queryid::text, r.rolname::text, left(s.query, 4000)
FROM {statements}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE ${IN_THIS_DATABASE} AND s.queryid::text = ANY ($1)
ORDER BY s.queryid, s.total_exec_time DESC`,
});

export const statementQueries = [slowQueries, queryPerformance, queryCounters, queryTexts];
