-- Generated from src/monitoring: npm run generate:monitoring -w backend/database
CREATE SCHEMA IF NOT EXISTS monitoring;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') THEN
    CREATE EXTENSION pg_stat_statements SCHEMA monitoring;
  END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
  RAISE NOTICE 'statements are not watched: %', SQLERRM;
END
$$;

DO $$
DECLARE old regprocedure;
BEGIN
  FOR old IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'monitoring'::regnamespace
    AND obj_description(p.oid, 'pg_proc') LIKE 'Clearway: %'
  LOOP
    EXECUTE format('DROP FUNCTION %s', old);
  END LOOP;
END
$$;

CREATE FUNCTION monitoring.get_server_state()
RETURNS TABLE (server_version int4, version_text text, database_name text, system_identifier text, started_at timestamptz, in_recovery boolean, now timestamptz, commits int8, rollbacks int8, deadlocks int8, conflicts int8, temp_bytes int8, blocks_hit int8, blocks_read int8, rows_returned int8, rows_written int8, stats_since timestamptz, index_fingerprint text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database()::text,
  (SELECT system_identifier::text FROM pg_control_system()), pg_postmaster_start_time(), pg_is_in_recovery(),
  clock_timestamp(), xact_commit, xact_rollback, deadlocks, conflicts, temp_bytes, blks_hit, blks_read,
  tup_returned, tup_inserted + tup_updated + tup_deleted, stats_reset,
  (SELECT count(*) || '/' || sum(oid::bigint) FROM pg_class WHERE relkind = 'i' AND oid >= 16384 AND relpersistence <> 't'
    AND relnamespace <> 'pg_toast'::regnamespace)
FROM pg_stat_database WHERE datname = current_database()
$function$;
COMMENT ON FUNCTION monitoring.get_server_state() IS 'Clearway: identity of the server and the counters of this database';

CREATE FUNCTION monitoring.get_capabilities()
RETURNS TABLE (capability text, available boolean, reason text, remedy text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT capability, available, CASE WHEN NOT available THEN reason END, CASE WHEN NOT available THEN remedy END
FROM (VALUES
  (1, 'sessions', pg_has_role('pg_read_all_stats', 'USAGE'), 'what sessions of other roles do is hidden from ' || current_user,
    format('GRANT pg_monitor TO %I', current_user)),
  (2, 'statements', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AND coalesce(current_setting('pg_stat_statements.max', true), '') <> '' AND coalesce((SELECT has_schema_privilege(extnamespace, 'USAGE') FROM pg_extension WHERE extname = 'pg_stat_statements'), true),
    CASE WHEN NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') THEN 'the extension pg_stat_statements is not installed in database ' || current_database()
      WHEN NOT coalesce(current_setting('pg_stat_statements.max', true), '') <> '' THEN 'pg_stat_statements is installed, but was not loaded when the server started'
      ELSE current_user || ' may not use the schema that holds pg_stat_statements' END,
    CASE WHEN NOT coalesce(current_setting('pg_stat_statements.max', true), '') <> '' THEN 'add pg_stat_statements to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements'
      WHEN NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') THEN 'CREATE EXTENSION pg_stat_statements'
      ELSE format('GRANT USAGE ON SCHEMA %s TO %I', (SELECT extnamespace::regnamespace FROM pg_extension
        WHERE extname = 'pg_stat_statements'), current_user) END),
  (3, 'statement texts', pg_has_role('pg_read_all_stats', 'USAGE'), 'the queries of other roles are hidden from ' || current_user,
    format('GRANT pg_monitor TO %I', current_user)),
  (4, 'query ids', current_setting('compute_query_id') IN ('on', 'regress') OR (current_setting('compute_query_id') = 'auto' AND coalesce(current_setting('pg_stat_statements.max', true), '') <> ''),
    'sessions do not tell the ids of their queries', 'ALTER SYSTEM SET compute_query_id = on'),
  (5, 'comments of long queries', current_setting('track_activity_query_size') ~ '[MG]B$'
      OR regexp_replace(current_setting('track_activity_query_size'), '\D', '', 'g')::bigint
        * CASE WHEN current_setting('track_activity_query_size') ~ 'kB$' THEN 1024 ELSE 1 END >= 4096,
    'sessions show the first ' || current_setting('track_activity_query_size')
      || ' of a query: the comment with route and trace at the end of longer ones is cut off',
    'ALTER SYSTEM SET track_activity_query_size = 8192, then restart the server'),
  (6, 'read times', current_setting('track_io_timing')::boolean, 'track_io_timing is off', 'ALTER SYSTEM SET track_io_timing = on'),
  (7, 'activity', current_setting('track_activities')::boolean AND current_setting('track_counts')::boolean,
    'track_activities or track_counts is off', 'ALTER SYSTEM SET track_activities = on; ALTER SYSTEM SET track_counts = on'),
  (8, 'sequences', NOT EXISTS (SELECT FROM pg_sequence q WHERE NOT has_sequence_privilege(q.seqrelid, 'SELECT, USAGE')
      AND NOT coalesce(pg_has_role('pg_monitor', 'USAGE') AND EXISTS (SELECT FROM pg_proc WHERE oid = to_regproc('monitoring.get_sequence_usage') AND prosecdef) AND has_sequence_privilege((SELECT proowner FROM pg_proc WHERE oid = to_regproc('monitoring.get_sequence_usage')), q.seqrelid, 'SELECT, USAGE'), false)),
    current_user || ' may not read some sequences', format('install the monitoring functions as the owner of the tables and GRANT pg_monitor TO %1$I, or GRANT pg_read_all_data TO %1$I', current_user)),
  (9, 'bloat', NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
        AND NOT has_table_privilege(c.oid, 'SELECT')
        AND NOT coalesce(pg_has_role('pg_monitor', 'USAGE') AND EXISTS (SELECT FROM pg_proc WHERE oid = to_regproc('monitoring.get_bloat') AND prosecdef) AND has_table_privilege((SELECT proowner FROM pg_proc WHERE oid = to_regproc('monitoring.get_bloat')), c.oid, 'SELECT'), false)),
    current_user || ' may not read some tables, whose statistics are hidden with them', format('install the monitoring functions as the owner of the tables and GRANT pg_monitor TO %1$I, or GRANT pg_read_all_data TO %1$I', current_user)),
  (10, 'replication', pg_has_role('pg_read_all_stats', 'USAGE'), 'the lag of replicas is hidden from ' || current_user, format('GRANT pg_monitor TO %I', current_user))
) AS c (number, capability, available, reason, remedy)
ORDER BY number
$function$;
COMMENT ON FUNCTION monitoring.get_capabilities() IS 'Clearway: what the monitoring functions can show to this role in this database; why not, and how to mend it';

CREATE FUNCTION monitoring.get_statements_schema()
RETURNS TABLE (schema_name text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements' AND coalesce(current_setting('pg_stat_statements.max', true), '') <> '' AND coalesce((SELECT has_schema_privilege(extnamespace, 'USAGE') FROM pg_extension WHERE extname = 'pg_stat_statements'), true)
$function$;
COMMENT ON FUNCTION monitoring.get_statements_schema() IS 'Clearway: the schema that holds pg_stat_statements; no row when it cannot be asked here';

CREATE FUNCTION monitoring.get_installed_version()
RETURNS TABLE (version text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT substring(obj_description(to_regnamespace('monitoring'), 'pg_namespace') from '[0-9a-f]{12}$')
$function$;
COMMENT ON FUNCTION monitoring.get_installed_version() IS 'Clearway: the name of the version of these functions';

CREATE FUNCTION monitoring.get_connection_count()
RETURNS TABLE (total int4, usable int4, max_connections int4, reserved int4, used_percent float8, database_connections int4, database_limit int4, hidden int4)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT c.total, s.usable, s.max_connections, s.max_connections - s.usable, round(greatest(
    100.0 * c.total / greatest(s.usable, 1),
    CASE WHEN d.datconnlimit > 0 THEN 100.0 * c.own / d.datconnlimit END), 2)::float8,
  c.own, nullif(d.datconnlimit, -1), c.hidden
FROM (
  SELECT count(*)::int AS total, (count(*) FILTER (WHERE datname = current_database()))::int AS own,
    (count(*) FILTER (WHERE backend_type IS NULL))::int AS hidden
  FROM pg_stat_activity WHERE (backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL))) c,
  (SELECT m.max_connections, m.max_connections - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int AS usable
    FROM (SELECT current_setting('max_connections')::int AS max_connections) m) s,
  pg_database d
WHERE d.datname = current_database()
$function$;
COMMENT ON FUNCTION monitoring.get_connection_count() IS 'Clearway: connections in use, and how many applications may open (without those reserved for superusers)';

CREATE FUNCTION monitoring.get_connection_stats()
RETURNS TABLE (total int4, active int4, idle int4, idle_in_transaction int4, waiting_for_lock int4, hidden int4, longest_query_seconds float8, longest_transaction_seconds float8, longest_idle_in_transaction_seconds float8, longest_lock_wait_seconds float8)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT count(*)::int, (count(*) FILTER (WHERE state = 'active'))::int, (count(*) FILTER (WHERE state = 'idle'))::int,
  (count(*) FILTER (WHERE state LIKE 'idle in transaction%'))::int,
  (count(*) FILTER (WHERE wait_event_type = 'Lock'))::int, (count(*) FILTER (WHERE backend_type IS NULL))::int,
  round(extract(epoch FROM clock_timestamp() - min(query_start) FILTER (WHERE state = 'active')), 3)::float8, round(extract(epoch FROM clock_timestamp() - min(xact_start)), 3)::float8,
  round(extract(epoch FROM clock_timestamp() - min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')), 3)::float8,
  (SELECT round(extract(epoch FROM clock_timestamp() - min(waitstart)), 3)::float8 FROM pg_locks WHERE NOT granted)
FROM pg_stat_activity WHERE (backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)) AND pid <> pg_backend_pid()
$function$;
COMMENT ON FUNCTION monitoring.get_connection_stats() IS 'Clearway: sessions of clients by what they do, and the longest of each kind; hidden ones need pg_monitor';

CREATE FUNCTION monitoring.get_connection_breakdown(max_rows int4 DEFAULT 100)
RETURNS TABLE (database_name text, role_name text, application text, state text, connections int4, oldest_state_seconds float8, visible boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT datname::text, usename::text, application_name, state, count(*)::int, round(extract(epoch FROM clock_timestamp() - min(state_change)), 3)::float8,
  backend_type IS NOT NULL
FROM pg_stat_activity WHERE (backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL))
GROUP BY datname, usename, application_name, state, backend_type IS NOT NULL
ORDER BY count(*) DESC, datname, usename, application_name, state LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_connection_breakdown(int4) IS 'Clearway: sessions of clients by database, role, application and state, the most numerous first';

CREATE FUNCTION monitoring.get_long_running_connections(min_seconds float8 DEFAULT 5, max_rows int4 DEFAULT 100)
RETURNS TABLE (pid int4, database_name text, role_name text, application text, client text, state text, wait_event_type text, wait_event text, query_seconds float8, transaction_seconds float8, state_seconds float8, query_id text, query text, visible boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT pid, datname::text, usename::text, application_name, host(client_addr), state, wait_event_type, wait_event,
  CASE WHEN state = 'active' THEN round(extract(epoch FROM clock_timestamp() - query_start), 3)::float8 END, round(extract(epoch FROM clock_timestamp() - xact_start), 3)::float8, round(extract(epoch FROM clock_timestamp() - state_change), 3)::float8,
  query_id::text,
  CASE WHEN backend_type IS NULL THEN NULL
    WHEN length(query) > 4000 THEN left(query, 3000) || ' ... ' || right(query, 1000) ELSE query END,
  backend_type IS NOT NULL
FROM pg_stat_activity
WHERE (backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)) AND pid <> pg_backend_pid()
  AND (backend_type IS NULL OR least(xact_start, CASE WHEN state = 'active' THEN query_start END)
    <= clock_timestamp() - make_interval(secs => $1))
ORDER BY backend_type IS NULL, least(xact_start, CASE WHEN state = 'active' THEN query_start END) LIMIT $2
$function$;
COMMENT ON FUNCTION monitoring.get_long_running_connections(float8, int4) IS 'Clearway: sessions with a query or transaction older than min_seconds; of those that are not visible nothing is known';

CREATE FUNCTION monitoring.get_blocking_tree(max_rows int4 DEFAULT 200)
RETURNS TABLE (pid int4, blocked_by int4[], database_name text, role_name text, application text, client text, state text, wait_seconds float8, transaction_seconds float8, state_seconds float8, lock_type text, lock_mode text, relation_name text, query_id text, query text, visible boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
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
  a.state, round(extract(epoch FROM clock_timestamp() - w.waitstart), 3)::float8, round(extract(epoch FROM clock_timestamp() - a.xact_start), 3)::float8, round(extract(epoch FROM clock_timestamp() - a.state_change), 3)::float8,
  w.locktype, w.mode, w.relation_name, a.query_id::text,
  CASE WHEN a.backend_type IS NULL THEN NULL
    WHEN length(a.query) > 4000 THEN left(a.query, 3000) || ' ... ' || right(a.query, 1000) ELSE a.query END,
  a.backend_type IS NOT NULL
FROM involved i LEFT JOIN waiting w ON w.pid = i.pid LEFT JOIN pg_stat_activity a ON a.pid = i.pid
ORDER BY w.pid IS NOT NULL, w.waitstart
$function$;
COMMENT ON FUNCTION monitoring.get_blocking_tree(int4) IS 'Clearway: sessions of this database that wait for a lock, and the sessions that they wait for';

CREATE FUNCTION monitoring.get_locks(max_rows int4 DEFAULT 100)
RETURNS TABLE (relation_name text, mode text, granted int4, waiting int4, longest_wait_seconds float8)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT relation::regclass::text, mode, (count(*) FILTER (WHERE granted))::int,
  (count(*) FILTER (WHERE NOT granted))::int, round(extract(epoch FROM clock_timestamp() - min(waitstart)), 3)::float8
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
GROUP BY relation, mode ORDER BY 4 DESC, 3 DESC, 1 LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_locks(int4) IS 'Clearway: locks on relations of this database by mode, those that are waited for first';

CREATE FUNCTION monitoring.get_slow_queries(min_mean_ms float8 DEFAULT 0, max_rows int4 DEFAULT 20)
RETURNS TABLE (query_id text, role_name text, calls int8, total_ms float8, mean_ms float8, max_ms float8, stddev_ms float8, rows_returned int8, cache_hit_percent float8, temp_blocks int8, query text, visible boolean)
LANGUAGE plpgsql STABLE SET lock_timeout = '500ms'
AS $function$
#variable_conflict use_variable
DECLARE place text;
BEGIN
  SELECT format('%I', n.nspname) INTO place
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
  IF place IS NULL THEN
    RAISE EXCEPTION 'the extension pg_stat_statements is not installed in database %', current_database()
      USING ERRCODE = 'undefined_object',
        HINT = 'Add it to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements.';
  END IF;
  RETURN QUERY EXECUTE replace($query$
SELECT s.queryid::text, r.rolname::text, s.calls, s.total_exec_time, s.mean_exec_time, s.max_exec_time, s.stddev_exec_time,
  s.rows, CASE WHEN s.shared_blks_hit + s.shared_blks_read > 0
    THEN round(100.0 * s.shared_blks_hit / (s.shared_blks_hit + s.shared_blks_read), 2)::float8 END, s.temp_blks_read + s.temp_blks_written, CASE WHEN s.queryid IS NULL THEN NULL ELSE left(s.query, 4000) END, s.queryid IS NOT NULL
FROM {statements}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.mean_exec_time >= $1 AND s.query NOT LIKE '%clearway-monitor%'
ORDER BY s.mean_exec_time DESC LIMIT $2
$query$, '{statements}', place) USING min_mean_ms, max_rows;
END
$function$;
COMMENT ON FUNCTION monitoring.get_slow_queries(float8, int4) IS 'Clearway: queries of this database by mean time, the slowest first; needs pg_stat_statements, and pg_monitor for the texts';

CREATE FUNCTION monitoring.get_query_performance(max_rows int4 DEFAULT 20)
RETURNS TABLE (query_id text, role_name text, calls int8, total_ms float8, share_percent float8, mean_ms float8, rows_per_call float8, blocks_per_call float8, cache_hit_percent float8, read_ms float8, temp_blocks int8, wal_bytes int8, query text, visible boolean)
LANGUAGE plpgsql STABLE SET lock_timeout = '500ms'
AS $function$
#variable_conflict use_variable
DECLARE place text;
BEGIN
  SELECT format('%I', n.nspname) INTO place
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
  IF place IS NULL THEN
    RAISE EXCEPTION 'the extension pg_stat_statements is not installed in database %', current_database()
      USING ERRCODE = 'undefined_object',
        HINT = 'Add it to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements.';
  END IF;
  RETURN QUERY EXECUTE replace($query$
SELECT s.queryid::text, r.rolname::text, s.calls, s.total_exec_time,
  round((100.0 * s.total_exec_time / greatest(t.total, 0.001))::numeric, 2)::float8, s.mean_exec_time,
  round(s.rows::numeric / greatest(s.calls, 1), 2)::float8,
  round((s.shared_blks_hit + s.shared_blks_read)::numeric / greatest(s.calls, 1), 2)::float8, CASE WHEN s.shared_blks_hit + s.shared_blks_read > 0
    THEN round(100.0 * s.shared_blks_hit / (s.shared_blks_hit + s.shared_blks_read), 2)::float8 END, coalesce((to_jsonb(s)->>'shared_blk_read_time')::float8, (to_jsonb(s)->>'blk_read_time')::float8),
  s.temp_blks_read + s.temp_blks_written, s.wal_bytes::bigint, CASE WHEN s.queryid IS NULL THEN NULL ELSE left(s.query, 4000) END, s.queryid IS NOT NULL
FROM (SELECT * FROM {statements}.pg_stat_statements s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY s.total_exec_time DESC LIMIT $1) s
  LEFT JOIN pg_roles r ON r.oid = s.userid,
  (SELECT sum(s.total_exec_time) AS total FROM {statements}.pg_stat_statements(false) s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) t
ORDER BY s.total_exec_time DESC
$query$, '{statements}', place) USING max_rows;
END
$function$;
COMMENT ON FUNCTION monitoring.get_query_performance(int4) IS 'Clearway: queries of this database by the time that they took altogether, with their share; needs pg_stat_statements';

CREATE FUNCTION monitoring.get_query_counters(min_max_ms float8 DEFAULT 100, max_rows int4 DEFAULT 500)
RETURNS TABLE (query_key text, query_id text, calls int8, total_ms float8, max_ms float8, rows_returned int8)
LANGUAGE plpgsql STABLE SET lock_timeout = '500ms'
AS $function$
#variable_conflict use_variable
DECLARE place text;
BEGIN
  SELECT format('%I', n.nspname) INTO place
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
  IF place IS NULL THEN
    RAISE EXCEPTION 'the extension pg_stat_statements is not installed in database %', current_database()
      USING ERRCODE = 'undefined_object',
        HINT = 'Add it to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements.';
  END IF;
  RETURN QUERY EXECUTE replace($query$
SELECT coalesce(s.queryid::text, 'hidden') || '/' || s.userid || '/' || s.toplevel, s.queryid::text, s.calls,
  s.total_exec_time, s.max_exec_time, s.rows
FROM {statements}.pg_stat_statements(false) s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.max_exec_time >= $1 AND s.calls > 0
ORDER BY s.total_exec_time DESC LIMIT $2
$query$, '{statements}', place) USING min_max_ms, max_rows;
END
$function$;
COMMENT ON FUNCTION monitoring.get_query_counters(float8, int4) IS 'Clearway: calls and times of the queries that have once taken min_max_ms, without their texts; needs pg_stat_statements';

CREATE FUNCTION monitoring.get_query_texts(query_ids text[])
RETURNS TABLE (query_id text, role_name text, query text)
LANGUAGE plpgsql STABLE SET lock_timeout = '500ms'
AS $function$
#variable_conflict use_variable
DECLARE place text;
BEGIN
  SELECT format('%I', n.nspname) INTO place
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements';
  IF place IS NULL THEN
    RAISE EXCEPTION 'the extension pg_stat_statements is not installed in database %', current_database()
      USING ERRCODE = 'undefined_object',
        HINT = 'Add it to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements.';
  END IF;
  RETURN QUERY EXECUTE replace($query$
SELECT DISTINCT ON (s.queryid) s.queryid::text, r.rolname::text, left(s.query, 4000)
FROM {statements}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.queryid::text = ANY ($1)
ORDER BY s.queryid, s.total_exec_time DESC
$query$, '{statements}', place) USING query_ids;
END
$function$;
COMMENT ON FUNCTION monitoring.get_query_texts(text[]) IS 'Clearway: the texts of queries by their ids; needs pg_stat_statements';

CREATE FUNCTION monitoring.get_table_size(table_name text)
RETURNS TABLE (schema_name text, table_name text, total_bytes int8, table_bytes int8, index_bytes int8, toast_bytes int8, estimated_rows int8, dead_rows int8, sequential_scans int8, index_scans int8, last_vacuum timestamptz, last_analyze timestamptz, locked boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
WITH held AS (
  SELECT DISTINCT coalesce(i.indrelid, t.oid, l.relation) AS relid
  FROM pg_locks l LEFT JOIN pg_index i ON i.indexrelid = l.relation LEFT JOIN pg_class t ON t.reltoastrelid = l.relation
  WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())),
tables AS (
  SELECT c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples, c.reltoastrelid, h.relid IS NOT NULL AS locked
  FROM pg_class c LEFT JOIN held h ON h.relid = c.oid WHERE c.oid = $1::regclass AND c.relkind IN ('r', 'm', 'p')),
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
FROM sizes z JOIN pg_namespace n ON n.oid = z.relnamespace LEFT JOIN pg_stat_all_tables s ON s.relid = z.oid
$function$;
COMMENT ON FUNCTION monitoring.get_table_size(text) IS 'Clearway: the size of one table with its indexes and TOAST; table_name as in a query, such as public.tracks';

CREATE FUNCTION monitoring.get_all_table_sizes(max_rows int4 DEFAULT NULL)
RETURNS TABLE (schema_name text, table_name text, total_bytes int8, table_bytes int8, index_bytes int8, toast_bytes int8, estimated_rows int8, dead_rows int8, sequential_scans int8, index_scans int8, last_vacuum timestamptz, last_analyze timestamptz, locked boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
WITH held AS (
  SELECT DISTINCT coalesce(i.indrelid, t.oid, l.relation) AS relid
  FROM pg_locks l LEFT JOIN pg_index i ON i.indexrelid = l.relation LEFT JOIN pg_class t ON t.reltoastrelid = l.relation
  WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())),
tables AS (
  SELECT c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples, c.reltoastrelid, h.relid IS NOT NULL AS locked
  FROM pg_class c LEFT JOIN held h ON h.relid = c.oid WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema'))),
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
FROM sizes z JOIN pg_namespace n ON n.oid = z.relnamespace LEFT JOIN pg_stat_all_tables s ON s.relid = z.oid
ORDER BY 3 DESC LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_all_table_sizes(int4) IS 'Clearway: the sizes of all tables, the largest first; locked ones are not waited for but estimated';

CREATE FUNCTION monitoring.get_database_size()
RETURNS TABLE (database_name text, size_bytes int8, commits int8, rollbacks int8, cache_hit_percent float8, deadlocks int8, temp_bytes int8, conflicts int8, stats_since timestamptz, tables int4)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT datname::text, pg_database_size(datid), xact_commit, xact_rollback,
  CASE WHEN blks_hit + blks_read > 0 THEN round(100.0 * blks_hit / (blks_hit + blks_read), 2)::float8 END,
  deadlocks, temp_bytes, conflicts, stats_reset,
  (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema'))
FROM pg_stat_database WHERE datname = current_database()
$function$;
COMMENT ON FUNCTION monitoring.get_database_size() IS 'Clearway: the size of this database, and what it did since the statistics began';

CREATE FUNCTION monitoring.get_unused_indexes(min_bytes int8 DEFAULT 0, max_rows int4 DEFAULT NULL)
RETURNS TABLE (schema_name text, table_name text, index_name text, size_bytes int8, scans int8, stats_since timestamptz, definition text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
WITH held AS MATERIALIZED (SELECT relation AS relid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())), unused AS MATERIALIZED (
  SELECT s.*, CASE WHEN s.relid IN (SELECT relid FROM held) OR s.indexrelid IN (SELECT relid FROM held) THEN c.relpages * current_setting('block_size')::bigint
    ELSE pg_relation_size(s.indexrelid) END AS bytes
  FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid JOIN pg_class c ON c.oid = s.indexrelid
  WHERE s.idx_scan = 0 AND s.schemaname NOT IN ('pg_catalog', 'information_schema') AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND i.indisvalid
    AND s.indexrelid NOT IN (SELECT conindid FROM pg_constraint)
    AND s.indexrelid NOT IN (SELECT inhrelid FROM pg_inherits)),
largest AS (SELECT * FROM unused WHERE bytes >= $1 ORDER BY bytes DESC LIMIT $2)
SELECT schemaname::text, relname::text, indexrelname::text, bytes, idx_scan, (SELECT coalesce(stats_reset, pg_postmaster_start_time()) FROM pg_stat_database WHERE datname = current_database()), pg_get_indexdef(indexrelid)
FROM largest ORDER BY bytes DESC
$function$;
COMMENT ON FUNCTION monitoring.get_unused_indexes(int8, int4) IS 'Clearway: indexes that no query has used since stats_since and that no constraint needs; replicas count for themselves';

CREATE FUNCTION monitoring.get_index_usage_stats(max_rows int4 DEFAULT NULL)
RETURNS TABLE (schema_name text, table_name text, index_name text, scans int8, tuples_read int8, tuples_fetched int8, size_bytes int8, is_unique boolean, is_valid boolean, table_index_percent float8, last_used timestamptz)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
WITH held AS MATERIALIZED (SELECT relation AS relid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
SELECT s.schemaname::text, s.relname::text, s.indexrelname::text, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch, CASE WHEN s.relid IN (SELECT relid FROM held) OR s.indexrelid IN (SELECT relid FROM held) THEN c.relpages * current_setting('block_size')::bigint
    ELSE pg_relation_size(s.indexrelid) END,
  i.indisunique, i.indisvalid,
  CASE WHEN t.seq_scan + coalesce(t.idx_scan, 0) > 0
    THEN round(100.0 * coalesce(t.idx_scan, 0) / (t.seq_scan + coalesce(t.idx_scan, 0)), 2)::float8 END,
  (to_jsonb(s)->>'last_idx_scan')::timestamptz
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid JOIN pg_class c ON c.oid = s.indexrelid
  JOIN pg_stat_user_tables t ON t.relid = s.relid
WHERE s.schemaname NOT IN ('pg_catalog', 'information_schema')
ORDER BY s.idx_scan DESC, 1, 2, 3 LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_index_usage_stats(int4) IS 'Clearway: indexes by their scans, the most used first; the share is of all scans of the table';

CREATE FUNCTION monitoring.get_index_problems()
RETURNS TABLE (problem text, schema_name text, table_name text, index_name text, other_index text, definition text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
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
ORDER BY 1, 2, 3, 4
$function$;
COMMENT ON FUNCTION monitoring.get_index_problems() IS 'Clearway: invalid indexes (a CREATE INDEX CONCURRENTLY that failed) and indexes that are equal to another one';

CREATE FUNCTION monitoring.get_sequential_scans(min_rows int8 DEFAULT 10000, max_rows int4 DEFAULT 50)
RETURNS TABLE (schema_name text, table_name text, estimated_rows int8, sequential_scans int8, rows_read int8, index_scans int8)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT schemaname::text, relname::text, n_live_tup, seq_scan, seq_tup_read, coalesce(idx_scan, 0)
FROM pg_stat_user_tables WHERE n_live_tup >= $1 AND seq_scan > 0
ORDER BY seq_tup_read DESC LIMIT $2
$function$;
COMMENT ON FUNCTION monitoring.get_sequential_scans(int8, int4) IS 'Clearway: tables of at least min_rows rows that are read from end to end, by the rows read that way';

CREATE FUNCTION monitoring.get_index_names(max_rows int4 DEFAULT NULL)
RETURNS TABLE (table_name text, index_name text, definition text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT n.nspname || '.' || t.relname, x.relname::text, pg_get_indexdef(x.oid)
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indislive LEFT JOIN pg_class x ON x.oid = i.indexrelid
WHERE t.relkind IN ('r', 'm', 'p') AND t.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY t.oid, x.oid LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_index_names(int4) IS 'Clearway: all tables with their indexes; a table without any has one row';

CREATE FUNCTION monitoring.check_rls_performance(schemas text[] DEFAULT NULL)
RETURNS TABLE (schema_name text, table_name text, policy_name text, finding text, detail text, recommendation text, estimated_rows int8)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
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
  FROM policies p, regexp_matches(p.expression, '([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\(', 'gi') AS m)
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
  AND c.expression !~* ('select\s+(?:[a-z_"]+\.)?' || split_part(c.function_name, '.', -1) || '\(')
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
ORDER BY 1, 2, 4, 3
$function$;
COMMENT ON FUNCTION monitoring.check_rls_performance(text[]) IS 'Clearway: policies that are evaluated needlessly often, lack an index or are not in force; NULL stands for all schemas';

CREATE FUNCTION monitoring.get_vacuum_status(max_rows int4 DEFAULT 50)
RETURNS TABLE (schema_name text, table_name text, live_rows int8, dead_rows int8, dead_percent float8, vacuum_at int8, is_due boolean, autovacuum_enabled boolean, last_vacuum timestamptz, last_analyze timestamptz, changed_since_analyze int8, running_phase text)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT nspname::text, relname::text, n_live_tup, n_dead_tup,
  round(100.0 * n_dead_tup / greatest(n_live_tup + n_dead_tup, 1), 2)::float8, vacuum_at,
  n_dead_tup > vacuum_at, enabled, last_vacuum, last_analyze, n_mod_since_analyze, phase
FROM (
  SELECT n.nspname, c.relname, s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
    (coalesce((o.options->>'autovacuum_vacuum_threshold')::float8, current_setting('autovacuum_vacuum_threshold')::float8)
      + coalesce((o.options->>'autovacuum_vacuum_scale_factor')::float8, current_setting('autovacuum_vacuum_scale_factor')::float8)
        * greatest(c.reltuples, 0))::bigint AS vacuum_at,
    current_setting('autovacuum')::boolean AND coalesce((o.options->>'autovacuum_enabled')::boolean, true) AS enabled,
    greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum, greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze,
    p.phase
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_stat_all_tables s ON s.relid = c.oid
    LEFT JOIN pg_stat_progress_vacuum p ON p.relid = c.oid,
    LATERAL (SELECT jsonb_object_agg(split_part(option, '=', 1), split_part(option, '=', 2)) AS options
      FROM unnest(c.reloptions) AS option) o
  WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')) t
ORDER BY n_dead_tup DESC, n_live_tup DESC LIMIT $1
$function$;
COMMENT ON FUNCTION monitoring.get_vacuum_status(int4) IS 'Clearway: tables by dead rows, with the number at which autovacuum comes, and what it is doing there';

CREATE FUNCTION monitoring.get_bloat(min_bytes int8 DEFAULT 1048576, max_rows int4 DEFAULT 50)
RETURNS TABLE (schema_name text, table_name text, index_name text, size_bytes int8, bloat_bytes int8, bloat_percent float8, visible boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms'
AS $function$
WITH block AS (SELECT current_setting('block_size')::float8 AS size),
tables AS (
  SELECT c.oid, n.nspname, c.relname, c.reltuples, c.relpages, has_table_privilege(c.oid, 'SELECT') AND (has_table_privilege(session_user, c.oid, 'SELECT') OR pg_has_role(session_user, 'pg_monitor', 'USAGE')) AS visible,
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
ORDER BY visible DESC, greatest(relpages - pages, 0) DESC NULLS LAST LIMIT $2
$function$;
COMMENT ON FUNCTION monitoring.get_bloat(int8, int4) IS 'Clearway: estimated unused space of tables and btree indexes; a role sees those of tables that it may read, all with pg_monitor';

CREATE FUNCTION monitoring.get_sequence_usage(min_percent float8 DEFAULT 0, max_rows int4 DEFAULT 100)
RETURNS TABLE (schema_name text, sequence_name text, column_name text, last_value int8, limit_value int8, used_percent float8, limited_by text, cycles boolean, visible boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms'
AS $function$
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
    LATERAL (SELECT has_sequence_privilege(c.oid, 'SELECT, USAGE') AND (has_sequence_privilege(session_user, c.oid, 'SELECT, USAGE') OR pg_has_role(session_user, 'pg_monitor', 'USAGE')) AS visible) v
  WHERE c.relpersistence <> 't') s
WHERE NOT visible OR $1 <= CASE WHEN last_value IS NULL THEN 0
  ELSE 100 * abs(last_value::numeric - first_value) / greatest(abs(limit_value::numeric - first_value), 1) END
ORDER BY visible, 6 DESC NULLS LAST, 1, 2 LIMIT $2
$function$;
COMMENT ON FUNCTION monitoring.get_sequence_usage(float8, int4) IS 'Clearway: sequences by how much of them or of their column is used up; a role sees those that it may read, all with pg_monitor';

CREATE FUNCTION monitoring.get_transaction_wraparound()
RETURNS TABLE (database_name text, xid_age int8, multixact_age int8, used_percent float8, freeze_at int8, oldest_table text, held_back_by text, held_back_age int8)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT d.datname::text, age(d.datfrozenxid)::bigint, mxid_age(d.datminmxid)::bigint,
  round(100 * greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) / (2147483648 - 3000000)::numeric, 2)::float8,
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
ORDER BY 4 DESC
$function$;
COMMENT ON FUNCTION monitoring.get_transaction_wraparound() IS 'Clearway: the age of the oldest transaction id of each database, in percent of where the server stops to write';

CREATE FUNCTION monitoring.get_replication_lag()
RETURNS TABLE (role text, replica text, client text, state text, sync_state text, lag_bytes int8, lag_seconds float8, visible boolean)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT 'primary', coalesce(nullif(application_name, ''), 'process ' || pid), host(client_addr), state, sync_state,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)::bigint,
  CASE WHEN state IS NOT NULL THEN round(extract(epoch FROM coalesce(replay_lag, '0')), 3)::float8 END, state IS NOT NULL
FROM pg_stat_replication
UNION ALL
SELECT 'replica', 'this server', NULL, (SELECT status FROM pg_stat_wal_receiver), NULL,
  pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint,
  CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 3)::float8 END, true
WHERE pg_is_in_recovery()
$function$;
COMMENT ON FUNCTION monitoring.get_replication_lag() IS 'Clearway: the lag of each replica of this server, and of the server itself when it is one; needs pg_monitor';

CREATE FUNCTION monitoring.get_replication_slots()
RETURNS TABLE (slot_name text, slot_type text, database_name text, active boolean, wal_status text, retained_bytes int8, safe_bytes int8, xmin_age int8, invalidated_because text, inactive_since timestamptz)
LANGUAGE sql STABLE SET lock_timeout = '500ms'
AS $function$
SELECT slot_name::text, slot_type, database::text, active, wal_status,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::bigint, safe_wal_size, greatest(age(xmin), age(catalog_xmin))::bigint,
  coalesce(to_jsonb(s)->>'invalidation_reason', CASE WHEN wal_status = 'lost' THEN 'wal_removed' END),
  (to_jsonb(s)->>'inactive_since')::timestamptz
FROM pg_replication_slots s ORDER BY 6 DESC NULLS LAST
$function$;
COMMENT ON FUNCTION monitoring.get_replication_slots() IS 'Clearway: replication slots with the WAL that they keep from being removed';

GRANT USAGE ON SCHEMA monitoring TO PUBLIC;
COMMENT ON SCHEMA monitoring IS 'Clearway monitoring functions, c8796ae11ecc';
