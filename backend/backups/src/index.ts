export { BACKUP_FAILURES, BackupFailure, asBackupFailure, type BackupFailureReason } from './failures.ts';
export type { BackupPhase, BackupProgress, OnProgress } from './progress.ts';
export { logicalEngine, type LogicalEngineOptions } from './engine/logical-engine.ts';
export type {
  BackupEngine,
  CopyOutcome,
  CopyRequest,
  CreateRequest,
  CreatedBackup,
  EngineAbilities,
  RestoreRequest,
  VerifyRequest,
} from './engine/engine.ts';
export type { Compression, DumpFormat } from './dump/dumper.ts';
export type { MachineTools } from './dump/tools.ts';
export type { Manifest } from './manifest/schema.ts';
export {
  listBackups,
  readBackup,
  recordVerification,
  type CatalogueListing,
  type StoredBackup,
  type UnreadableBackup,
} from './catalogue/catalogue.ts';
export {
  BACKUP_STATES,
  isAtLeast,
  VERIFY_LEVELS,
  type BackupState,
  type Verification,
  type VerifyLevel,
} from './catalogue/states.ts';
export { isNamedAfter } from './catalogue/id.ts';
export { makeDirectory } from './files/durable.ts';
export { directoryStorage } from './storage/directory-storage.ts';
export { s3Storage } from './storage/s3/s3-storage.ts';
export type { S3StorageOptions } from './storage/s3/options.ts';
export type { BackupStorage, BackupToStore } from './storage/storage.ts';
export { KEEP_UNPROVEN, RETENTION_PRESETS, type RetentionPolicy } from './retention/policy.ts';
export {
  isProven,
  planRetention,
  retained,
  type RetainedBackup,
  type RetentionDecision,
  type RetentionPlan,
} from './retention/plan.ts';
export {
  pruneBackups,
  type DatabasePruned,
  type PruneRequest,
  type PruneResult,
  type StoragePruned,
} from './retention/prune.ts';
export { embeddedScratch } from './verify/embedded-scratch.ts';
export type { ScratchDatabase, ScratchServer } from './verify/scratch.ts';
export type { VerifyResult } from './verify/verify.ts';
export { checkRecipient, newIdentity, readIdentities } from './encryption/age.ts';
export { checkRestore, type RestoreResult } from './restore/restore.ts';
export type { RestoreJournal } from './restore/journal.ts';
export type { AdoptRequest } from './engine/adopt.ts';
export { serverScratch, type ServerScratchOptions } from './verify/server-scratch.ts';
export type { PreflightCheck } from './restore/preflight.ts';
export { databaseOfUrl, placeOfUrl, urlOfDatabase } from './connection/session.ts';
export {
  localBackupDirectory,
  openBackups,
  type BackedUpDatabase,
  type Backups,
  type BackupSections,
  type OpenBackupsOptions,
} from './configuration/open-backups.ts';
export { recipientsOf, type BackupPolicy, type RetentionRules } from './configuration/policy.ts';
export { diffContent, type ContentDiff, type ObjectChange, type TableChange } from './diff/diff-content.ts';
export { measureDatabase, type MeasuredDatabase } from './diff/measure-database.ts';
export { runDrill, type DrillRequest, type DrillResult } from './drill/drill.ts';
export { listDrillReports, writeDrillReport, type DrillReport } from './drill/report.ts';
export {
  recoverRows,
  type RecoverRequest,
  type RecoveredTable,
  type RecoveryPlan,
  type RecoveryResult,
} from './recover/recover.ts';
export type { ComparedRow } from './recover/stage.ts';
export {
  BACKUP_EVENT_TYPES,
  failureEvent,
  type BackupEvent,
  type BackupEventType,
  type TellBackupEvent,
} from './notices/backup-event.ts';
export { isBad, unwellEvent, unwellEvents } from './notices/unwell-event.ts';
export { openNotices, type NoticeOutcome, type Notices } from './notices/notices.ts';
export type { RoutineOptions } from './routine/deps.ts';
export { drillDatabase, drillEvent } from './routine/drill-database.ts';
export { madeEvent, makeBackup } from './routine/make-backup.ts';
export { proofEvent, proveNewest, type ProvenCopy } from './routine/prove-newest.ts';
export { pruneDatabase, pruneFailures } from './routine/prune-database.ts';
export { BACKUP_CHECKS, type BackupCheck, type BackupCheckId, type BackupCheckStatus } from './monitor/check.ts';
export type { BackupFacts, StorageFacts } from './monitor/facts.ts';
export { judgeBackups, monitorBackups, type BackupFigures, type BackupStanding } from './monitor/monitor.ts';
export { openNeonApi, type NeonApi, type NeonApiOptions } from './neon/api.ts';
export { neonBackups, type NeonBackup, type NeonBackups, type NeonRestored } from './neon/neon-backups.ts';
