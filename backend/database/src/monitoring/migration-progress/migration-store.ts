import type { MigrationSample } from '@clearway/contracts';
import type { Queryable } from '../../lease/lease.ts';
import type { MigrationState } from './progress.ts';

/** Where states and samples of data migrations are kept. */
export interface MigrationStore {
  loadState(name: string): Promise<MigrationState | undefined>;
  /** Newest first. */
  loadSamples(name: string): Promise<MigrationSample[]>;
  save(
    migration: { name: string; database: string },
    state: MigrationState,
    sample: MigrationSample | undefined,
  ): Promise<void>;
  /** Forgets the samples of a phase, so that it is taken anew. */
  forget(name: string, phase: MigrationSample['phase']): Promise<void>;
}

/** As many samples as are compared and kept: two weeks of a baseline, and days of a migration. */
export const KEPT_SAMPLES = 10_000;

const SAVE = `
  INSERT INTO data_migrations (name, database, phase, state, updated_at) VALUES ($1, $2, $3, $4, now())
  ON CONFLICT (name) DO UPDATE SET database = excluded.database, phase = excluded.phase, state = excluded.state, updated_at = now()`;
const ADD = `
  INSERT INTO data_migration_samples (migration, at, phase, total, done, errors, metrics) VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT DO NOTHING`;
/** The oldest of the phase that is taking samples go: no phase can push out another one. */
const PRUNE = `
  DELETE FROM data_migration_samples WHERE migration = $1 AND phase = $2 AND at <
    (SELECT at FROM data_migration_samples WHERE migration = $1 AND phase = $2 ORDER BY at DESC OFFSET ${KEPT_SAMPLES / 4} LIMIT 1)`;

/** Keeps them in Clearway's own database. */
export function migrationStore(database: Queryable): MigrationStore {
  return {
    async loadState(name) {
      const { rows } = await database.query<{ state: MigrationState }>(
        'SELECT state FROM data_migrations WHERE name = $1',
        [name],
      );
      return rows[0]?.state;
    },
    async loadSamples(name) {
      const { rows } = await database.query<Omit<MigrationSample, 'at'> & { at: Date }>(
        `SELECT at, phase, total, done, errors, metrics FROM data_migration_samples
          WHERE migration = $1 ORDER BY at DESC LIMIT ${KEPT_SAMPLES}`,
        [name],
      );
      return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
    },
    async save({ name, database: id }, state, sample) {
      await database.query(SAVE, [name, id, state.phase, JSON.stringify(state)]);
      if (!sample) return;
      const { at, phase, total, done, errors, metrics } = sample;
      await database.query(ADD, [name, at, phase, total, done, errors, JSON.stringify(metrics)]);
      await database.query(PRUNE, [name, phase]);
    },
    async forget(name, phase) {
      await database.query('DELETE FROM data_migration_samples WHERE migration = $1 AND phase = $2', [name, phase]);
    },
  };
}
