import type { DatabaseEvent, DatabaseHistory, DatabaseSummary } from '@clearway/contracts';
import type { Queryable } from '../../lease/lease.ts';
import type { SizePoint } from '../sizes/growth.ts';

/** What a pass leaves behind. */
export interface StoredPass {
  readonly databaseId: string;
  readonly kind: 'quick' | 'full';
  readonly at: string;
  readonly durationMs: number;
  readonly document: PassDocument;
  /** Figures worth following; those of a quick pass. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** The views of a pass as they are served, and the summary at its time. */
export interface PassDocument {
  readonly summary: DatabaseSummary;
  readonly views: Readonly<Record<string, unknown>>;
}

/** For how long things are kept. */
const KEEP = { samplesDays: 8, fullDays: 7, eventsDays: 90 };
const MAX_SAMPLES = 2000;
/** A row beside those of the passes. */
const REQUEST = 'request';

/**
 * Results of passes in Clearway's own database: figures for a week, full results for a week, events for three months, and
 * the last result of each kind for workers that do not watch themselves.
 */
export class MonitorStore {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Keeps a pass. A quick one replaces the one before. */
  async savePass({ databaseId, kind, at, durationMs, document, figures }: StoredPass): Promise<void> {
    const values = [databaseId, kind, at, durationMs, JSON.stringify(document)];
    await this.#database.query(
      `INSERT INTO database_results (database_id, kind, at, duration_ms, document) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (database_id, kind, at) DO UPDATE SET document = excluded.document`,
      values,
    );
    if (kind === 'quick') {
      await this.#database.query(`DELETE FROM database_results WHERE database_id = $1 AND kind = 'quick' AND at < $2`, [
        databaseId,
        at,
      ]);
    }
    if (!figures) return;
    await this.#database.query(
      `INSERT INTO database_samples (database_id, at, figures) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [databaseId, at, JSON.stringify(figures)],
    );
  }

  /** Keeps an event. */
  async saveEvent(databaseId: string, event: DatabaseEvent): Promise<void> {
    await this.#database.query('INSERT INTO database_events (database_id, at, event) VALUES ($1, $2, $3)', [
      databaseId,
      event.at,
      JSON.stringify(event),
    ]);
  }

  /** The last pass of a kind; undefined when there was none. */
  async latest(databaseId: string, kind: StoredPass['kind']): Promise<PassDocument | undefined> {
    const { rows } = await this.#database.query<{ document: PassDocument }>(
      'SELECT document FROM database_results WHERE database_id = $1 AND kind = $2 ORDER BY at DESC LIMIT 1',
      [databaseId, kind],
    );
    return rows[0]?.document;
  }

  /** When the last pass of a kind was, as milliseconds since 1970; undefined when there was none. */
  async latestAt(databaseId: string, kind: StoredPass['kind']): Promise<number | undefined> {
    const { rows } = await this.#database.query<{ at: Date }>(
      'SELECT at FROM database_results WHERE database_id = $1 AND kind = $2 ORDER BY at DESC LIMIT 1',
      [databaseId, kind],
    );
    return rows[0]?.at.getTime();
  }

  /** Asks whoever watches the database for a full pass. */
  async request(databaseId: string): Promise<void> {
    await this.#database.query(
      `INSERT INTO database_results (database_id, kind, at, duration_ms, document) VALUES ($1, $2, now(), 0, '{}')
       ON CONFLICT DO NOTHING`,
      [databaseId, REQUEST],
    );
  }

  /** Whether somebody asked for a full pass since the last time. */
  async takeRequest(databaseId: string): Promise<boolean> {
    const sql = 'DELETE FROM database_results WHERE database_id = $1 AND kind = $2 RETURNING 1';
    return (await this.#database.query(sql, [databaseId, REQUEST])).rows.length > 0;
  }

  /**
   * Figures over time, the oldest first; of more than 2000 samples every n-th.
   *
   * @param names the figures that are wanted; all when it is empty
   */
  async history(databaseId: string, sinceMs: number, names: readonly string[]): Promise<DatabaseHistory> {
    const { rows } = await this.#database.query<{ at: Date; figures: Record<string, number> }>(
      `SELECT at, figures FROM (
         SELECT at, figures, row_number() OVER (ORDER BY at DESC) AS number, count(*) OVER () AS all_of_them
         FROM database_samples WHERE database_id = $1 AND at >= $2) s
       WHERE number % greatest(1, ceil(all_of_them / $3::float8)::bigint) = 1 % greatest(1, ceil(all_of_them / $3::float8)::bigint)
       ORDER BY at`,
      [databaseId, new Date(sinceMs), MAX_SAMPLES],
    );
    const wanted = (figures: Record<string, number>) =>
      names.length === 0
        ? figures
        : Object.fromEntries(Object.entries(figures).filter(([name]) => names.includes(name)));
    return {
      database: databaseId,
      samples: rows.map(({ at, figures }) => ({ at: at.toISOString(), values: wanted(figures) })),
    };
  }

  /** Events, the newest first. */
  async events(databaseId: string, limit: number): Promise<DatabaseEvent[]> {
    const { rows } = await this.#database.query<{ event: DatabaseEvent }>(
      'SELECT event FROM database_events WHERE database_id = $1 ORDER BY at DESC LIMIT $2',
      [databaseId, limit],
    );
    return rows.map(({ event }) => event);
  }

  /** The size of a database over time, one point an hour at most, the oldest first. */
  async sizes(databaseId: string): Promise<SizePoint[]> {
    const { rows } = await this.#database.query<{ at: Date; bytes: number }>(
      `SELECT DISTINCT ON (date_trunc('hour', at)) at, (figures->>'size_bytes')::float8 AS bytes
       FROM database_samples WHERE database_id = $1 AND figures ? 'size_bytes' ORDER BY date_trunc('hour', at), at`,
      [databaseId],
    );
    return rows.map(({ at, bytes }) => ({ atMs: at.getTime(), sizeBytes: bytes }));
  }

  /** Removes what is older than it is kept for. Returns how many rows went. */
  async prune(nowMs: number): Promise<number> {
    const before = (days: number): Date => new Date(nowMs - days * 86_400_000);
    const remove = async (sql: string, days: number): Promise<number> =>
      (await this.#database.query(`${sql} RETURNING 1`, [before(days)])).rows.length;
    const samples = await remove('DELETE FROM database_samples WHERE at < $1', KEEP.samplesDays);
    const results = await remove(
      `DELETE FROM database_results WHERE kind IN ('full', '${REQUEST}') AND at < $1`,
      KEEP.fullDays,
    );
    return samples + results + (await remove('DELETE FROM database_events WHERE at < $1', KEEP.eventsDays));
  }
}
