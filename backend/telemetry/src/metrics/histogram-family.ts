import type { Delivery } from '../record/delivery.ts';
import { Exemplars } from './exemplars.ts';
import type { LabelValues } from './register.ts';

/** One time series of a histogram: whoever observes holds it. */
export class HistogramSeries {
  readonly labels: LabelValues;
  readonly #bounds: readonly number[];
  /** Not cumulative; the last one is above all bounds. */
  readonly #counts: Float64Array;
  readonly #exemplars: Exemplars;
  #sum = 0;

  constructor(bounds: readonly number[], labels: LabelValues) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    this.#exemplars = new Exemplars(bounds.length + 1);
  }

  /**
   * Counts one value.
   *
   * @param value in the unit of the bounds
   * @param traceId the exemplar; undefined for a trace that is not kept
   * @param atMs when, in milliseconds since 1970: a bucket takes a new exemplar at most once a second
   * @param delivery of the trace's spans; undefined when nobody can say what became of them
   * @throws TypeError for what is no finite number, which would spoil the sum for ever
   */
  observe(value: number, traceId: string | undefined, atMs: number, delivery?: Readonly<Delivery>): void {
    if (!Number.isFinite(value)) throw new TypeError(`Value is not a valid number: ${value}`);
    const bucket = this.#bucketOf(value);
    this.#counts[bucket]! += 1;
    this.#sum += value;
    if (traceId !== undefined) this.#exemplars.offer(bucket, value, traceId, atMs, delivery);
  }

  reset(): void {
    this.#sum = 0;
    this.#counts.fill(0);
    this.#exemplars.clear();
  }

  /** The values as prom-client shows them: cumulative buckets, then sum and count. */
  values(name: string) {
    const sharedLabels = this.labels;
    let count = 0;
    const buckets = Array.from(this.#counts, (own, bucket) => {
      count += own;
      const labels = { le: this.#bounds[bucket] ?? '+Inf' };
      return { labels, sharedLabels, value: count, metricName: `${name}_bucket`, exemplar: this.#exemplars.of(bucket) };
    });
    return [
      ...buckets,
      { labels: {}, sharedLabels, value: this.#sum, metricName: `${name}_sum`, exemplar: undefined },
      { labels: {}, sharedLabels, value: count, metricName: `${name}_count`, exemplar: undefined },
    ];
  }

  #bucketOf(value: number): number {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    return bucket;
  }
}

/**
 * A histogram with exemplars for prom-client's registry, whose series are observed directly; see `CounterFamily`.
 *
 * @example
 * const duration = registered(registry, new HistogramFamily('duration_seconds', 'Duration', ['route'], [0.1, 1]));
 * duration.add({ route: 'tracks' }).observe(0.25, record.traceId, Date.now());
 */
export class HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #bounds: readonly number[];
  readonly #series: HistogramSeries[] = [];

  /** @param bounds the buckets' upper bounds, ascending */
  constructor(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.#bounds = bounds;
  }

  /** A new series without values. The caller keeps it: adding the same labels twice would show them twice. */
  add(labels: LabelValues): HistogramSeries {
    const series = new HistogramSeries(this.#bounds, labels);
    this.#series.push(series);
    return series;
  }

  /** For prom-client's text: a series' own labels stand apart, since they are rendered once for all its buckets. */
  getForPromString() {
    const { name, help, type, aggregator } = this;
    const values = this.#series.flatMap((series) => series.values(name));
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  /** For prom-client's other formats. */
  async get() {
    const data = await this.getForPromString();
    const values = data.values.map(({ labels, sharedLabels, ...value }) => ({
      ...value,
      labels: { ...labels, ...sharedLabels },
    }));
    return { ...data, values };
  }

  /** For prom-client's registry: everything back to zero. */
  reset(): void {
    for (const series of this.#series) series.reset();
  }
}
