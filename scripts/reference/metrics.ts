import { createMetrics, requestMetrics, telemetryMetrics, type Metrics } from '@clearway/telemetry';
import { flightMetrics } from '../../backend/api-gateway/src/flight-recorder/flight-metrics.ts';
import { reloadMetrics } from '../../backend/api-gateway/src/reload-metrics.ts';
import { upgradeMetrics } from '../../backend/api-gateway/src/upgrade-metrics.ts';
import { upstreamMetrics } from '../../backend/api-gateway/src/upstreams/upstream-metrics.ts';
import { serviceMetrics } from '../../backend/telemetry/src/service/metrics.ts';
import { backupMetrics } from '../../backend/worker/src/backups/backup-metrics.ts';
import { databaseMetrics } from '../../backend/worker/src/database/monitoring/monitor-metrics.ts';
import { deadLetterMetrics } from '../../backend/worker/src/dead-letters/metrics.ts';
import { integrityMetrics } from '../../backend/worker/src/integrity/integrity-metrics.ts';
import { jobGauges } from '../../backend/worker/src/jobs/gauges.ts';
import { jobRunMetrics } from '../../backend/worker/src/jobs/metrics.ts';
import { jobTotals } from '../../backend/worker/src/jobs/totals.ts';
import { migrationMetrics } from '../../backend/worker/src/migrations/migration-metrics.ts';
import { traceMetrics } from '../../backend/worker/src/traces/metrics.ts';
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

/** docs/reference/metrics.md: what each registry holds that Clearway makes. Nothing is read, only described. */
export function metricsPage(): string {
  const quiet = { stats: () => ({ queued: 0, exported: 0, dropped: 0, exportFailures: 0 }) };
  const withTelemetry = (metrics: Metrics) => telemetryMetrics(metrics, { tracing: quiet, logs: quiet, errors: quiet });
  const gateway = described((metrics) => {
    requestMetrics(metrics, { routes: [], upstreams: [] });
    reloadMetrics(metrics);
    flightMetrics(metrics);
    upgradeMetrics(metrics, { size: 0 });
    upstreamMetrics(metrics, () => ({ all: () => [] }));
    withTelemetry(metrics);
  });
  const worker = described((metrics) => {
    backupMetrics(metrics, () => []);
    databaseMetrics(metrics, { watches: () => [], pending: () => ({ waiting: 0, dropped: 0 }) });
    deadLetterMetrics(metrics, { current: () => undefined });
    integrityMetrics(metrics, () => ({ monitors: [] }));
    jobRunMetrics(metrics);
    jobGauges(metrics, () => undefined);
    jobTotals(metrics, () => undefined);
    migrationMetrics(metrics, () => ({ watches: [] }));
    traceMetrics(metrics, () => {
      throw new Error('the reference reads no store');
    });
  });
  const service = described(serviceMetrics);
  const common = described(() => {}, true);
  const told = new Set(gateway.map(({ name }) => name));
  const section = (title: string, metrics: readonly KnownMetric[]) =>
    `## ${title}\n\n${metricsTable(metrics.filter(({ name }) => !told.has(name)))}`;
  return page(
    'Metrics',
    INTRODUCTION,
    `## Gateway\n\n${metricsTable(gateway)}`,
    section('Worker', worker),
    section('Services that use @clearway/telemetry, and the worker', service),
    section('Node, in every process', common),
  );
}

/** The metrics of a registry that `fill` filled. */
function described(fill: (metrics: Metrics) => unknown, nodeMetrics = false): KnownMetric[] {
  const metrics = createMetrics({ service: 'reference', version: '0', nodeMetrics });
  fill(metrics);
  const known = metrics.registry.getMetricsAsArray() as unknown as (Omit<KnownMetric, 'labels'> & {
    labelNames: readonly string[];
  })[];
  return known
    .map(({ name, help, type, labelNames }) => ({ name, help, type, labels: labelNames }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function metricsTable(metrics: readonly KnownMetric[]): string {
  const rows = metrics.map(({ name, help, type, labels }) => [code(name), type, labels.map(code).join(', '), help]);
  return markdownTable(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}
