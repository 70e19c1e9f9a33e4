import type { RecordSink } from '../record/recorder.ts';
import type { RequestRecord } from '../record/request-record.ts';
import { foldMethod } from '../tracing/http-attributes.ts';
import type { Metrics } from './create.ts';
import {
  AttemptSeries,
  requestFamilies,
  RouteSeries,
  type PairSeries,
  type RequestFamilies,
} from './request-series.ts';

const NO_UPSTREAM = '_none';

/** The configured names that stand as label values. */
export interface RequestLabels {
  readonly routes: readonly string[];
  readonly upstreams: readonly string[];
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
 * Makes the metrics of requests. Labels are configured ids; what anyone could invent is folded. A request costs a few
 * look-ups and additions; text is made at the scrape.
 *
 * @example
 * const requests = requestMetrics(metrics, { routes: ['tracks'], upstreams: ['tracks'] });
 * const recorder = createRecorder([{ name: 'metrics', accept: requests.sink }], onSinkError);
 */
export function requestMetrics(metrics: Metrics, labels: RequestLabels): RequestMetrics {
  let open = 0;
  const series = seriesOf(requestFamilies(metrics, () => open));
  const budgets = { routes: metrics.budget('route'), upstreams: metrics.budget('upstream') };
  const setLabels = ({ routes, upstreams }: RequestLabels): void => {
    budgets.routes.reserve(routes);
    budgets.upstreams.reserve(upstreams);
    for (const route of routes) startAtZero(series.route(budgets.routes.fold(route)));
  };
  setLabels({ routes: ['_none'], upstreams: [NO_UPSTREAM] });
  setLabels(labels);
  return {
    sink: (record) => {
      const route = series.route(budgets.routes.fold(record.route));
      const upstream = budgets.upstreams.fold(record.upstream ?? NO_UPSTREAM);
      observe(record, route, route.with(upstream, series.attempts(upstream)));
    },
    opened: () => void open++,
    closed: () => void open--,
    setLabels,
  };
}

/** Finds the series of a route and of an upstream. Their names are folded already, which bounds both. */
function seriesOf(families: RequestFamilies) {
  const routes = new Map<string, RouteSeries>();
  const upstreams = new Map<string, AttemptSeries>();
  return {
    route(name: string): RouteSeries {
      const known = routes.get(name);
      if (known) return known;
      const route = new RouteSeries(families, name);
      routes.set(name, route);
      return route;
    },
    attempts(upstream: string): AttemptSeries {
      const known = upstreams.get(upstream);
      if (known) return known;
      const attempts = new AttemptSeries(families, upstream);
      upstreams.set(upstream, attempts);
      return attempts;
    },
  };
}

/** A counter that appears with its first failure has no rate for it: objectives start at zero. */
function startAtZero(route: RouteSeries): void {
  for (const objective of ['availability', 'latency'] as const) {
    for (const outcome of ['good', 'bad'] as const) route.slo(objective, outcome);
  }
}

function observe(record: RequestRecord, route: RouteSeries, pair: PairSeries): void {
  pair.requests(foldMethod(record.method), record.reason ?? 'none', record.status).value += 1;
  for (const attempt of record.attempts) pair.attempts.of(attempt.reason ?? 'none').value += 1;
  if (record.bytesIn > 0) route.bytesIn.value += record.bytesIn;
  if (record.bytesOut > 0) route.bytesOut.value += record.bytesOut;
  observeObjectives(record, route);
  if (record.kind === 'exchange') observeDurations(record, route, pair);
}

function observeDurations(record: RequestRecord, route: RouteSeries, pair: PairSeries): void {
  const { delivery } = record;
  // only of kept traces: an exemplar that leads nowhere is worse than none
  const exemplar = record.isKept() ? record.traceId : undefined;
  const endedAtMs = record.startedAtMs + record.durationMs;
  route.duration(record.status).observe(record.durationMs / 1000, exemplar, endedAtMs, delivery);
  route.gateway.observe(record.gatewayMs() / 1000, exemplar, endedAtMs, delivery);
  if (record.attempts.length === 0) return;
  pair.duration.observe(record.upstreamMs() / 1000, exemplar, endedAtMs, delivery);
}

function observeObjectives(record: RequestRecord, route: RouteSeries): void {
  const isFault = record.isFault();
  route.slo('availability', isFault ? 'bad' : 'good').value += 1;
  // a fast failure is no success of the latency objective
  if (record.kind !== 'exchange' || record.latencyObjectiveMs === undefined || isFault) return;
  route.slo('latency', record.durationMs > record.latencyObjectiveMs ? 'bad' : 'good').value += 1;
}
