import { defineQuery } from '../functions/define.ts';

const seconds = (since: string): string => `round(extract(epoch FROM clock_timestamp() - ${since}), 3)::float8`;

/** Who waits for whom. */
export const blockingTree = defineQuery({
  name: 'get_blocking_tree',
  comment: 'sessions of this database that wait for a lock, and the sessions that they wait for',
  parameters: [{ name: 'max_rows', type: 'int4', default: '200' }],
  columns: {
    pid: 'int4',
    blocked_by: 'int4[]',
    database_name: 'text?',
    role_name: 'text?',
    application: 'text?',
    client: 'text?',
    state: 'text?',
    wait_seconds: 'float8?',
    transaction_seconds: 'float8?',
    state_seconds: 'float8?',
    lock_type: 'text?',
    lock_mode: 'text?',
    relation_name: 'text?',
    query_id: 'text?',
    query: 'text?',
    visible: 'boolean',
  },
  sql: `
WITH waiting AS (
  SELECT w.pid, w.locktype, w.mode, w.waitstart, w.blockers,
    CASE WHEN w.database = d.oid THEN w.relation::regclass::text END AS relation_name
  FROM (SELECT DISTINCT ON (l.pid) l.*, pg_blocking_pids(l.pid) AS blockers FROM pg_locks l
      JOIN pg_stat_get_activity(NULL) s ON s.pid = l.pid
      WHERE NOT l.granted AND s.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
      ORDER BY l.pid, l.waitstart LIMIT $1) w,
    (SELECT oid FROM pg_database WHERE datname = current_database()) d),
involved AS (SELECT pid FROM waiting UNION SELECT unnest(blockers) FROM waiting)
SELECT i.pid, coalesce(w.blockers, '{}'), a.datname::text, a.usename::text, a.application_name, host(a.client_addr),
  a.state, ${seconds('w.waitstart')}, ${seconds('a.xact_start')}, ${seconds('a.state_change')},
  w.locktype, w.mode, w.relation_name, a.query_id::text,
  CASE WHEN a.backend_type IS NULL THEN NULL
    WHEN length(a.query) > 4000 THEN left(a.query, 3000) || ' ... ' || right(a.query, 1000) ELSE a.query END,
  a.backend_type IS NOT NULL
FROM involved i LEFT JOIN waiting w ON w.pid = i.pid LEFT JOIN pg_stat_activity a ON a.pid = i.pid
ORDER BY w.pid IS NOT NULL, w.waitstart`,
});

/** Which relations are locked, and how. */
export const locks = defineQuery({
  name: 'get_locks',
  comment: 'locks on relations of this database by mode, those that are waited for first',
  parameters: [{ name: 'max_rows', type: 'int4', default: '100' }],
  columns: {
    relation_name: 'text',
    mode: 'text',
    granted: 'int4',
    waiting: 'int4',
    longest_wait_seconds: 'float8?',
  },
  sql: `
SELECT relation::regclass::text, mode, (count(*) FILTER (WHERE granted))::int,
  (count(*) FILTER (WHERE NOT granted))::int, ${seconds('min(waitstart)')}
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
GROUP BY relation, mode ORDER BY 4 DESC, 3 DESC, 1 LIMIT $1`,
});

export const lockQueries = [blockingTree, locks];
