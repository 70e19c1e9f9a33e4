import { defineQuery } from '../functions/define.ts';

/** Who it is, and what it did: the counters of the database in one row. */
export const serverState = defineQuery({
  name: 'get_server_state',
  comment: 'identity of the server and the counters of this database',
  columns: {
    server_version: 'int4',
    version_text: 'text',
    database_name: 'text',
    system_identifier: 'text',
    started_at: 'timestamptz',
    in_recovery: 'boolean',
    now: 'timestamptz',
    commits: 'int8',
    rollbacks: 'int8',
    deadlocks: 'int8',
    conflicts: 'int8',
    temp_bytes: 'int8',
    blocks_hit: 'int8',
    blocks_read: 'int8',
    rows_returned: 'int8',
    rows_written: 'int8',
    stats_since: 'timestamptz?',
    index_fingerprint: 'text?',
  },
  sql: `
SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database()::text,
  (SELECT system_identifier::text FROM pg_control_system()), pg_postmaster_start_time(), pg_is_in_recovery(),
  clock_timestamp(), xact_commit, xact_rollback, deadlocks, conflicts, temp_bytes, blks_hit, blks_read,
  tup_returned, tup_inserted + tup_updated + tup_deleted, stats_reset,
  (SELECT count(*) || '/' || sum(oid::bigint) FROM pg_class WHERE relkind = 'i' AND oid >= 16384 AND relpersistence <> 't'
    AND relnamespace <> 'pg_toast'::regnamespace)
FROM pg_stat_database WHERE datname = current_database()`,
});

const READS_ALL = `pg_has_role('pg_read_all_stats', 'USAGE')`;
const INSTALLED = `EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')`;
const REACHABLE = `coalesce((SELECT has_schema_privilege(extnamespace, 'USAGE') FROM pg_extension WHERE extname = 'pg_stat_statements'), true)`;
const PRELOADED = `coalesce(current_setting('pg_stat_statements.max', true), '') <> ''`;

const LENT = (name: string): string =>
  `pg_has_role('pg_monitor', 'USAGE') AND EXISTS (SELECT FROM pg_proc WHERE oid = to_regproc('monitoring.${name}') AND prosecdef)`;
const OWNER = (name: string): string => `(SELECT proowner FROM pg_proc WHERE oid = to_regproc('monitoring.${name}'))`;
const LEND = `format('install the monitoring functions as the owner of the tables and GRANT pg_monitor TO %1$I, or GRANT pg_read_all_data TO %1$I', current_user)`;

/** What this role can find out here, and what it cannot. */
export const capabilities = defineQuery({
  name: 'get_capabilities',
  comment: 'what the monitoring functions can show to this role in this database; why not, and how to mend it',
  columns: { capability: 'text', available: 'boolean', reason: 'text?', remedy: 'text?' },
  sql: `
SELECT capability, available, CASE WHEN NOT available THEN reason END, CASE WHEN NOT available THEN remedy END
FROM (VALUES
  (1, 'sessions', ${READS_ALL}, 'what sessions of other roles do is hidden from ' || current_user,
    format('GRANT pg_monitor TO %I', current_user)),
  (2, 'statements', ${INSTALLED} AND ${PRELOADED} AND ${REACHABLE},
    CASE WHEN NOT ${INSTALLED} THEN 'the extension pg_stat_statements is not installed in database ' || current_database()
      WHEN NOT ${PRELOADED} THEN 'pg_stat_statements is installed, but was not loaded when the server started'
      ELSE current_user || ' may not use the schema that holds pg_stat_statements' END,
    CASE WHEN NOT ${PRELOADED} THEN 'add pg_stat_statements to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements'
      WHEN NOT ${INSTALLED} THEN 'CREATE EXTENSION pg_stat_statements'
      ELSE format('GRANT USAGE ON SCHEMA %s TO %I', (SELECT extnamespace::regnamespace FROM pg_extension
        WHERE extname = 'pg_stat_statements'), current_user) END),
  (3, 'statement texts', ${READS_ALL}, 'the queries of other roles are hidden from ' || current_user,
    format('GRANT pg_monitor TO %I', current_user)),
  (4, 'query ids', current_setting('compute_query_id') IN ('on', 'regress') OR (current_setting('compute_query_id') = 'auto' AND ${PRELOADED}),
    'sessions do not tell the ids of their queries', 'ALTER SYSTEM SET compute_query_id = on'),
  (5, 'comments of long queries', current_setting('track_activity_query_size') ~ '[MG]B$'
      OR regexp_replace(current_setting('track_activity_query_size'), '\\D', '', 'g')::bigint
        * CASE WHEN current_setting('track_activity_query_size') ~ 'kB$' THEN 1024 ELSE 1 END >= 4096,
    'sessions show the first ' || current_setting('track_activity_query_size')
      || ' of a query: the comment with route and trace at the end of longer ones is cut off',
    'ALTER SYSTEM SET track_activity_query_size = 8192, then restart the server'),
  (6, 'read times', current_setting('track_io_timing')::boolean, 'track_io_timing is off', 'ALTER SYSTEM SET track_io_timing = on'),
  (7, 'activity', current_setting('track_activities')::boolean AND current_setting('track_counts')::boolean,
    'track_activities or track_counts is off', 'ALTER SYSTEM SET track_activities = on; ALTER SYSTEM SET track_counts = on'),
  (8, 'sequences', NOT EXISTS (SELECT FROM pg_sequence q WHERE NOT has_sequence_privilege(q.seqrelid, 'SELECT, USAGE')
      AND NOT coalesce(${LENT('get_sequence_usage')} AND has_sequence_privilege(${OWNER('get_sequence_usage')}, q.seqrelid, 'SELECT, USAGE'), false)),
    current_user || ' may not read some sequences', ${LEND}),
  (9, 'bloat', NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
        AND NOT has_table_privilege(c.oid, 'SELECT')
        AND NOT coalesce(${LENT('get_bloat')} AND has_table_privilege(${OWNER('get_bloat')}, c.oid, 'SELECT'), false)),
    current_user || ' may not read some tables, whose statistics are hidden with them', ${LEND}),
  (10, 'replication', ${READS_ALL}, 'the lag of replicas is hidden from ' || current_user, format('GRANT pg_monitor TO %I', current_user))
) AS c (number, capability, available, reason, remedy)
ORDER BY number`,
});

/** The schema that holds pg_stat_statements, when it can be asked. */
export const statementsSchema = defineQuery({
  name: 'get_statements_schema',
  comment: 'the schema that holds pg_stat_statements; no row when it cannot be asked here',
  columns: { schema_name: 'text' },
  sql: `
SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements' AND ${PRELOADED} AND ${REACHABLE}`,
});

/** Which version of the functions is installed. */
export const installedFunctions = defineQuery({
  name: 'get_installed_version',
  comment: 'the name of the version of these functions',
  columns: { version: 'text?' },
  sql: `SELECT substring(obj_description(to_regnamespace('monitoring'), 'pg_namespace') from '[0-9a-f]{12}$')`,
});

export const serverQueries = [serverState, capabilities, statementsSchema, installedFunctions];
