import type { LeaseKeeper, Queryable, WatchSettings } from '@clearway/database';
import type { Lifecycle } from '@clearway/kernel';
import { audit, type Sql } from '@clearway/jobs';
import type { ServiceTelemetry } from '@clearway/telemetry';
import type { WorkerConfiguration } from '../config/configuration.ts';
import { createDataMigrations } from '../migrations/data-migrations.ts';
import { migrationMetrics } from '../migrations/migration-metrics.ts';
import { migrationOperations } from '../migrations/migration-operations.ts';
import { routeFigures } from '../migrations/route-figures.ts';
import type { Operation } from '../operations/operation.ts';
import { integrityMetrics } from './integrity-metrics.ts';
import { integrityOperations, type WriteAudit } from './integrity-operations.ts';
import { createIntegrity, type Turn } from './integrity.ts';

/** What the data in the watched databases is looked after with. */
export interface IntegrityDependencies {
  readonly configuration: Pick<WorkerConfiguration, 'integrity' | 'migrations'>;
  readonly databases: readonly WatchSettings[];
  /** Clearway's own database. */
  readonly own: Queryable;
  /** The same, for the audit. */
  readonly audit: Sql;
  readonly turn: Turn;
  /** Of those who may ask the databases. */
  readonly lease: Pick<LeaseKeeper, 'check'>;
  /** Where the gateways tell their metrics, and with which token. */
  readonly gateways: { readonly urls: readonly string[]; readonly token: string | undefined };
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
}

/** Integrity checks and data migrations of this process. */
export interface ComposedIntegrity {
  readonly operations: Operation[];
  start(): void;
  /**
   * Goes over to other checks, migrations and databases. The passes under way make room.
   *
   * @param meanwhile is done while none of them runs
   */
  replace(
    to: Pick<IntegrityDependencies, 'configuration' | 'databases'>,
    meanwhile: () => Promise<void>,
  ): Promise<void>;
}

/** Composes what serves them, and what begins them. */
export function composeIntegrity(deps: IntegrityDependencies): ComposedIntegrity {
  const { own, turn, lease, telemetry, lifecycle } = deps;
  const common = { own, turn, lease, log: telemetry.logs.logger };
  const onPass = integrityMetrics(telemetry.metrics, () => current.integrity);
  migrationMetrics(telemetry.metrics, () => current.migrations);
  const routeFigure = routeFigures(deps.gateways);
  const make = ({ configuration, databases }: Pick<IntegrityDependencies, 'configuration' | 'databases'>) => {
    const integrity = createIntegrity({ ...common, databases, settings: configuration.integrity, onPass });
    const settings = configuration.migrations;
    const migrations = createDataMigrations({ ...common, databases, settings, integrity, routeFigure });
    return { integrity, migrations };
  };
  let current = make(deps);
  const start = (): void => {
    current.integrity.start();
    current.migrations.start();
  };
  const stop = (): Promise<unknown> => Promise.all([current.integrity.stop(), current.migrations.stop()]);
  lifecycle.onRelease('integrity and data migrations', stop);
  const writeAudit: WriteAudit = (change, action, subject, details) =>
    audit(deps.audit, change, action, subject, details);
  return {
    operations: [
      ...integrityOperations(() => current.integrity, writeAudit),
      ...migrationOperations(() => current.migrations, writeAudit),
    ],
    start,
    async replace(to, meanwhile) {
      await stop();
      await meanwhile();
      current = make(to);
      start();
    },
  };
}
