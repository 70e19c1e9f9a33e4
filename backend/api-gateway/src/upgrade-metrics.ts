import type { OpenUpgrades } from '@clearway/gateway';
import type { Metrics } from '@clearway/telemetry';
import { Gauge } from 'prom-client';

/** Shows how many upgraded connections are open: they are counted as requests only when they end, perhaps days later. */
export function upgradeMetrics({ registry }: Metrics, upgrades: Pick<OpenUpgrades, 'size'>): void {
  new Gauge({
    name: 'clearway_open_upgrades',
    help: 'Upgraded connections that are open, such as WebSockets',
    registers: [registry],
    collect() {
      this.set(upgrades.size);
    },
  });
}
