import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';
import type { ReloadOutcome } from './config/configuration.ts';

/** Counts reloads of the configuration and remembers the last good one: `listener` is told of each. */
export function reloadMetrics({ registry }: Metrics): (outcome: ReloadOutcome) => void {
  const reloads = new Counter({
    name: 'clearway_configuration_reloads_total',
    help: 'Reloads of the configuration',
    labelNames: ['cause', 'outcome'],
    registers: [registry],
  });
  const lastGood = new Gauge({
    name: 'clearway_configuration_last_load_timestamp_seconds',
    help: 'When the configuration was last read without a fault',
    registers: [registry],
  });
  lastGood.setToCurrentTime();
  return ({ cause, changed, error }) => {
    reloads.inc({ cause, outcome: error ? 'refused' : changed ? 'changed' : 'unchanged' });
    if (!error) lastGood.setToCurrentTime();
  };
}
