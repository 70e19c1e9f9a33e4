import { leaseHolder, type Queryable, type WatchSettings } from '@clearway/database';
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
  /** Where the gateways tell their metrics, and with which token. */
  readonly gateways: { readonly urls: readonly string[]; readonly token: string | undefined };
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
}

/** Integrity checks and data migrations of this process: what serves them, and what begins them. */
export function composeIntegrity(deps: IntegrityDependencies): { operations: Operation[]; start(): void } {
  const { configuration, databases, own, turn, telemetry, lifecycle } = deps;
  const { logger: log } = telemetry.logs;
  const common = { databases, own, turn, log, holder: leaseHolder() };
  const onPass = integrityMetrics(telemetry.metrics, () => integrity);
  const integrity = createIntegrity({ ...common, settings: configuration.integrity, onPass });
  lifecycle.onRelease('integrity', () => integrity.stop());
  migrationMetrics(telemetry.metrics, () => migrations);
  const routeFigure = routeFigures(deps.gateways);
  const migrations = createDataMigrations({ ...common, settings: configuration.migrations, integrity, routeFigure });
  lifecycle.onRelease('data migrations', () => migrations.stop());
  const writeAudit: WriteAudit = (change, action, subject, details) =>
    audit(deps.audit, change, action, subject, details);
  return {
    operations: [...integrityOperations(integrity, writeAudit), ...migrationOperations(migrations, writeAudit)],
    start() {
      integrity.start();
      migrations.start();
    },
  };
}
