import type { BackupFailure } from '../failures.ts';

/** What can happen to the backups of a database that somebody may want to hear of. */
export const BACKUP_EVENT_TYPES = [
  'backup.made',
  'backup.failed',
  'backup.proven',
  'backup.proof_failed',
  'backup.drill_passed',
  'backup.drill_failed',
  'backup.prune_failed',
  'backup.unwell',
  'backup.well',
  'backup.notice_test',
] as const;
export type BackupEventType = (typeof BACKUP_EVENT_TYPES)[number];

/** Something that happened to the backups of a database: what alert channels and notices are made from. */
export interface BackupEvent {
  readonly type: BackupEventType;
  /** ISO 8601. */
  readonly at: string;
  readonly severity: 'info' | 'warning' | 'critical';
  /** Id of the database, as `databases` names it. */
  readonly database: string;
  readonly backupId: string | null;
  /** What happened, in one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string | null;
  /** The class of failure; null when nothing failed. */
  readonly reason: string | null;
  /** Figures, such as `sizeBytes` and `restoreSeconds`. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** Hears of events. What it throws, or rejects with, is nobody's concern. */
export type TellBackupEvent = (event: BackupEvent) => unknown;

/** The event of a failure. */
export function failureEvent(
  type: BackupEventType,
  database: string,
  failure: BackupFailure,
  more: { readonly nowMs: number; readonly backupId?: string | null; readonly facts?: BackupEvent['facts'] },
): BackupEvent {
  return {
    type,
    at: new Date(more.nowMs).toISOString(),
    severity: 'critical',
    database,
    backupId: more.backupId ?? null,
    message: failure.message,
    remedy: failure.remedy ?? null,
    reason: failure.reason,
    facts: more.facts ?? {},
  };
}
