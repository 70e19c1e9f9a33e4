import type { JobMetrics } from '@clearway/contracts';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';
import type { JobsSeen } from './watch-jobs.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | null];

/** A series of every job, made of what the database counts. */
interface Series {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly samples: (job: JobMetrics) => readonly Sample[];
}

const seconds = (ms: number): number => ms / 1000;
const at = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso) / 1000);

function quantiles(values: JobMetrics['durationMs']): Sample[] {
  if (!values) return [];
  return [
    [{ quantile: '0.5' }, seconds(values.p50)],
    [{ quantile: '0.95' }, seconds(values.p95)],
    [{ quantile: '0.99' }, seconds(values.p99)],
  ];
}

const COUNTERS: readonly Series[] = [
  {
    name: 'clearway_job_executions_total',
    help: 'Runs of a job that ended, wherever they ran: in any process, or elsewhere with a report',
    labels: ['result'],
    samples: ({ successCount, failureCount }) => [
      [{ result: 'success' }, successCount],
      [{ result: 'failure' }, failureCount],
    ],
  },
  {
    name: 'clearway_job_execution_seconds_total',
    help: 'How long the runs of a job took together, wherever they ran',
    samples: ({ totalDurationMs }) => [[{}, seconds(totalDurationMs)]],
  },
  {
    name: 'clearway_job_items_total',
    help: 'Items that a job processed, as its runs say',
    samples: ({ itemsProcessed }) => [[{}, itemsProcessed]],
  },
];

const GAUGES: readonly Series[] = [
  {
    name: 'clearway_job_execution_quantile_seconds',
    help: 'How long successful runs of a job took since it is known: the quantile, within 2.2 %',
    labels: ['quantile'],
    samples: ({ durationMs }) => quantiles(durationMs),
  },
  {
    name: 'clearway_job_waiting_quantile_seconds',
    help: 'How long events of a job waited since it is known: the quantile, within 2.2 %',
    labels: ['quantile'],
    samples: ({ waitMs }) => quantiles(waitMs),
  },
  {
    name: 'clearway_job_last_success_timestamp_seconds',
    help: 'When a job succeeded last',
    samples: ({ lastSuccessAt }) => [[{}, at(lastSuccessAt)]],
  },
  {
    name: 'clearway_job_last_failure_timestamp_seconds',
    help: 'When a job failed last',
    samples: ({ lastFailureAt }) => [[{}, at(lastFailureAt)]],
  },
];

/**
 * What jobs have done, as `job_metrics` counts it exactly, over all processes and reporters. Every worker of a database shows the same
 * figures: take the maximum over them, not the sum.
 */
export function jobTotals(metrics: Metrics, seen: () => JobsSeen | undefined): void {
  const budget = metrics.budget('job');
  const each = (series: Series, take: (labels: Labels, value: number) => void): void => {
    for (const job of seen()?.totals ?? []) {
      for (const [labels, value] of series.samples(job)) {
        if (value !== null) take({ job: budget.fold(job.jobId), ...labels }, value);
      }
    }
  };
  for (const series of COUNTERS) {
    new Counter({
      ...definitionOf(series, metrics),
      collect() {
        this.reset();
        each(series, (labels, value) => this.inc(labels, value));
      },
    });
  }
  for (const series of GAUGES) {
    new Gauge({
      ...definitionOf(series, metrics),
      collect() {
        this.reset();
        each(series, (labels, value) => this.set(labels, value));
      },
    });
  }
}

function definitionOf({ name, help, labels = [] }: Series, { registry }: Metrics) {
  return { name, help, labelNames: ['job', ...labels], registers: [registry] };
}
