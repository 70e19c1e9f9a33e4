import type { LabelValues } from './register.ts';

/** One time series of a counter: whoever counts holds it, so that counting is one addition. */
export interface CounterSeries {
  readonly labels: LabelValues;
  value: number;
}

/**
 * A counter for prom-client's registry whose series are added to directly: `prom-client` composes and looks up a key
 * for each `inc`, which costs more than everything else that is done for a request's metrics.
 *
 * @example
 * const requests = registered(registry, new CounterFamily('requests_total', 'Finished requests', ['route']));
 * const tracks = requests.add({ route: 'tracks' });
 * tracks.value += 1;
 */
export class CounterFamily {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly type = 'counter';
  readonly aggregator = 'sum';
  readonly #series: CounterSeries[] = [];

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
  }

  /** A new series at zero. The caller keeps it: adding the same labels twice would show them twice. */
  add(labels: LabelValues): CounterSeries {
    const series = { labels, value: 0 };
    this.#series.push(series);
    return series;
  }

  /** For prom-client's registry. */
  get() {
    const { name, help, type, aggregator } = this;
    const values = this.#series.map(({ labels, value }) => ({ labels, value }));
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  /** For prom-client's registry: everything back to zero. */
  reset(): void {
    for (const series of this.#series) series.value = 0;
  }
}
