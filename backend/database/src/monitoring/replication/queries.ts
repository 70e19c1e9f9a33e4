import { defineQuery } from '../functions/define.ts';

const WAL_NOW = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END`;

/** The replicas of this server, and itself when it is one. */
export const replicationLag = defineQuery({
  name: 'get_replication_lag',
  comment: 'the lag of each replica of this server, and of the server itself when it is one; needs pg_monitor',
  columns: {
    role: 'text',
    replica: 'text',
    client: 'text?',
    state: 'text?',
    sync_state: 'text?',
    lag_bytes: 'int8?',
    lag_seconds: 'float8?',
    visible: 'boolean',
  },
  sql: `
SELECT 'primary', coalesce(nullif(application_name, ''), 'process ' || pid), host(client_addr), state, sync_state,
  pg_wal_lsn_diff(${WAL_NOW}, replay_lsn)::bigint,
  CASE WHEN state IS NOT NULL THEN round(extract(epoch FROM coalesce(replay_lag, '0')), 3)::float8 END, state IS NOT NULL
FROM pg_stat_replication
UNION ALL
SELECT 'replica', 'this server', NULL, (SELECT status FROM pg_stat_wal_receiver), NULL,
  pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint,
  CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 3)::float8 END, true
WHERE pg_is_in_recovery()`,
});

const position = (lsn: string): string => `pg_wal_lsn_diff(${lsn}, '0/0')::bigint`;

/** The same for the monitor, with positions in the log, by which a replica is followed over time. */
export const replicas = defineQuery({
  name: 'get_replicas',
  comment: 'the replicas with their positions in the log',
  columns: {
    ...replicationLag.columns,
    /** Where the log of the server ends, and up to where the replica has replayed it. */
    log_position: 'int8?',
    replayed_position: 'int8?',
    /** Whether its absence is worth a word: subscribers and base backups come and go. */
    is_physical: 'boolean',
    /** Whether it gets the log at all. */
    receives: 'boolean',
  },
  sql: `
SELECT l.*, ${position(`CASE WHEN l.role = 'replica' THEN pg_last_wal_receive_lsn() ELSE ${WAL_NOW} END`)},
  CASE WHEN l.role = 'replica' THEN ${position('pg_last_wal_replay_lsn()')} ELSE ${position(WAL_NOW)} - l.lag_bytes END,
  l.role = 'primary' AND coalesce(l.state, '') <> 'backup' AND EXISTS (SELECT FROM pg_stat_replication r
    WHERE r.application_name = l.replica AND host(r.client_addr) IS NOT DISTINCT FROM l.client
      AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')),
  l.role = 'primary' OR l.state IS NOT NULL
FROM (${replicationLag.sql}) AS l (${Object.keys(replicationLag.columns).join(', ')})`,
});

/** Slots keep WAL for replicas that are not there. */
export const replicationSlots = defineQuery({
  name: 'get_replication_slots',
  comment: 'replication slots with the WAL that they keep from being removed',
  columns: {
    slot_name: 'text',
    slot_type: 'text',
    database_name: 'text?',
    active: 'boolean',
    wal_status: 'text?',
    retained_bytes: 'int8?',
    safe_bytes: 'int8?',
    xmin_age: 'int8?',
    invalidated_because: 'text?',
    inactive_since: 'timestamptz?',
  },
  sql: `
SELECT slot_name::text, slot_type, database::text, active, wal_status,
  pg_wal_lsn_diff(${WAL_NOW}, restart_lsn)::bigint, safe_wal_size, greatest(age(xmin), age(catalog_xmin))::bigint,
  coalesce(to_jsonb(s)->>'invalidation_reason', CASE WHEN wal_status = 'lost' THEN 'wal_removed' END),
  (to_jsonb(s)->>'inactive_since')::timestamptz
FROM pg_replication_slots s ORDER BY 6 DESC NULLS LAST`,
});

export const replicationQueries = [replicationLag, replicationSlots];
