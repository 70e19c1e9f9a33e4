import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';
import type { DeliveryListener } from './receiver.ts';
import type { TraceStore } from './store/trace-store.ts';

/**
 * The metrics of receiver and store. The store's own figures are read at each scrape.
 *
 * @param store asked for when it is needed: it is opened after the metrics
 */
export function traceMetrics(metrics: Metrics, store: () => Pick<TraceStore, 'stats'>): DeliveryListener {
  storeMetrics(metrics, store);
  const registers = [metrics.registry];
  const received = new Counter({
    name: 'clearway_traces_received_total',
    help: 'Spans and log records that were delivered',
    labelNames: ['signal'],
    registers,
  });
  const unusable = new Counter({
    name: 'clearway_traces_unusable_total',
    help: 'Delivered items that cannot be stored: refused ones, and log records that belong to no trace',
    labelNames: ['signal', 'cause'],
    registers,
  });
  const refused = new Counter({
    name: 'clearway_traces_refused_deliveries_total',
    help: 'Deliveries that were refused as a whole',
    labelNames: ['signal', 'status'],
    registers,
  });
  return {
    taken(signal, figures) {
      received.inc({ signal }, figures.items);
      if (figures.rejected > 0) unusable.inc({ signal, cause: 'rejected' }, figures.rejected);
      if (figures.ignored > 0) unusable.inc({ signal, cause: 'no_trace' }, figures.ignored);
    },
    refused: (signal, status) => refused.inc({ signal, status: String(status) }),
  };
}

function storeMetrics({ registry }: Metrics, store: () => Pick<TraceStore, 'stats'>): void {
  type Stats = ReturnType<TraceStore['stats']>;
  const registers = [registry];
  const counter = (
    name: string,
    help: string,
    label: string,
    read: (stats: Stats) => Readonly<Record<string, number>>,
  ) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read(store().stats()))) this.inc({ [label]: value }, count);
      },
    });
  counter('clearway_traces_stored_total', 'Items that were stored', 'signal', ({ stored }) => stored);
  counter('clearway_traces_dropped_total', 'Items that were not stored', 'cause', ({ dropped }) => dropped);
  counter('clearway_traces_evicted_total', 'Traces removed to make room', 'class', ({ evicted }) => evicted);
  const gauge = (name: string, help: string, read: (stats: Stats) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(store().stats()));
      },
    });
  gauge('clearway_traces_store_bytes', 'Bytes of the store that hold something', ({ usedBytes }) => usedBytes);
  gauge('clearway_traces_store_limit_bytes', 'Bytes that the store may take', ({ limitBytes }) => limitBytes);
  gauge('clearway_traces_store_queue_length', 'Items that wait to be written', ({ queued }) => queued);
  new Gauge({
    name: 'clearway_traces_kept',
    help: 'Traces in the store',
    labelNames: ['class'],
    registers,
    collect() {
      for (const [name, count] of Object.entries(store().stats().traces)) this.set({ class: name }, count);
    },
  });
}
