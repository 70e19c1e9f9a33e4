import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import type { BackupPolicy } from '../configuration/policy.ts';
import {
  BACKUP_CHECKS,
  worstOf,
  type BackupCheck,
  type BackupCheckId,
  type BackupCheckStatus,
  type Judgement,
} from './check.ts';
import { gatherFacts, type BackupFacts } from './facts.ts';
import {
  allBackups,
  failuresInRow,
  judgeFailures,
  judgeLastBackup,
  judgeLastExact,
  judgeProving,
  judgeRestoreTime,
  judgeSizeTrend,
  lastRestoreSeconds,
  madeAtMs,
  sizeOf,
} from './judge-history.ts';
import { judgeCopies, judgeKey, judgeSpace } from './judge-places.ts';
import { judgeSchedule } from './judge-schedule.ts';

/** Figures of the backups of a database; what is not known is null. */
export interface BackupFigures {
  readonly ageSeconds: number | null;
  readonly exactAgeSeconds: number | null;
  readonly sizeBytes: number | null;
  readonly restoreSeconds: number | null;
  readonly failuresInRow: number;
}

/** How the backups of a database stand. */
export interface BackupStanding {
  readonly database: string;
  /** The worst of its checks. */
  readonly status: BackupCheckStatus;
  readonly checkedAt: string;
  readonly checks: readonly BackupCheck[];
  readonly figures: BackupFigures;
  readonly facts: BackupFacts;
}

const JUDGES: Record<BackupCheckId, (facts: BackupFacts, policy: BackupPolicy) => Judgement> = {
  last_backup: judgeLastBackup,
  last_exact: judgeLastExact,
  proving: judgeProving,
  size_trend: judgeSizeTrend,
  failures: judgeFailures,
  restore_time: judgeRestoreTime,
  space: judgeSpace,
  schedule: judgeSchedule,
  copies: judgeCopies,
  key: judgeKey,
};

/** Judges what was found out about the backups of a database. */
export function judgeBackups(database: string, facts: BackupFacts, policy: BackupPolicy): BackupStanding {
  const checks = BACKUP_CHECKS.map((id): BackupCheck => ({ id, ...JUDGES[id](facts, policy) }));
  const backups = allBackups(facts);
  const exact = backups.find(({ verifications }) => verifications.state === 'exact');
  const age = (backup: (typeof backups)[number] | undefined) =>
    backup ? (facts.atMs - madeAtMs(backup)) / 1000 : null;
  return {
    database,
    status: worstOf(checks),
    checkedAt: new Date(facts.atMs).toISOString(),
    checks,
    figures: {
      ageSeconds: age(backups[0]),
      exactAgeSeconds: age(exact),
      sizeBytes: backups[0] ? sizeOf(backups[0]) : null,
      restoreSeconds: lastRestoreSeconds(facts) ?? null,
      failuresInRow: failuresInRow(facts).length,
    },
    facts,
  };
}

const LIMIT_MS = 30_000;

/**
 * Looks at the backups of a database: its storages are asked, and it is not, so that it works while the database is down.
 *
 * @example
 * const { status, checks } = await monitorBackups(database, { workDirectory: backups.workDirectory, nowMs: Date.now() });
 */
export async function monitorBackups(
  database: BackedUpDatabase,
  options: { readonly workDirectory: string; readonly nowMs: number; readonly limitMs?: number },
): Promise<BackupStanding> {
  const facts = await gatherFacts(database, { limitMs: LIMIT_MS, ...options });
  return judgeBackups(database.id, facts, database.policy);
}
