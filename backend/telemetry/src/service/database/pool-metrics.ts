import { Counter, Gauge, Histogram } from 'prom-client';
import { DURATION_BUCKETS } from '../../metrics/observe.ts';
import type { Metrics } from '../../metrics/index.ts';

/** The figures of a pool of connections at one moment. */
export interface PoolFigures {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  /** Most connections at once. */
  readonly size: number | undefined;
}

/** Where a pool's metrics are counted. */
export interface PoolMetrics {
  /** Reads a pool's figures at each scrape, under a name; the last one of that name counts. */
  watch(name: string, figures: () => PoolFigures): void;
  waited(name: string, durationMs: number): void;
  failed(name: string): void;
}

/** The metrics of a service's pools; their names are bounded. */
export function poolMetrics(metrics: Metrics): PoolMetrics {
  const registers = [metrics.registry];
  const names = metrics.budget('pool', 50);
  const pools = new Map<string, () => PoolFigures>();
  new Gauge({
    name: 'service_pool_connections',
    help: 'Connections of a pool by what they do',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [pool, figures] of pools) {
        const { totalCount, idleCount } = figures();
        this.set({ pool, state: 'idle' }, idleCount);
        this.set({ pool, state: 'busy' }, totalCount - idleCount);
      }
    },
  });
  const gauge = (name: string, help: string, read: (figures: PoolFigures) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers,
      collect() {
        for (const [pool, figures] of pools) {
          const value = read(figures());
          if (value !== undefined) this.set({ pool }, value);
        }
      },
    });
  gauge('service_pool_size', 'Connections that a pool may open', ({ size }) => size);
  gauge('service_pool_waiting', 'Queries that wait for a connection', ({ waitingCount }) => waitingCount);
  const labelNames = ['pool'];
  const help = 'How long queries waited for a connection';
  const wait = new Histogram({
    name: 'service_pool_wait_seconds',
    help,
    labelNames,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const failures = new Counter({
    name: 'service_pool_failures_total',
    help: 'Queries that got no connection',
    labelNames,
    registers,
  });
  return {
    watch: (name, figures) => void pools.set(names.fold(name), figures),
    waited: (name, durationMs) => wait.observe({ pool: names.fold(name) }, durationMs / 1000),
    failed: (name) => failures.inc({ pool: names.fold(name) }),
  };
}
