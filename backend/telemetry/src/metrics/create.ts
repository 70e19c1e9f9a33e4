import { setImmediate as yieldToOthers } from 'node:timers/promises';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Registry,
  type MetricObject,
  type OpenMetricsContentType,
} from 'prom-client';
import { LabelBudget } from './label-budget.ts';

/** What the build-info metric says. */
export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  readonly commit?: string | undefined;
  /** Values that one label may have before further ones are folded. Default 1000. */
  readonly labelLimit?: number | undefined;
  /** False leaves Node's own metrics out, for a registry beside another one. Default true. */
  readonly nodeMetrics?: boolean | undefined;
}

/** The metrics of one process. */
export interface Metrics {
  /** prom-client's registry, for metrics of one's own: `registers: [metrics.registry]`. */
  readonly registry: Registry;
  readonly service: string;
  /** OpenMetrics; the classic text format is not served, since it cannot carry exemplars. */
  readonly contentType: string;
  /** A budget for one label, counted in `clearway_label_overflow_total`. */
  budget(label: string, limit?: number): LabelBudget;
  /** The exposition, ending with `# EOF`; rendered metric by metric, so that requests are served in between. */
  render(): Promise<string>;
}

/**
 * Makes the registry with Node's own metrics (event-loop delay, garbage collection, memory) and `clearway_build_info`.
 *
 * @example
 * const metrics = createMetrics({ service: 'api-gateway', version: '1.0.0' });
 * response.setHeader('content-type', metrics.contentType).end(await metrics.render());
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const openMetrics = new Registry<OpenMetricsContentType>();
  // before any metric is made: histograms with exemplars are refused otherwise
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registry = openMetrics as unknown as Registry;
  if (options.nodeMetrics ?? true) collectDefaultMetrics({ register: registry });
  buildInfo(registry, options);
  const overflow = new Counter({
    name: 'clearway_label_overflow_total',
    help: 'Label values folded into _other because the budget of their label was spent',
    labelNames: ['label'],
    registers: [registry],
  });
  return {
    registry,
    service: options.service,
    contentType: Registry.OPENMETRICS_CONTENT_TYPE,
    budget: (label, limit = options.labelLimit ?? 1000) =>
      new LabelBudget(label, limit, (name) => overflow.inc({ label: name })),
    render: () => render(registry),
  };
}

function buildInfo(registry: Registry, { service, version, commit }: MetricsOptions): void {
  new Gauge({
    name: 'clearway_build_info',
    help: 'What is running: always 1',
    labelNames: ['service', 'version', 'commit', 'node_version'],
    registers: [registry],
  }).set({ service, version, commit: commit ?? 'unknown', node_version: process.version }, 1);
}

async function render(registry: Registry): Promise<string> {
  const parts: string[] = [];
  for (const metric of registry.getMetricsAsArray()) {
    parts.push(await renderMetric(registry, metric));
    await yieldToOthers();
  }
  return `${parts.join('\n')}\n# EOF\n`;
}

interface MetricData {
  readonly name: string;
  readonly type: unknown;
}

interface Renderable {
  getForPromString?(): Promise<MetricData>;
  get(): Promise<MetricData>;
}

/**
 * One metric as text. OpenMetrics names a counter's family without `_total`; prom-client's own rendering renames the
 * metric itself, so a view of it is renamed instead.
 */
function renderMetric(registry: Registry, metric: MetricObject): Promise<string> {
  const source = metric as unknown as Renderable;
  const get = async (): Promise<MetricData> => {
    const data = await (source.getForPromString?.() ?? source.get());
    return data.type === 'counter' ? { ...data, name: data.name.replace(/_total$/, '') } : data;
  };
  const renderer = registry as unknown as { getMetricsAsString(metric: Renderable): Promise<string> };
  return renderer.getMetricsAsString({ get, getForPromString: get });
}
