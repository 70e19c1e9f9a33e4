import { createMetrics, requestMetrics, telemetryMetrics, type Metrics } from '@clearway/telemetry';
import { reloadMetrics } from '../../backend/api-gateway/src/reload-metrics.ts';
import { serviceMetrics } from '../../backend/telemetry/src/service/metrics.ts';
import { code, markdownTable, page } from './markdown.ts';

const INTRODUCTION = `Every process serves OpenMetrics at \`/metrics\`: the gateway on its admin port, the worker on its own. Durations are in
seconds and carry exemplars with trace ids. Labels hold configured ids; what anyone could invent is folded into
\`_other\` and counted in \`clearway_label_overflow_total\`.`;

interface KnownMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** docs/reference/metrics.md: what each registry holds that Clearway makes. */
export async function metricsPage(): Promise<string> {
  const quiet = { stats: () => ({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 }) };
  const gateway = await described((metrics) => {
    requestMetrics(metrics, { routes: [], upstreams: [] });
    reloadMetrics(metrics);
    telemetryMetrics(metrics, { tracing: quiet, logs: quiet, errors: quiet });
  });
  const service = await described((metrics) => void serviceMetrics(metrics));
  const common = await described(() => {}, true);
  const names = new Set(gateway.map(({ name }) => name));
  return page(
    'Metrics',
    INTRODUCTION,
    `## Gateway\n\n${metricsTable(gateway)}`,
    `## Services that use @clearway/telemetry\n\n${metricsTable(service.filter(({ name }) => !names.has(name)))}`,
    `## Node, in every process\n\n${metricsTable(common.filter(({ name }) => !names.has(name)))}`,
  );
}

/** The metrics of a registry that `fill` filled. */
async function described(fill: (metrics: Metrics) => void, nodeMetrics = false): Promise<KnownMetric[]> {
  const metrics = createMetrics({ service: 'reference', version: '0', nodeMetrics });
  fill(metrics);
  const known = await metrics.registry.getMetricsAsJSON();
  const labels = new Map(
    metrics.registry.getMetricsAsArray().map((metric) => {
      const { name, labelNames } = metric as unknown as { name: string; labelNames?: readonly string[] };
      return [name, labelNames ?? []];
    }),
  );
  return known
    .map(({ name, help, type }) => ({ name, help, type: String(type), labels: labels.get(name) ?? [] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function metricsTable(metrics: readonly KnownMetric[]): string {
  const rows = metrics.map(({ name, help, type, labels }) => [code(name), type, labels.map(code).join(', '), help]);
  return markdownTable(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}
