import { Gauge } from 'prom-client';
import { CounterFamily, type CounterSeries } from './counter-family.ts';
import type { Metrics } from './create.ts';
import { HistogramFamily, type HistogramSeries } from './histogram-family.ts';
import { DURATION_BUCKETS, statusClassOf } from './observe.ts';
import { registered } from './register.ts';

/** The metrics of requests, as they are registered. */
export type RequestFamilies = ReturnType<typeof requestFamilies>;

/** Registers them. `openRequests` is read at each scrape. */
export function requestFamilies({ registry }: Metrics, openRequests: () => number) {
  const counter = (name: string, help: string, labelNames: string[]) =>
    registered(registry, new CounterFamily(`clearway_${name}`, help, labelNames));
  const histogram = (name: string, help: string, labelNames: string[]) =>
    registered(registry, new HistogramFamily(`clearway_${name}`, help, labelNames, DURATION_BUCKETS));
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
    open: new Gauge({
      name: 'clearway_open_requests',
      help: 'Requests being served',
      registers: [registry],
      collect() {
        this.set(openRequests());
      },
    }),
    slo: counter('slo_requests_total', 'Requests that met or missed an objective of their route', [
      'route',
      'objective',
      'outcome',
    ]),
  };
}

type Objective = 'availability' | 'latency';
type Outcome = 'good' | 'bad';

/**
 * The series of one route. Each is made when it is first needed, so that nothing is shown that was never counted, and
 * then found without composing a key. Their number is bounded by the budgets of route and upstream: methods, status
 * classes and reasons are closed sets.
 */
export class RouteSeries {
  readonly route: string;
  readonly #families: RequestFamilies;
  readonly #upstreams = new Map<string, PairSeries>();
  readonly #durations = new Map<number, HistogramSeries>();
  #gateway: HistogramSeries | undefined = undefined;
  #bytesIn: CounterSeries | undefined = undefined;
  #bytesOut: CounterSeries | undefined = undefined;
  readonly #slo: Record<Objective, Record<Outcome, CounterSeries | undefined>> = {
    availability: { good: undefined, bad: undefined },
    latency: { good: undefined, bad: undefined },
  };

  constructor(families: RequestFamilies, route: string) {
    this.#families = families;
    this.route = route;
  }

  /** Its series that name an upstream too. */
  with(upstream: string, attempts: AttemptSeries): PairSeries {
    let pair = this.#upstreams.get(upstream);
    if (pair === undefined) {
      pair = new PairSeries(this.#families, this.route, attempts);
      this.#upstreams.set(upstream, pair);
    }
    return pair;
  }

  /** @param status as the client was given it; 0 for none */
  duration(status: number): HistogramSeries {
    const statusClass = statusClassIndex(status);
    let series = this.#durations.get(statusClass);
    if (series === undefined) {
      series = this.#families.duration.add({ route: this.route, status_class: statusClassOf(status) });
      this.#durations.set(statusClass, series);
    }
    return series;
  }

  get gateway(): HistogramSeries {
    return (this.#gateway ??= this.#families.gateway.add({ route: this.route }));
  }

  get bytesIn(): CounterSeries {
    return (this.#bytesIn ??= this.#families.bytes.add({ route: this.route, direction: 'in' }));
  }

  get bytesOut(): CounterSeries {
    return (this.#bytesOut ??= this.#families.bytes.add({ route: this.route, direction: 'out' }));
  }

  slo(objective: Objective, outcome: Outcome): CounterSeries {
    return (this.#slo[objective][outcome] ??= this.#families.slo.add({ route: this.route, objective, outcome }));
  }
}

/** The attempts at one upstream, from whichever route. */
export class AttemptSeries {
  readonly upstream: string;
  readonly #family: CounterFamily;
  readonly #reasons = new Map<string, CounterSeries>();

  constructor({ attempts }: RequestFamilies, upstream: string) {
    this.#family = attempts;
    this.upstream = upstream;
  }

  of(reason: string): CounterSeries {
    let series = this.#reasons.get(reason);
    if (series === undefined) {
      series = this.#family.add({ upstream: this.upstream, reason });
      this.#reasons.set(reason, series);
    }
    return series;
  }
}

/** The series of one route with one upstream. */
export class PairSeries {
  readonly attempts: AttemptSeries;
  readonly #families: RequestFamilies;
  readonly #route: string;
  /** By method, reason and status class: a status class is a small number, and there are six. */
  readonly #requests = new Map<string, Map<string, (CounterSeries | undefined)[]>>();
  #duration: HistogramSeries | undefined = undefined;

  constructor(families: RequestFamilies, route: string, attempts: AttemptSeries) {
    this.#families = families;
    this.#route = route;
    this.attempts = attempts;
  }

  get duration(): HistogramSeries {
    return (this.#duration ??= this.#families.upstream.add({
      route: this.#route,
      upstream: this.attempts.upstream,
    }));
  }

  requests(method: string, reason: string, status: number): CounterSeries {
    const classes = this.#requests.get(method)?.get(reason) ?? this.#newClasses(method, reason);
    return (classes[statusClassIndex(status)] ??= this.#families.requests.add({
      route: this.#route,
      method,
      status_class: statusClassOf(status),
      reason,
      upstream: this.attempts.upstream,
    }));
  }

  #newClasses(method: string, reason: string): (CounterSeries | undefined)[] {
    const classes = Array.from<CounterSeries | undefined>({ length: 6 });
    const reasons = this.#requests.get(method);
    if (reasons) reasons.set(reason, classes);
    else this.#requests.set(method, new Map([[reason, classes]]));
    return classes;
  }
}

/** 2 for `2xx` and the like; 0 for `none`. */
function statusClassIndex(status: number): number {
  return status >= 100 && status < 600 ? Math.trunc(status / 100) : 0;
}
