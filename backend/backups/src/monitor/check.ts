import { backupCheckIdSchema, type backupCheckStatusSchema } from '@clearway/contracts';
import type { z } from 'zod';

/** What the monitor looks at. */
export const BACKUP_CHECKS = backupCheckIdSchema.options;
export type BackupCheckId = z.infer<typeof backupCheckIdSchema>;

/** `skipped`: it cannot be answered, which is never the same as `ok`. */
export type BackupCheckStatus = z.infer<typeof backupCheckStatusSchema>;

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
