import type { DataMigrationView } from '@clearway/contracts';
import type { Metrics } from '@clearway/telemetry';
import { Gauge } from 'prom-client';
import type { DataMigrations } from './data-migrations.ts';

const PHASES: readonly DataMigrationView['phase'][] = ['baseline', 'active', 'validation', 'steady'];

/**
 * The metrics of data migrations, read at each scrape. Their labels are declared names.
 *
 * @param migrations asked for when it is needed: it is made after the metrics
 */
export function migrationMetrics(metrics: Metrics, migrations: () => Pick<DataMigrations, 'watches'>): void {
  const gauge = (name: string, help: string, read: (view: DataMigrationView) => number | null) =>
    new Gauge({
      name: `clearway_data_migration_${name}`,
      help,
      labelNames: ['migration'],
      registers: [metrics.registry],
      collect() {
        this.reset();
        for (const watch of migrations().watches) {
          const view = watch.view();
          const value = read(view);
          if (value !== null) this.set({ migration: view.name }, value);
        }
      },
    });
  gauge('total', 'What a data migration has to do, done or not', ({ total }) => total);
  gauge('done', 'What a data migration has done', ({ done }) => done);
  gauge('errors', 'What a data migration could not do', ({ errors }) => errors);
  gauge('stalled', 'Whether a data migration is active and makes no progress', ({ status }) =>
    Number(status === 'stalled'),
  );
  gauge('unknown', 'Whether the figures of a data migration cannot be read', ({ status }) =>
    Number(status === 'unknown'),
  );
  gauge('worse', 'Whether a metric is worse than before the data migration', ({ verdict }) =>
    Number(verdict === 'worse'),
  );
  gauge('phase', `Phase of a data migration: ${PHASES.map((phase, n) => `${n} ${phase}`).join(', ')}`, ({ phase }) =>
    PHASES.indexOf(phase),
  );
}
