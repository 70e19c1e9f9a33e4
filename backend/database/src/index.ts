export { createDatabase, type Database, type DatabaseOptions, type PoolStats } from './client.ts';
export {
  AlertSeverity,
  DeadLetterStatus,
  Prisma,
  PrismaClient,
  type Alert,
  type DeadLetterQueue,
  type JobMetrics,
  type PerformanceBaseline,
} from './generated/client.ts';
export { migrateDeploy, MigrationError, migrationsDirectory, type MigrateOptions } from './migrate.ts';
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded/start-embedded-postgres.ts';
export {
  startTemporaryPostgres,
  type TemporaryPostgres,
  type TemporaryPostgresOptions,
} from './embedded/temporary-postgres.ts';
export { installedMajors } from './embedded/binaries.ts';
export { identifyProcess, stillRuns } from './embedded/processes.ts';
export { findEmbeddedPostgres, type FoundPostgres } from './embedded/find-embedded-postgres.ts';
export { migrationStatus, type MigrationStatus } from './migration-status.ts';
export {
  acquireLease,
  leaseHolder,
  releaseLease,
  type Lease,
  type LeaseRequest,
  type Queryable,
} from './lease/lease.ts';
export { LeaseKeeper, type LeaseKeeperOptions, type LeaseState } from './lease/lease-keeper.ts';
export { IntegrityMonitor, type IntegrityMonitorOptions } from './monitoring/integrity/integrity-monitor.ts';
export type { PassOutcome } from './monitoring/integrity/integrity-pass.ts';
export { integrityStore, memoryIntegrityStore, type IntegrityStore } from './monitoring/integrity/integrity-store.ts';
export type { CheckState } from './monitoring/integrity/check-state.ts';
export { DEFAULT_BOUNDS, inReadOnly, type QueryBounds } from './monitoring/read-only/in-read-only.ts';
export { QueryError, queryError, type QueryProblem } from './monitoring/read-only/query-error.ts';
export { readNumber, readOffending } from './monitoring/read-only/read-offending.ts';
export {
  installMonitoring,
  MONITORING_VERSION,
  type MonitoringInstallation,
} from './monitoring/functions/install-monitoring.ts';
export { MigrationWatch, type MigrationWatchOptions } from './monitoring/migration-progress/migration-watch.ts';
export { migrationStore, type MigrationStore } from './monitoring/migration-progress/migration-store.ts';
export {
  copySqlite,
  type CopiedTable,
  type CopyOptions,
  type CopyProgress,
  type CopyResult,
} from './copy/copy-sqlite.ts';
export { CopyError, type CopyProblem } from './copy/copy-error.ts';
export { setUpDatabase, type SetupOptions } from './setup/setup-database.ts';
export type { SetupFinding } from './setup/finding.ts';
export {
  DatabaseWatch,
  type PassResult,
  type WatchOptions,
  type WatchSettings,
} from './monitoring/watch/database-watch.ts';
export { connectionProblem, UnreachableError, type ConnectionProblem } from './monitoring/watch/connection-problem.ts';
export { databaseFigures, databaseSummary } from './monitoring/watch/summary.ts';
export { databaseViews } from './monitoring/watch/views.ts';
export type { CallerSight, QuerySpans } from './monitoring/slow-queries/callers.ts';
export type { SizePoint } from './monitoring/sizes/growth.ts';
export { valueOf, type Answer } from './monitoring/watch/answer.ts';
export {
  createConnectionPoolMonitor,
  createDatabaseMonitor,
  type ConnectionPoolMonitor,
  type DatabaseHealth,
  type DatabaseMetrics,
  type DatabaseMonitor,
  type PoolStatus,
} from './monitoring/monitors.ts';
export { MonitorStore, type PassDocument, type StoredPass } from './monitoring/store/monitor-store.ts';
export { WriteBehind, type WriteBehindStats } from './monitoring/store/write-behind.ts';
export { openConnection } from './monitoring/read-only/open-connection.ts';
