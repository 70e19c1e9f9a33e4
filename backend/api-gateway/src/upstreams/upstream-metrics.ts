import type { Gateway, Target, UpstreamListener } from '@clearway/gateway';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';

type Upstreams = Gateway['runtime']['upstreams'];

/**
 * The metrics of targets: health, load and connections, read at each scrape, and counts of what happens to them.
 *
 * @param upstreams asked for at each scrape: a reload replaces them, and what is gone is not shown any more
 * @returns counts events
 */
export function upstreamMetrics(metrics: Metrics, upstreams: () => Pick<Upstreams, 'all'>): UpstreamListener {
  const registers = [metrics.registry];
  const gauge = (name: string, help: string, read: (target: Target) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['upstream', 'target'],
      registers,
      collect() {
        this.reset();
        for (const { name: upstream, targets } of upstreams().all()) {
          for (const target of targets) this.set({ upstream, target: target.origin }, read(target));
        }
      },
    });
  };
  gauge('clearway_target_healthy', '0 for a target that fails its health checks, else 1', ({ health }) =>
    health.isUsable ? 1 : 0,
  );
  gauge('clearway_target_requests_in_flight', 'Requests at a target or waiting for it', ({ inFlight }) => inFlight);
  gauge(
    'clearway_target_requests_waiting',
    'Of those, requests that wait for a connection',
    ({ pool }) => pool.stats().waiting,
  );
  gauge('clearway_target_connections_open', 'Open connections to a target', ({ pool }) => pool.stats().open);
  gauge('clearway_target_connections_idle', 'Open connections without a request', ({ pool }) => pool.stats().idle);
  const checks = new Counter({
    name: 'clearway_health_checks_total',
    help: 'Health checks of targets',
    labelNames: ['upstream', 'target', 'outcome'],
    registers,
  });
  const names = new Counter({
    name: 'clearway_name_events_total',
    help: "Targets' names that moved to other addresses, could no longer be resolved, or could again",
    labelNames: ['name', 'event'],
    registers,
  });
  const budgets = { target: metrics.budget('target'), name: metrics.budget('name') };
  return (event) => {
    if (event.kind === 'checked') {
      const { upstream, outcome } = event;
      const target = budgets.target.fold(event.target);
      checks.inc({ upstream, target, outcome: outcome.isPassed ? 'passed' : 'failed' });
    } else names.inc({ name: budgets.name.fold(event.name), event: event.kind.slice('name-'.length) });
  };
}
