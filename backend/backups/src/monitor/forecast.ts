import { Cron } from 'croner';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import type { BackupPolicy } from '../configuration/policy.ts';
import { isProven, planRetention, retained, type RetainedBackup } from '../retention/plan.ts';
import { madeAtMs, sizeOf } from './judge-history.ts';

/** Nearly three years of nights. */
const RUNS_AHEAD = 1000;
/** So many tell how often something happens. */
const RECENT = 8;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NEVER = 'never';

/** How much space the backups of a storage will need. */
export interface SpaceForecast {
  /** What retention will hold in the end beyond what is held now. */
  readonly growthBytes: number;
  /** When the space is used up, at this rate; undefined when it suffices. */
  readonly fullAtMs: number | undefined;
}

/** A backup that is there, or will be. */
interface Expected extends RetainedBackup {
  readonly sizeBytes: number;
  readonly provenAtMs: number;
}

/**
 * Forecasts what the backups of a storage will need: the runs of the schedule are added, proven as the policy has them
 * proven, and retention plans what of them stays.
 *
 * @param nextBytes how large the next backups will be
 * @param freeBytes what is left now
 */
export function forecastSpace(
  backups: readonly StoredBackup[],
  policy: BackupPolicy,
  { nowMs, nextBytes, freeBytes }: { readonly nowMs: number; readonly nextBytes: number; readonly freeBytes: number },
): SpaceForecast {
  const there = backups.map((backup) => ({ ...retained(backup), sizeBytes: sizeOf(backup) }));
  const runs = runsAhead(policy.schedule, backups, nowMs);
  const coming = runs.map((atMs): Omit<Expected, 'provenAtMs'> => ({
    id: new Date(atMs).toISOString(),
    state: 'decoded',
    stateSinceMs: atMs,
    madeAtMs: atMs,
    purpose: 'regular',
    isComparable: true,
    sizeBytes: nextBytes,
  }));
  const all = withProofs([...there, ...coming], policy, nowMs);
  const heldNow = there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const growthAfter = (count: number): number => {
    const atMs = runs[count - 1] ?? nowMs;
    const then = all.slice(0, there.length + count).map((one) => (one.provenAtMs <= atMs ? proven(one) : one));
    const { decisions } = planRetention(then, policy.retention, atMs);
    const kept = new Set(decisions.filter(({ action }) => action === 'keep').map(({ backup }) => backup));
    return then.reduce((sum, one) => sum + (kept.has(one) ? one.sizeBytes : 0), 0) - heldNow;
  };
  const growthBytes = Math.max(0, growthAfter(runs.length));
  const fullAtMs = growthBytes > freeBytes ? runs[firstOver(freeBytes, growthAfter, runs.length) - 1] : undefined;
  return { growthBytes, fullAtMs };
}

const proven = (backup: Expected): Expected => ({ ...backup, state: 'exact' });

/** How many backups it takes until more is needed than there is: what is needed only grows. */
function firstOver(freeBytes: number, growthAfter: (count: number) => number, count: number): number {
  let [fits, over] = [0, count];
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2);
    if (growthAfter(middle) > freeBytes) over = middle;
    else fits = middle;
  }
  return over;
}

/** Something that happens again and again. */
interface Beat {
  readonly firstMs: number;
  readonly everyMs: number;
}

/** When the next backups are made; where nobody here knows, as they were made until now. */
function runsAhead(schedule: string, backups: readonly StoredBackup[], nowMs: number): number[] {
  const { firstMs, everyMs } = beatOf(schedule, nowMs) ?? beatUntilNow(backups, nowMs);
  return Array.from({ length: RUNS_AHEAD }, (_, i) => firstMs + i * everyMs);
}

function beatUntilNow(backups: readonly StoredBackup[], nowMs: number): Beat {
  const recent = backups.slice(-RECENT).map(madeAtMs);
  const pauses = recent.slice(1).map((atMs, i) => atMs - (recent[i] ?? 0));
  const usual = pauses.toSorted((a, b) => a - b)[Math.floor(pauses.length / 2)] ?? DAY_MS;
  // by hand, several are made in a moment
  const everyMs = Math.max(usual, HOUR_MS);
  return { firstMs: nowMs + everyMs, everyMs };
}

/** A schedule as a beat: where its pauses differ, their mean; undefined when it is `never`. */
function beatOf(schedule: string, nowMs: number): Beat | undefined {
  if (schedule === NEVER) return undefined;
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true, mode: '5-part' });
  const times = cron.nextRuns(RECENT, new Date(nowMs)).map((date) => date.getTime());
  const [firstMs = nowMs + DAY_MS] = times;
  const lastMs = times.at(-1) ?? firstMs;
  return { firstMs, everyMs: lastMs > firstMs ? (lastMs - firstMs) / (times.length - 1) : DAY_MS };
}

/** When each is proven: the newest one at a time; none any more while proving fails, or where nothing ever was proven. */
function withProofs(backups: readonly Omit<Expected, 'provenAtMs'>[], policy: BackupPolicy, nowMs: number): Expected[] {
  const there = backups.filter(({ madeAtMs: atMs }) => atMs <= nowMs);
  const { isProvingFailing, lastProven } = planRetention(there, policy.retention, nowMs);
  const proofs = beatOf(policy.verify.schedule, nowMs);
  const isProving = !isProvingFailing && (proofs !== undefined || lastProven !== undefined);
  return backups.map((backup, i) => {
    if (isProven(backup)) return { ...backup, provenAtMs: backup.stateSinceMs };
    if (!isProving) return { ...backup, provenAtMs: Infinity };
    if (!proofs) return { ...backup, provenAtMs: backup.madeAtMs > nowMs ? backup.madeAtMs : Infinity };
    const beats = Math.max(0, Math.ceil((backup.madeAtMs - proofs.firstMs) / proofs.everyMs));
    const proofMs = proofs.firstMs + beats * proofs.everyMs;
    const isStillNewest = proofMs < (backups[i + 1]?.madeAtMs ?? Infinity);
    return { ...backup, provenAtMs: isStillNewest ? proofMs : Infinity };
  });
}
