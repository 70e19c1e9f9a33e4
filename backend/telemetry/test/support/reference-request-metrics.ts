import { Counter, Gauge, Histogram } from 'prom-client';
import type { LabelBudget, Metrics, RequestLabels, RequestMetrics, RequestRecord } from '@clearway/telemetry';
import { DURATION_BUCKETS, observed, statusClassOf } from '../../src/metrics/observe.ts';
import { foldMethod } from '../../src/tracing/http-attributes.ts';

const NO_UPSTREAM = '_none';

/**
 * The metrics of requests as prom-client keeps them: what `requestMetrics`, which keeps its own series because a request
 * costs a tenth that way, is compared with.
 */
export function referenceRequestMetrics(metrics: Metrics, labels: RequestLabels): RequestMetrics {
  const series = defineSeries(metrics);
  const budgets = { routes: metrics.budget('route'), upstreams: metrics.budget('upstream') };
  const setLabels = ({ routes, upstreams }: RequestLabels): void => {
    budgets.routes.reserve(routes);
    budgets.upstreams.reserve(upstreams);
    for (const route of routes) startAtZero(series, budgets.routes.fold(route));
  };
  setLabels({ routes: ['_none'], upstreams: [NO_UPSTREAM] });
  setLabels(labels);
  return {
    sink: (record) => observe(series, budgets, record),
    opened: () => series.open.inc(),
    closed: () => series.open.dec(),
    setLabels,
  };
}

type Series = ReturnType<typeof defineSeries>;

function defineSeries({ registry }: Metrics) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter<string>({ name: `clearway_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram<string>({
      name: `clearway_${name}`,
      help,
      labelNames,
      buckets: DURATION_BUCKETS,
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
    open: new Gauge({ name: 'clearway_open_requests', help: 'Requests being served', registers }),
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
  series.duration.observe(observed(record, record.durationMs, { route, status_class: statusClass }));
  series.gateway.observe(observed(record, record.gatewayMs(), { route }));
  if (record.attempts.length === 0) return;
  series.upstream.observe(observed(record, record.upstreamMs(), { route, upstream }));
}

function observeObjectives({ slo }: Series, route: string, record: RequestRecord): void {
  slo.inc({ route, objective: 'availability', outcome: record.isFault() ? 'bad' : 'good' });
  // a fast failure is no success of the latency objective
  if (record.kind !== 'exchange' || record.latencyObjectiveMs === undefined || record.isFault()) return;
  const outcome = record.durationMs > record.latencyObjectiveMs ? 'bad' : 'good';
  slo.inc({ route, objective: 'latency', outcome });
}
