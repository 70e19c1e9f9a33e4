import { Counter, Gauge, Histogram, Summary } from 'prom-client';
import type { RequestRecord } from '../record/request-record.ts';
import type { Metrics } from '../metrics/index.ts';
import { DURATION_BUCKETS, observed, statusClassOf } from '../metrics/observe.ts';
import { foldMethod } from '../tracing/http-attributes.ts';

const MAX_TRACKED_NAMES = 200;
const MAX_TRACKED_VALUES = 100;
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** The metrics of a user's own service. */
export interface ServiceMetrics {
  opened(): void;
  closed(record: RequestRecord): void;
  query(name: string, durationMs: number, outcome: 'ok' | 'slow' | 'failed'): void;
  error(operation: string, feature: string): void;
  /** See `trackMetric`. */
  track(name: string, value: number, labels: Readonly<Record<string, string>>): void;
}

/** Makes them; every label is bounded. */
export function serviceMetrics(metrics: Metrics): ServiceMetrics {
  return { ...requestSeries(metrics), ...querySeries(metrics), ...errorSeries(metrics), ...trackedSeries(metrics) };
}

function requestSeries(metrics: Metrics): Pick<ServiceMetrics, 'opened' | 'closed'> {
  const registers = [metrics.registry];
  const routes = metrics.budget('route');
  const requests = new Counter({
    name: 'service_requests_total',
    help: 'Finished requests',
    labelNames: ['route', 'method', 'status_class', 'reason'],
    registers,
  });
  const duration = new Histogram<string>({
    name: 'service_request_duration_seconds',
    help: 'From arrival to the last byte',
    labelNames: ['route', 'status_class'],
    buckets: DURATION_BUCKETS,
    enableExemplars: true,
    registers,
  });
  const open = new Gauge({ name: 'service_open_requests', help: 'Requests being served', registers });
  return {
    opened: () => open.inc(),
    closed: (record) => {
      open.dec();
      const route = routes.fold(record.route);
      const statusClass = statusClassOf(record.status);
      const method = foldMethod(record.method);
      requests.inc({ route, method, status_class: statusClass, reason: record.reason ?? 'none' });
      duration.observe(observed(record, record.durationMs, { route, status_class: statusClass }));
    },
  };
}

function querySeries(metrics: Metrics): Pick<ServiceMetrics, 'query'> {
  const registers = [metrics.registry];
  const queries = metrics.budget('query');
  const labelNames = ['query'];
  const duration = new Histogram({
    name: 'service_query_duration_seconds',
    help: 'Duration of monitored queries',
    labelNames,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const slow = new Counter({
    name: 'service_slow_queries_total',
    help: 'Queries over the bound',
    labelNames,
    registers,
  });
  const failed = new Counter({ name: 'service_failed_queries_total', help: 'Failed queries', labelNames, registers });
  return {
    query: (name, durationMs, outcome) => {
      const labels = { query: queries.fold(name) };
      duration.observe(labels, durationMs / 1000);
      if (outcome === 'slow') slow.inc(labels);
      if (outcome === 'failed') failed.inc(labels);
    },
  };
}

function errorSeries(metrics: Metrics): Pick<ServiceMetrics, 'error'> {
  const budgets = { operation: metrics.budget('operation'), feature: metrics.budget('feature') };
  const errors = new Counter({
    name: 'service_errors_total',
    help: 'Errors that were reported',
    labelNames: ['operation', 'feature'],
    registers: [metrics.registry],
  });
  return {
    error: (operation, feature) =>
      errors.inc({ operation: budgets.operation.fold(operation), feature: budgets.feature.fold(feature) }),
  };
}

interface Tracked {
  readonly summary: Summary;
  readonly labelNames: readonly string[];
}

/** A summary without quantiles: its sum and count give totals, rates and averages of any value. */
function trackedSeries(metrics: Metrics): Pick<ServiceMetrics, 'track'> {
  const names = metrics.budget('metric', MAX_TRACKED_NAMES);
  const values = metrics.budget('metric_label', MAX_TRACKED_VALUES);
  const known = new Map<string, Tracked>();
  const define = (name: string, labelNames: string[]): Tracked => {
    const help = 'Tracked by the service';
    const registers = [metrics.registry];
    return {
      labelNames,
      summary: new Summary({ name: `service_${name}`, help, labelNames, percentiles: [], registers }),
    };
  };
  return {
    track: (name, value, labels) => {
      if (!Number.isFinite(value)) return;
      const folded = NAME.test(name) ? names.fold(name) : names.fold('invalid_name');
      let tracked = known.get(folded);
      if (!tracked) {
        tracked = define(
          folded,
          Object.keys(labels).filter((label) => NAME.test(label)),
        );
        known.set(folded, tracked);
      }
      // the names of the first call stand: a metric cannot change them
      const entries = tracked.labelNames.map((label) => [label, values.fold(labels[label] ?? '')]);
      tracked.summary.observe(Object.fromEntries(entries) as Record<string, string>, value);
    },
  };
}
