import { CLIENT_SESSION, defineQuery } from '../functions/define.ts';

const seconds = (since: string): string => `round(extract(epoch FROM clock_timestamp() - ${since}), 3)::float8`;

/** How many connections are in use, of how many. */
export const connectionCount = defineQuery({
  name: 'get_connection_count',
  comment: 'connections in use, and how many applications may open (without those reserved for superusers)',
  columns: {
    total: 'int4',
    usable: 'int4',
    max_connections: 'int4',
    reserved: 'int4',
    used_percent: 'float8',
    database_connections: 'int4',
    database_limit: 'int4?',
    hidden: 'int4',
  },
  sql: `
SELECT c.total, s.usable, s.max_connections, s.max_connections - s.usable, round(greatest(
    100.0 * c.total / greatest(s.usable, 1),
    CASE WHEN d.datconnlimit > 0 THEN 100.0 * c.own / d.datconnlimit END), 2)::float8,
  c.own, nullif(d.datconnlimit, -1), c.hidden
FROM (
  SELECT count(*)::int AS total, (count(*) FILTER (WHERE datname = current_database()))::int AS own,
    (count(*) FILTER (WHERE backend_type IS NULL))::int AS hidden
  FROM pg_stat_activity WHERE ${CLIENT_SESSION}) c,
  (SELECT m.max_connections, m.max_connections - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int AS usable
    FROM (SELECT current_setting('max_connections')::int AS max_connections) m) s,
  pg_database d
WHERE d.datname = current_database()`,
});

/** What the sessions do. */
export const connectionStats = defineQuery({
  name: 'get_connection_stats',
  comment: 'sessions of clients by what they do, and the longest of each kind; hidden ones need pg_monitor',
  columns: {
    total: 'int4',
    active: 'int4',
    idle: 'int4',
    idle_in_transaction: 'int4',
    waiting_for_lock: 'int4',
    hidden: 'int4',
    longest_query_seconds: 'float8?',
    longest_transaction_seconds: 'float8?',
    longest_idle_in_transaction_seconds: 'float8?',
    longest_lock_wait_seconds: 'float8?',
  },
  sql: `
SELECT count(*)::int, (count(*) FILTER (WHERE state = 'active'))::int, (count(*) FILTER (WHERE state = 'idle'))::int,
  (count(*) FILTER (WHERE state LIKE 'idle in transaction%'))::int,
  (count(*) FILTER (WHERE wait_event_type = 'Lock'))::int, (count(*) FILTER (WHERE backend_type IS NULL))::int,
  ${seconds("min(query_start) FILTER (WHERE state = 'active')")}, ${seconds('min(xact_start)')},
  ${seconds("min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')")},
  (SELECT ${seconds('min(waitstart)')} FROM pg_locks WHERE NOT granted)
FROM pg_stat_activity WHERE ${CLIENT_SESSION} AND pid <> pg_backend_pid()`,
});

/** Who has the connections. */
export const connectionBreakdown = defineQuery({
  name: 'get_connection_breakdown',
  comment: 'sessions of clients by database, role, application and state, the most numerous first',
  parameters: [{ name: 'max_rows', type: 'int4', default: '100' }],
  columns: {
    database_name: 'text?',
    role_name: 'text?',
    application: 'text?',
    state: 'text?',
    connections: 'int4',
    oldest_state_seconds: 'float8?',
    visible: 'boolean',
  },
  sql: `
SELECT datname::text, usename::text, application_name, state, count(*)::int, ${seconds('min(state_change)')},
  backend_type IS NOT NULL
FROM pg_stat_activity WHERE ${CLIENT_SESSION}
GROUP BY datname, usename, application_name, state, backend_type IS NOT NULL
ORDER BY count(*) DESC, datname, usename, application_name, state LIMIT $1`,
});

/** Sessions that have been at it for long. */
export const longRunningConnections = defineQuery({
  name: 'get_long_running_connections',
  comment:
    'sessions with a query or transaction older than min_seconds; of those that are not visible nothing is known',
  parameters: [
    { name: 'min_seconds', type: 'float8', default: '5' },
    { name: 'max_rows', type: 'int4', default: '100' },
  ],
  columns: {
    pid: 'int4',
    database_name: 'text?',
    role_name: 'text?',
    application: 'text?',
    client: 'text?',
    state: 'text?',
    wait_event_type: 'text?',
    wait_event: 'text?',
    query_seconds: 'float8?',
    transaction_seconds: 'float8?',
    state_seconds: 'float8?',
    query_id: 'text?',
    query: 'text?',
    visible: 'boolean',
  },
  sql: `
SELECT pid, datname::text, usename::text, application_name, host(client_addr), state, wait_event_type, wait_event,
  CASE WHEN state = 'active' THEN ${seconds('query_start')} END, ${seconds('xact_start')}, ${seconds('state_change')},
  query_id::text,
  CASE WHEN backend_type IS NULL THEN NULL
    WHEN length(query) > 4000 THEN left(query, 3000) || ' ... ' || right(query, 1000) ELSE query END,
  backend_type IS NOT NULL
FROM pg_stat_activity
WHERE ${CLIENT_SESSION} AND pid <> pg_backend_pid()
  AND (backend_type IS NULL OR least(xact_start, CASE WHEN state = 'active' THEN query_start END)
    <= clock_timestamp() - make_interval(secs => $1))
ORDER BY backend_type IS NULL, least(xact_start, CASE WHEN state = 'active' THEN query_start END) LIMIT $2`,
});

export const connectionQueries = [connectionCount, connectionStats, connectionBreakdown, longRunningConnections];
