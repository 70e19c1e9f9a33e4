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
