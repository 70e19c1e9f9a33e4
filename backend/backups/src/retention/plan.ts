import { isAtLeast, type BackupState } from '../catalogue/states.ts';
import { aheadFirst, isAhead } from '../catalogue/ahead.ts';
import type { StoredBackup, UnreadableBackup } from '../catalogue/catalogue.ts';
import { timeOfBackupId } from '../catalogue/id.ts';
import { completePolicy, KEEP_FAILED_DAYS, type RetentionPolicy } from './policy.ts';
import { periodOf, type Period } from './periods.ts';

/** What retention looks at of a backup. */
export interface RetainedBackup {
  readonly id: string;
  readonly state: BackupState | 'unreadable';
  /** When the state was reached. */
  readonly stateSinceMs: number;
  readonly madeAtMs: number;
  readonly purpose: 'regular' | 'safety' | 'adopted';
  /** Whether there is something to compare it with; without, `restored` is as far as it can be proven. */
  readonly isComparable: boolean;
}

/** What is to become of a backup, and why. */
export interface RetentionDecision {
  readonly backup: RetainedBackup;
  readonly action: 'keep' | 'remove';
  readonly why: string;
}

/** What is to become of the backups of one database in one storage. */
export interface RetentionPlan {
  /** Oldest first. */
  readonly decisions: readonly RetentionDecision[];
  /** The newest proven backup: no plan removes it. */
  readonly lastProven: RetainedBackup | undefined;
  /** Backups after it that are not proven. */
  readonly unprovenSince: number;
  /** Whether so many are unproven that some have to go: somebody must be told. */
  readonly isProvingFailing: boolean;
}

const DAY_MS = 86_400_000;
/** How long a backup is kept that was made before a restore. */
const KEEP_SAFETY_DAYS = 30;

/** A backup that was restored and compared, or restored where there is nothing to compare with. */
export const isProven = ({ state, isComparable }: Pick<RetainedBackup, 'state' | 'isComparable'>): boolean =>
  state === 'exact' || (!isComparable && state !== 'unreadable' && isAtLeast(state, 'restored'));

/**
 * Plans what is kept of the backups of one database in one storage. Pure: nothing is removed.
 *
 * - Only proven ones count for days, number, and days, weeks, months and years; the newest of them always stays.
 * - Days are counted back from the newest proven one: when proving fails for weeks, nothing proven goes for its age.
 * - What a wrong clock dates into the future stays when it is proven, and counts as older than all others.
 * - Of the others the newest few stay. Damaged ones stay for a week, for somebody to look at.
 *
 * @example
 * const { decisions } = planRetention(backups, { keepDays: 30 }, clock.nowMs());
 */
export function planRetention(
  backups: readonly RetainedBackup[],
  policy: RetentionPolicy,
  nowMs: number,
): RetentionPlan {
  const isLater = ({ madeAtMs }: RetainedBackup): boolean => isAhead(madeAtMs, nowMs);
  const sorted = aheadFirst([...backups].sort(byTime), ({ madeAtMs }) => madeAtMs, nowMs);
  const reasons = new Map<RetainedBackup, string>();
  const rules = completePolicy(policy);
  const safety = sorted.filter(({ purpose }) => purpose === 'safety');
  const counted = sorted.filter(({ purpose }) => purpose !== 'safety');
  const allProven = counted.filter(isProven);
  const proven = allProven.filter((backup) => !isLater(backup));
  const lastProven = allProven.at(-1);
  const broken = counted.filter(({ state }) => state === 'damaged' || state === 'unreadable');
  const unproven = counted.filter((backup) => !isProven(backup) && !broken.includes(backup));
  const keep = (kept: readonly RetainedBackup[], why: (backup: RetainedBackup) => string): void =>
    kept.forEach((backup) => reasons.has(backup) || reasons.set(backup, why(backup)));

  // whatever it was made for
  keep(sorted.filter(({ state }) => state === 'exact').slice(-1), () => 'the last exact one');
  keep(allProven.slice(-1), () => 'the last proven one');
  keep(allProven.filter(isLater), () => 'proven, and made in the future by the clock of its machine');
  keep(latest(proven, rules.keepCount), () => `one of the last ${rules.keepCount}`);
  const newestMs = lastProven?.madeAtMs ?? 0;
  const isRecent = ({ madeAtMs }: RetainedBackup): boolean =>
    rules.keepDays > 0 && newestMs - madeAtMs < rules.keepDays * DAY_MS;
  keep(proven.filter(isRecent), () => `within ${rules.keepDays} ${rules.keepDays === 1 ? 'day' : 'days'}`);
  for (const [period, count] of PERIODS(rules)) {
    keep(lastOfPeriods(proven, period, count), ({ madeAtMs }) => `last of the ${period} ${periodOf(madeAtMs, period)}`);
  }
  keep(latest(unproven, rules.keepUnproven), () => `unproven, one of the last ${rules.keepUnproven}`);
  const isFresh = (sinceMs: number, days: number): boolean => nowMs - sinceMs < days * DAY_MS;
  keep(
    broken.filter(({ stateSinceMs }) => isFresh(stateSinceMs, KEEP_FAILED_DAYS)),
    ({ state }) => `${state}, kept aside for ${KEEP_FAILED_DAYS} days`,
  );
  keep(
    safety.filter(({ madeAtMs }) => isFresh(madeAtMs, KEEP_SAFETY_DAYS)),
    () => `made before a restore, kept for ${KEEP_SAFETY_DAYS} days`,
  );
  // better a damaged one than none
  if (!lastProven) keep(broken.slice(-1), ({ state }) => `${state}, and none is proven that could take its place`);
  if (reasons.size === 0) keep(sorted.slice(-1), () => 'there is no other');

  const since = lastProven ? sorted.indexOf(lastProven) : -1;
  const unprovenSince = unproven.filter((backup) => sorted.indexOf(backup) > since).length;
  return {
    decisions: sorted.map((backup) => decisionOn(backup, reasons.get(backup))),
    lastProven,
    unprovenSince,
    isProvingFailing: unprovenSince > rules.keepUnproven,
  };
}

const PERIODS = (rules: ReturnType<typeof completePolicy>): [Period, number][] => [
  ['day', rules.keepDaily],
  ['week', rules.keepWeekly],
  ['month', rules.keepMonthly],
  ['year', rules.keepYearly],
];

const byTime = (a: RetainedBackup, b: RetainedBackup): number =>
  a.madeAtMs - b.madeAtMs || (a.id < b.id ? -1 : Number(a.id > b.id));

const latest = <T>(sorted: readonly T[], count: number): readonly T[] => (count > 0 ? sorted.slice(-count) : []);

/** The last one of each of the last periods that have any. */
function lastOfPeriods(sorted: readonly RetainedBackup[], period: Period, count: number): RetainedBackup[] {
  const last = new Map(sorted.map((backup) => [periodOf(backup.madeAtMs, period), backup]));
  return [...latest([...last.values()], count)];
}

function decisionOn(backup: RetainedBackup, reason: string | undefined): RetentionDecision {
  if (reason !== undefined) return { backup, action: 'keep', why: reason };
  return { backup, action: 'remove', why: whyRemoved(backup) };
}

function whyRemoved(backup: RetainedBackup): string {
  if (backup.purpose === 'safety') return `made before a restore more than ${KEEP_SAFETY_DAYS} days ago`;
  if (isProven(backup)) return 'no rule keeps it';
  const isBroken = backup.state === 'damaged' || backup.state === 'unreadable';
  return isBroken ? `${backup.state} for more than ${KEEP_FAILED_DAYS} days` : 'unproven, and there are newer ones';
}

/** What retention looks at of a stored backup. */
export function retained({ id, manifest, verifications }: StoredBackup): RetainedBackup {
  return {
    id,
    state: verifications.state,
    stateSinceMs: Date.parse(verifications.stateSince),
    madeAtMs: Date.parse(manifest.completedAt),
    purpose: manifest.purpose,
    isComparable: manifest.content !== null,
  };
}

/**
 * The same for one whose manifest cannot be read: its name is all that is known.
 *
 * @param foundMs when that was found out
 */
export function retainedUnreadable({ id }: UnreadableBackup, foundMs: number): RetainedBackup {
  const madeAtMs = timeOfBackupId(id);
  return { id, state: 'unreadable', stateSinceMs: foundMs, madeAtMs, purpose: 'regular', isComparable: true };
}
