export { createMetrics, type Metrics, type MetricsOptions } from './create.ts';
export { LabelBudget, OTHER } from './label-budget.ts';
export { requestMetrics, type RequestLabels, type RequestMetrics } from './request-metrics.ts';
export { telemetryMetrics, type Counted, type TelemetryMetrics, type TelemetrySignals } from './telemetry-metrics.ts';
