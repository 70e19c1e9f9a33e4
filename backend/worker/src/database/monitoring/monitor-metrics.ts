import { databaseFigures, type DatabaseWatch, type WriteBehindStats } from '@clearway/database';
import type { DatabaseCheckStatus } from '@clearway/contracts';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge, Histogram } from 'prom-client';

/** What the metrics are read from, at each scrape. */
export interface MonitoredDatabases {
  /** Those that this worker watches: none while another one does. */
  readonly watches: () => readonly DatabaseWatch[];
  readonly pending: () => WriteBehindStats;
}

/** Counts what the passes cost. */
export interface PassMetrics {
  passed(databaseId: string, kind: 'quick' | 'full', durationMs: number, isAnswered: boolean): void;
}

const STATUS_VALUES: Readonly<Record<DatabaseCheckStatus, number>> = {
  ok: 0,
  warning: 1,
  critical: 2,
  skipped: -1,
  not_watched: -2,
};

/** Figures that are metrics: name of the figure, name and meaning of the metric, and by how much it is divided. */
const FIGURES: readonly (readonly [figure: string, metric: string, help: string, divisor?: number])[] = [
  ['reachable', 'clearway_database_reachable', 'Whether the database answered the last pass'],
  ['connections', 'clearway_database_connections_used', 'Connections in use'],
  [
    'connections_used_percent',
    'clearway_database_connections_used_ratio',
    'Share of the connections that applications may open',
    100,
  ],
  ['longest_lock_wait_seconds', 'clearway_database_longest_lock_wait_seconds', 'Longest wait for a lock'],
  ['commits_per_second', 'clearway_database_commits_per_second', 'Transactions committed, mean of the last minute'],
  [
    'rollbacks_per_second',
    'clearway_database_rollbacks_per_second',
    'Transactions rolled back, mean of the last minute',
  ],
  [
    'slowest_query_mean_ms',
    'clearway_database_slowest_query_seconds',
    'Mean time of the slowest query of the last five minutes',
    1000,
  ],
  ['replication_lag_seconds', 'clearway_database_replication_lag_seconds', 'Lag of the slowest replica'],
  ['size_bytes', 'clearway_database_size_bytes', 'Size of the database'],
  ['cache_hit_percent', 'clearway_database_cache_hit_ratio', 'Share of blocks that were found in memory', 100],
  ['cpu_percent', 'clearway_database_cpu_ratio', "Share of the server's processor time in use", 100],
  ['memory_percent', 'clearway_database_memory_ratio', "Share of the server's memory in use", 100],
];

/** The metrics of the watched databases. The label `database` holds configured ids only. */
export function databaseMetrics({ registry }: Metrics, source: MonitoredDatabases): PassMetrics {
  const registers = [registry];
  const perDatabase = (name: string, help: string, valueOf: (watch: DatabaseWatch) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['database'],
      registers,
      collect() {
        this.reset();
        for (const watch of source.watches()) {
          const value = valueOf(watch);
          if (value !== undefined) this.set({ database: watch.settings.id }, value);
        }
      },
    });
  for (const [figure, name, help, divisor = 1] of FIGURES) {
    perDatabase(name, help, (watch) => {
      const value = databaseFigures(watch)[figure];
      return value === undefined ? undefined : value / divisor;
    });
  }
  perDatabase(
    'clearway_database_quota_bytes',
    'Bytes that the database may take',
    ({ settings }) => settings.quotaBytes,
  );
  sessionGauge(registers, source);
  checkGauge(registers, source);
  pendingGauge(registers, source);
  return passMetrics(registers);
}

function sessionGauge(registers: Metrics['registry'][], { watches }: MonitoredDatabases): void {
  new Gauge({
    name: 'clearway_database_sessions',
    help: 'Sessions of clients by what they do',
    labelNames: ['database', 'state'],
    registers,
    collect() {
      this.reset();
      for (const watch of watches()) {
        const figures = databaseFigures(watch);
        for (const state of ['active', 'idle', 'idle_in_transaction', 'waiting_for_lock']) {
          const value = figures[state];
          if (value !== undefined) this.set({ database: watch.settings.id, state }, value);
        }
      }
    },
  });
}

function checkGauge(registers: Metrics['registry'][], { watches }: MonitoredDatabases): void {
  new Gauge({
    name: 'clearway_database_check_status',
    help: 'How each check stands: 0 ok, 1 warning, 2 critical, -1 could not be asked, -2 not watched',
    labelNames: ['database', 'check'],
    registers,
    collect() {
      this.reset();
      for (const { settings, checks } of watches()) {
        for (const { id, status } of checks) this.set({ database: settings.id, check: id }, STATUS_VALUES[status]);
      }
    },
  });
}

function pendingGauge(registers: Metrics['registry'][], { pending }: MonitoredDatabases): void {
  new Gauge({
    name: 'clearway_database_results_waiting',
    help: 'Results of passes that wait to be written, since the database of Clearway does not answer',
    registers,
    collect() {
      this.set(pending().waiting);
    },
  });
}

function passMetrics(registers: Metrics['registry'][]): PassMetrics {
  const labelNames = ['database', 'kind'];
  const duration = new Histogram({
    name: 'clearway_database_pass_duration_seconds',
    help: 'How long passes over a database take',
    labelNames,
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 60],
    registers,
  });
  const failed = new Counter({
    name: 'clearway_database_passes_unanswered_total',
    help: 'Passes that the database did not answer',
    labelNames,
    registers,
  });
  return {
    passed(database, kind, durationMs, isAnswered) {
      duration.observe({ database, kind }, durationMs / 1000);
      if (!isAnswered) failed.inc({ database, kind });
    },
  };
}
