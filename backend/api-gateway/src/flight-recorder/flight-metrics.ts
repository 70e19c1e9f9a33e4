import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';

/** Counts what the flight recorder sees. */
export interface FlightMetrics {
  /** How the process before this one ended. */
  ended(end: string): void;
  /** The event loop was blocked. */
  blocked(): void;
}

/** Makes them. */
export function flightMetrics({ registry }: Metrics): FlightMetrics {
  const ends = new Gauge({
    name: 'clearway_previous_process_end_info',
    help: 'How the gateway that ran here before ended',
    labelNames: ['end'],
    registers: [registry],
  });
  const blocks = new Counter({
    name: 'clearway_event_loop_blocks_total',
    help: 'Times that the event loop stood still for longer than EVENT_LOOP_BLOCKED_MS',
    registers: [registry],
  });
  return { ended: (end) => ends.set({ end }, 1), blocked: () => blocks.inc() };
}
