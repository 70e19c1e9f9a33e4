import type { IntegrityPoint } from '@clearway/contracts';
import { systemClock, type Clock } from '@clearway/kernel';
import type { Queryable } from '../../lease/lease.ts';
import type { CheckState } from './check-state.ts';

/** Where the results of checks are kept. */
export interface IntegrityStore {
  load(database: string): Promise<CheckState[]>;
  /** Keeps states, adds the results of runs that ended, and forgets checks that are not defined any more. */
  save(
    database: string,
    states: readonly CheckState[],
    ended: readonly CheckState[],
    defined: readonly string[],
  ): Promise<void>;
  /** Has the process that runs the checks run these in its next pass. */
  request(database: string, ids: readonly string[]): Promise<void>;
  /** Checks that were asked for and did not run since. */
  requested(database: string): Promise<string[]>;
  /** Newest first. */
  history(database: string, id: string, limit: number): Promise<IntegrityPoint[]>;
}

/** How long and how many results of a check are kept. */
const KEPT_DAYS = 90;
const KEPT_RESULTS = 2000;

const SAVE = `
  INSERT INTO integrity_checks (database, check_id, status, violations, state, updated_at)
  SELECT $1, s.value ->> 'id', s.value ->> 'status', (s.value ->> 'violations')::bigint, s.value, now()
    FROM jsonb_array_elements($2::jsonb) AS s
  ON CONFLICT (database, check_id) DO UPDATE SET
    status = excluded.status, violations = excluded.violations, state = excluded.state, updated_at = excluded.updated_at,
    requested_at = CASE WHEN integrity_checks.requested_at > (excluded.state ->> 'lastRunAt')::timestamptz
                        THEN integrity_checks.requested_at END`;

/** A check that never ran has no row yet. */
const REQUEST = `
  INSERT INTO integrity_checks (database, check_id, status, violations, state, requested_at)
  SELECT $1, id, 'pending', 0, 'null', $3::timestamptz FROM unnest($2::text[]) AS id
  ON CONFLICT (database, check_id) DO UPDATE SET requested_at = excluded.requested_at`;

const ADD = `
  INSERT INTO integrity_results (database, check_id, at, status, violations, value, duration_ms)
  SELECT $1, s.value ->> 'id', (s.value ->> 'lastRunAt')::timestamptz, s.value ->> 'status', (s.value ->> 'violations')::bigint,
         (s.value ->> 'value')::float8, (s.value ->> 'durationMs')::float8
    FROM jsonb_array_elements($2::jsonb) AS s
  ON CONFLICT DO NOTHING`;

/** Of the checks that just ran: too old, or too many. */
const PRUNE = `
  DELETE FROM integrity_results AS r WHERE database = $1 AND check_id = ANY ($2)
     AND (at < $3::timestamptz - make_interval(days => ${KEPT_DAYS})
       OR at < (SELECT at FROM integrity_results WHERE database = $1 AND check_id = r.check_id ORDER BY at DESC OFFSET ${KEPT_RESULTS} LIMIT 1))`;

const FORGET = `DELETE FROM integrity_checks WHERE database = $1 AND check_id <> ALL ($2)`;
const FORGET_OLD = `DELETE FROM integrity_results WHERE database = $1 AND at < $2::timestamptz - make_interval(days => ${KEPT_DAYS})`;

/** Keeps results in Clearway's own database. Requests and ages go by the clock that runs are dated by. */
export function integrityStore(database: Queryable, clock: Clock = systemClock): IntegrityStore {
  const now = (): Date => new Date(clock.nowMs());
  return {
    async load(id) {
      const { rows } = await database.query<{ state: CheckState }>(
        `SELECT state FROM integrity_checks WHERE database = $1 AND state <> 'null'`,
        [id],
      );
      return rows.map(({ state }) => state);
    },
    async save(id, states, ended, defined) {
      if (states.length > 0) await database.query(SAVE, [id, JSON.stringify(states)]);
      if (ended.length > 0) {
        await database.query(ADD, [id, JSON.stringify(ended)]);
        await database.query(PRUNE, [id, [...new Set(ended.map((state) => state.id))], now()]);
      }
      const { rows } = await database.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM integrity_checks WHERE database = $1 AND check_id <> ALL ($2)',
        [id, defined],
      );
      if ((rows[0]?.n ?? 0) === 0) return;
      await database.query(FORGET, [id, defined]);
      await database.query(FORGET_OLD, [id, now()]);
    },
    async request(id, ids) {
      await database.query(REQUEST, [id, ids, now()]);
    },
    async requested(id) {
      const { rows } = await database.query<{ id: string }>(
        'SELECT check_id AS id FROM integrity_checks WHERE database = $1 AND requested_at IS NOT NULL',
        [id],
      );
      return rows.map((row) => row.id);
    },
    async history(id, checkId, limit) {
      const { rows } = await database.query<Omit<IntegrityPoint, 'at'> & { at: Date }>(
        `SELECT at, status, violations::float8 AS violations, value, duration_ms AS "durationMs" FROM integrity_results
          WHERE database = $1 AND check_id = $2 ORDER BY at DESC LIMIT $3`,
        [id, checkId, limit],
      );
      return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
    },
  };
}

/** Keeps results for as long as the process runs: for tests, and for a worker without a database of its own. */
export function memoryIntegrityStore(): IntegrityStore {
  const states = new Map<string, CheckState>();
  const results: { readonly key: string; readonly point: IntegrityPoint }[] = [];
  const asked = new Map<string, readonly string[]>();
  const keyOf = (database: string, id: string) => JSON.stringify([database, id]);
  return {
    load: (database) =>
      Promise.resolve([...states].flatMap(([key, state]) => (key === keyOf(database, state.id) ? [state] : []))),
    save(database, changed, ended, defined) {
      for (const state of changed) states.set(keyOf(database, state.id), state);
      for (const { id, status, violations, value, durationMs, lastRunAt } of ended) {
        results.unshift({
          key: keyOf(database, id),
          point: { at: lastRunAt ?? '', status, violations, value, durationMs },
        });
      }
      results.length = Math.min(results.length, KEPT_RESULTS);
      for (const [key, { id }] of states) if (key === keyOf(database, id) && !defined.includes(id)) states.delete(key);
      return Promise.resolve();
    },
    request(database, ids) {
      asked.set(database, [...(asked.get(database) ?? []), ...ids]);
      return Promise.resolve();
    },
    requested(database) {
      const ids = asked.get(database) ?? [];
      asked.delete(database);
      return Promise.resolve([...ids]);
    },
    history: (database, id, limit) =>
      Promise.resolve(
        results.flatMap(({ key, point }) => (key === keyOf(database, id) ? [point] : [])).slice(0, limit),
      ),
  };
}
