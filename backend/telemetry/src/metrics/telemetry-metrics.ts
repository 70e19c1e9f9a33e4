import { Counter, Gauge } from 'prom-client';
import type { QueueStats } from '../tracing/options.ts';
import type { Metrics } from './create.ts';

/** Anything that counts its own queue. */
export interface Counted {
  stats(): QueueStats;
}

/** The signals whose health is shown; each may be left out. */
export interface TelemetrySignals {
  readonly tracing?: Counted | undefined;
  readonly logs?: Counted | undefined;
  readonly errors?: Counted | undefined;
}

/** Counts what the signals cannot count themselves. */
export interface TelemetryMetrics {
  /** A sink of the recorder threw. */
  sinkFailed(sink: string): void;
}

/**
 * The telemetry's own health as metrics, read at each scrape: queue lengths, drops and failed exports by signal.
 *
 * @example
 * const health = telemetryMetrics(metrics, { tracing, logs, errors });
 * const recorder = createRecorder(sinks, (sink) => health.sinkFailed(sink));
 */
export function telemetryMetrics(metrics: Metrics, signals: TelemetrySignals): TelemetryMetrics {
  const registers = [metrics.registry];
  const present = Object.entries(signals as Record<string, Counted | undefined>).filter(
    (entry): entry is [string, Counted] => entry[1] !== undefined,
  );
  new Gauge({
    name: 'clearway_telemetry_queue_length',
    help: 'Items waiting to be exported, or being exported',
    labelNames: ['signal'],
    registers,
    collect() {
      for (const [signal, counted] of present) this.set({ signal }, counted.stats().queued);
    },
  });
  scraped(metrics, present, 'clearway_telemetry_exported_total', 'Items that were exported', 'exported');
  scraped(metrics, present, 'clearway_telemetry_dropped_total', 'Items lost or held back at a bound', 'dropped');
  scraped(metrics, present, 'clearway_telemetry_export_failures_total', 'Exports that failed', 'exportFailures');
  const sinkErrors = new Counter({
    name: 'clearway_telemetry_sink_errors_total',
    help: 'Finished records that a sink threw at',
    labelNames: ['sink'],
    registers,
  });
  return { sinkFailed: (sink) => sinkErrors.inc({ sink }) };
}

/** A counter that is kept elsewhere. */
function scraped(
  { registry }: Metrics,
  signals: readonly (readonly [string, Counted])[],
  name: string,
  help: string,
  field: keyof QueueStats,
): void {
  new Counter({
    name,
    help,
    labelNames: ['signal'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [signal, counted] of signals) this.inc({ signal }, counted.stats()[field]);
    },
  });
}
