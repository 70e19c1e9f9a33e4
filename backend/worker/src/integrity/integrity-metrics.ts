import type { IntegrityCheck } from '@clearway/contracts';
import type { PassOutcome } from '@clearway/database';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';
import type { Integrity } from './integrity.ts';

/**
 * The metrics of integrity checks, read at each scrape. Of foreign keys only those are shown that are or were violated: a database has many.
 *
 * @param integrity asked for when it is needed: it is made after the metrics
 * @returns what hears of each pass
 */
export function integrityMetrics(
  metrics: Metrics,
  integrity: () => Pick<Integrity, 'monitors'>,
): (database: string, outcome: PassOutcome) => void {
  const registers = [metrics.registry];
  const budget = metrics.budget('check');
  const shown = new Set<string>();
  const checks = (): IntegrityCheck[] => integrity().monitors.flatMap((monitor) => monitor.list());
  const isShown = ({ database, id, kind, violations }: IntegrityCheck): boolean => {
    const key = JSON.stringify([database, id]);
    if (kind !== 'foreign-key' || violations > 0) shown.add(key);
    return shown.has(key);
  };
  gauge('clearway_integrity_violations', 'Offending rows that the last run of a check found', (set) => {
    for (const check of checks().filter(isShown)) set(check, check.violations);
  });
  gauge('clearway_integrity_value', 'Figure that the last run of a count returned', (set) => {
    for (const check of checks()) if (check.value !== null) set(check, check.value);
  });
  new Gauge({
    name: 'clearway_integrity_checks',
    help: 'Checks by how they stand; skipped, failed and pending ones have no answer',
    labelNames: ['database', 'status'],
    registers,
    collect() {
      this.reset();
      for (const { database, status } of checks()) this.inc({ database, status });
    },
  });
  const labelNames = ['database'];
  const busy = new Counter({
    name: 'clearway_integrity_busy_seconds_total',
    help: 'Time that the queries of integrity checks took',
    labelNames,
    registers,
  });
  const failed = new Counter({
    name: 'clearway_integrity_failed_passes_total',
    help: 'Passes that could not look, or could not keep what they saw',
    labelNames,
    registers,
  });
  return (database, { busyMs, problem }) => {
    busy.inc({ database }, busyMs / 1000);
    if (problem !== undefined) failed.inc({ database });
  };

  function gauge(
    name: string,
    help: string,
    read: (set: (check: IntegrityCheck, value: number) => void) => void,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['database', 'check'],
      registers,
      collect() {
        this.reset();
        read(({ database, id }, value) => this.inc({ database, check: budget.fold(id) }, value));
      },
    });
  }
}
