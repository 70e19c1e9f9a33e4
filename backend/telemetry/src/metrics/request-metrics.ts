import { Counter, Gauge, Histogram } from 'prom-client';
import type { RecordSink } from '../record/recorder.ts';
import type { RequestRecord } from '../record/request-record.ts';
import { foldMethod } from '../tracing/http-attributes.ts';
import type { Metrics } from './create.ts';
import type { LabelBudget } from './label-budget.ts';

/** Seconds, from a millisecond, where a gateway's own time lies, to a minute. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const NO_UPSTREAM = '_none';

/** The configured names that stand as label values. */
export interface RequestLabels {
  readonly routes: readonly string[];
  readonly upstreams: readonly string[];
}

/** Options beside the labels. */
export interface RequestMetricsOptions extends RequestLabels {
  /** First word of the metrics' names. Default `clearway`. */
  readonly prefix?: string | undefined;
}

/** The metrics of requests. */
export interface RequestMetrics {
  /** Counts finished records. */
  readonly sink: RecordSink;
  /** A request came; each call is to be followed by one of `closed`. */
  opened(): void;
  /** A request is over. */
  closed(): void;
  /** Takes in the routes and upstreams of a new configuration, with their counters at zero. */
  setLabels(labels: RequestLabels): void;
}

/**
 * Makes the metrics of requests. Labels are configured ids; what anyone could invent is folded.
 *
 * @example
 * const requests = requestMetrics(metrics, { routes: ['tracks'], upstreams: ['tracks'] });
 * const recorder = createRecorder([{ name: 'metrics', accept: requests.sink }], onSinkError);
 */
export function requestMetrics(metrics: Metrics, options: RequestMetricsOptions): RequestMetrics {
  const series = defineSeries(metrics, options.prefix ?? 'clearway');
  const budgets = { routes: metrics.budget('route'), upstreams: metrics.budget('upstream') };
  const setLabels = ({ routes, upstreams }: RequestLabels): void => {
    budgets.routes.reserve(routes);
    budgets.upstreams.reserve(upstreams);
    for (const route of routes) startAtZero(series, budgets.routes.fold(route));
  };
  setLabels({ routes: ['_none'], upstreams: [NO_UPSTREAM] });
  setLabels(options);
  return {
    sink: (record) => observe(series, budgets, record),
    opened: () => series.open.inc(),
    closed: () => series.open.dec(),
    setLabels,
  };
}

type Series = ReturnType<typeof defineSeries>;

function defineSeries({ registry }: Metrics, prefix: string) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter<string>({ name: `${prefix}_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram<string>({
      name: `${prefix}_${name}`,
      help,
      labelNames,
      buckets: BUCKETS,
      enableExemplars: true,
      registers,
    });
  return {
    requests: counter('requests_total', 'Finished requests', ['route', 'method', 'status_class', 'reason', 'upstream']),
    duration: histogram('request_duration_seconds', 'From arrival to the last byte, without streams and upgrades', [
      'route',
      'status_class',
    ]),
    gateway: histogram('gateway_duration_seconds', 'Time spent here and not waiting for an upstream', ['route']),
    upstream: histogram('upstream_duration_seconds', 'Time spent waiting for upstreams, over all attempts', [
      'route',
      'upstream',
    ]),
    attempts: counter('attempts_total', 'Tries to have an upstream answer', ['upstream', 'reason']),
    bytes: counter('request_bytes_total', 'Bytes of request bodies (in) and answer bodies (out)', [
      'route',
      'direction',
    ]),
    open: new Gauge({ name: `${prefix}_open_requests`, help: 'Requests being served', registers }),
    slo: counter('slo_requests_total', 'Requests that met or missed an objective of their route', [
      'route',
      'objective',
      'outcome',
    ]),
  };
}

/** A counter that appears with its first failure has no rate for it: objectives start at zero. */
function startAtZero({ slo }: Series, route: string): void {
  for (const objective of ['availability', 'latency']) {
    for (const outcome of ['good', 'bad']) slo.inc({ route, objective, outcome }, 0);
  }
}

function observe(
  series: Series,
  budgets: { routes: LabelBudget; upstreams: LabelBudget },
  record: RequestRecord,
): void {
  const route = budgets.routes.fold(record.route);
  const upstream = budgets.upstreams.fold(record.upstream ?? NO_UPSTREAM);
  const statusClass = statusClassOf(record.status);
  series.requests.inc({
    route,
    method: foldMethod(record.method),
    status_class: statusClass,
    reason: record.reason ?? 'none',
    upstream,
  });
  for (const attempt of record.attempts) series.attempts.inc({ upstream, reason: attempt.reason ?? 'none' });
  if (record.bytesIn > 0) series.bytes.inc({ route, direction: 'in' }, record.bytesIn);
  if (record.bytesOut > 0) series.bytes.inc({ route, direction: 'out' }, record.bytesOut);
  observeObjectives(series, route, record);
  if (record.kind === 'exchange') observeDurations(series, record, { route, upstream, statusClass });
}

function observeDurations(
  series: Series,
  record: RequestRecord,
  { route, upstream, statusClass }: { route: string; upstream: string; statusClass: string },
): void {
  // only of kept traces: an exemplar that leads nowhere is worse than none
  const exemplarLabels = record.isKept() ? { trace_id: record.traceId } : {};
  const seconds = (ms: number): number => ms / 1000;
  const labels = { route, status_class: statusClass };
  series.duration.observe({ labels, value: seconds(record.durationMs), exemplarLabels });
  series.gateway.observe({ labels: { route }, value: seconds(record.gatewayMs()), exemplarLabels });
  if (record.attempts.length === 0) return;
  series.upstream.observe({ labels: { route, upstream }, value: seconds(record.upstreamMs()), exemplarLabels });
}

function observeObjectives({ slo }: Series, route: string, record: RequestRecord): void {
  slo.inc({ route, objective: 'availability', outcome: record.isFault() ? 'bad' : 'good' });
  if (record.kind !== 'exchange' || record.latencyObjectiveMs === undefined) return;
  const outcome = record.durationMs > record.latencyObjectiveMs ? 'bad' : 'good';
  slo.inc({ route, objective: 'latency', outcome });
}

function statusClassOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.trunc(status / 100)}xx` : 'none';
}
