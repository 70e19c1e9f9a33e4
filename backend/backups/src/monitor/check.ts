/** What the monitor looks at. */
export const BACKUP_CHECKS = [
  'last_backup',
  'last_exact',
  'proving',
  'size_trend',
  'failures',
  'restore_time',
  'space',
  'schedule',
  'copies',
  'key',
] as const;
export type BackupCheckId = (typeof BACKUP_CHECKS)[number];

/** `skipped`: it cannot be answered, which is never the same as `ok`. */
export type BackupCheckStatus = 'ok' | 'warning' | 'critical' | 'skipped';

/** How one thing about the backups of a database stands. */
export interface BackupCheck {
  readonly id: BackupCheckId;
  readonly status: BackupCheckStatus;
  /** In one sentence. */
  readonly message: string;
}

/** What a judge says. */
export type Judgement = Omit<BackupCheck, 'id'>;

export const ok = (message: string): Judgement => ({ status: 'ok', message });
export const warning = (message: string): Judgement => ({ status: 'warning', message });
export const critical = (message: string): Judgement => ({ status: 'critical', message });
export const skipped = (message: string): Judgement => ({ status: 'skipped', message });

const ORDER: readonly BackupCheckStatus[] = ['critical', 'warning', 'ok', 'skipped'];

/** The worst of all; `skipped` only when nothing could be answered. */
export const worstOf = (checks: readonly Judgement[]): BackupCheckStatus =>
  ORDER.find((status) => checks.some((check) => check.status === status)) ?? 'skipped';
