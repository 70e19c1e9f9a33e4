import type { Metric, Registry } from 'prom-client';

/** A series' labels, in the order in which they are shown. */
export type LabelValues = Readonly<Record<string, string>>;

/** What prom-client's registry calls of a metric, whoever made it. */
export interface RegistryMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
  get(): Promise<unknown>;
  reset(): void;
}

/** Puts a metric that prom-client did not make into its registry; throws when the name is taken. */
export function registered<T extends RegistryMetric>(registry: Registry, metric: T): T {
  registry.registerMetric(metric as unknown as Metric<string>);
  return metric;
}
