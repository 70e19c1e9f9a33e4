import type { StoredBackup } from '../catalogue/catalogue.ts';
import { isAtLeast } from '../catalogue/states.ts';
import type { BackupPolicy } from '../configuration/policy.ts';
import { critical, ok, skipped, warning, type Judgement } from './check.ts';
import { newestOf, type BackupFacts, type StorageFacts } from './facts.ts';
import { bytesText, counted, spanText } from '../sentences.ts';

const HOUR_MS = 3_600_000;
/** So many backups before the last one make what is usual. */
const TREND_OF = 14;
const LEAST_FOR_TREND = 3;

export const sizeOf = ({ manifest }: StoredBackup): number =>
  manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

export const madeAtMs = ({ manifest }: StoredBackup): number => Date.parse(manifest.completedAt);

/** Newest first, each once, in its best state; undefined when a storage could not be asked and none holds one. */
export function allBackups({ storages }: BackupFacts): StoredBackup[] {
  const best = new Map<string, StoredBackup>();
  for (const backup of storages.flatMap(({ backups }) => backups)) {
    const known = best.get(backup.id);
    if (!known || isAtLeast(backup.verifications.state, known.verifications.state)) best.set(backup.id, backup);
  }
  return [...best.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

const unanswered = ({ storages }: BackupFacts): string | undefined => {
  const silent = storages.filter(({ problem }) => problem !== undefined);
  return silent.length === storages.length && silent.length > 0
    ? `no storage answers: ${silent.map(({ id, problem }) => `${id}: ${problem}`).join('; ')}`
    : undefined;
};

/** How old the last good backup is. */
export function judgeLastBackup(facts: BackupFacts, { maxAgeHours }: BackupPolicy): Judgement {
  const last = allBackups(facts).find(({ verifications }) => verifications.state !== 'damaged');
  if (!last) return none(facts, 'there is no backup', 'clearway backup create');
  return aged(last, facts.atMs, maxAgeHours, 'the last backup');
}

/** How old the last backup is that was restored and compared. */
export function judgeLastExact(facts: BackupFacts, { maxExactAgeHours }: BackupPolicy): Judgement {
  const last = allBackups(facts).find(({ verifications }) => verifications.state === 'exact');
  if (!last) return none(facts, 'no backup was restored and found exact', 'clearway backup verify');
  return aged(last, facts.atMs, maxExactAgeHours, 'the last exact backup');
}

function none(facts: BackupFacts, message: string, command: string): Judgement {
  const silence = unanswered(facts);
  return silence === undefined ? critical(`${message}: ${command}`) : skipped(silence);
}

function aged(backup: StoredBackup, nowMs: number, maxHours: number, what: string): Judgement {
  const ageMs = nowMs - madeAtMs(backup);
  const message = `${what} is ${spanText(ageMs / 1000)} old (${backup.id}), and may be ${spanText(maxHours * 3600)} old`;
  return ageMs <= maxHours * HOUR_MS ? ok(message) : critical(message);
}

/** What came of the last attempt to prove in each storage, and whether a storage is left out. */
export function judgeProving(facts: BackupFacts, { maxExactAgeHours }: BackupPolicy): Judgement {
  const tried = facts.storages.flatMap(({ id, backups }) => {
    const backup = backups.findLast(({ verifications }) => lastProof(verifications) !== undefined);
    const proof = backup && lastProof(backup.verifications);
    return backup && proof ? [{ storage: id, backup, proof }] : [];
  });
  if (tried.length === 0) return skipped('no backup was restored for a proof yet');
  const wrong = tried.find(({ proof }) => proof.outcome !== 'passed');
  if (!wrong) {
    const unproven = facts.storages.filter((storage) => isLeftOut(storage, facts.atMs - maxExactAgeHours * HOUR_MS));
    const told = tried.map(
      ({ backup, storage, proof }) =>
        `${backup.id} in ${storage} ${spanText((facts.atMs - Date.parse(proof.at)) / 1000)} ago`,
    );
    if (unproven.length === 0) return ok(`the last proof passed: ${told.join(', ')}`);
    const where = unproven.map(({ id }) => id).join(', ');
    return warning(
      `nothing was proven for ${spanText(maxExactAgeHours * 3600)} in ${where}; elsewhere: ${told.join(', ')}`,
    );
  }
  const { storage, backup, proof } = wrong;
  const told = `${backup.id} in ${storage}: ${proof.message ?? proof.reason ?? 'no reason was kept'}`;
  return proof.outcome === 'failed'
    ? critical(`the last proof failed: ${told}`)
    : warning(`proving is not possible: ${told}`);
}

/** Whether a storage has held backups for long, and none of them was proven since then. */
function isLeftOut({ backups }: StorageFacts, sinceMs: number): boolean {
  const [oldest] = backups;
  if (!oldest || madeAtMs(oldest) > sinceMs) return false;
  const proofs = backups.flatMap(({ verifications }) => verifications.verifications);
  return !proofs.some(
    ({ level, outcome, at }) => level !== 'decode' && outcome === 'passed' && Date.parse(at) > sinceMs,
  );
}

const lastProof = ({ verifications }: StoredBackup['verifications']) =>
  verifications.findLast(({ level }) => level !== 'decode');

/** Whether the last backup is as large as those before it. */
export function judgeSizeTrend(facts: BackupFacts, { sizeDeviationPercent }: BackupPolicy): Judgement {
  const [last, ...before] = allBackups(facts);
  if (!last) return skipped(unanswered(facts) ?? 'there is no backup whose size could be judged');
  const usual = before.slice(0, TREND_OF).map(sizeOf);
  if (usual.length < LEAST_FOR_TREND) {
    return skipped(
      `a trend needs ${LEAST_FOR_TREND + 1} backups, and there ${before.length === 0 ? 'is' : 'are'} ${before.length + 1}`,
    );
  }
  const middle = usual.toSorted((a, b) => a - b)[Math.floor(usual.length / 2)] ?? 0;
  const percent = ((sizeOf(last) - middle) / Math.max(1, middle)) * 100;
  const sign = percent < 0 ? 'smaller' : 'larger';
  const message = `${bytesText(sizeOf(last))}, ${Math.abs(percent).toFixed(0)} % ${sign} than usual (${bytesText(middle)})`;
  return Math.abs(percent) <= sizeDeviationPercent ? ok(message) : warning(message);
}

/** How many backups failed since the last one that did not. */
export function judgeFailures(facts: BackupFacts, { maxFailuresInRow }: BackupPolicy): Judgement {
  const row = failuresInRow(facts);
  const last = row.at(-1);
  if (!last) return ok('the last backup did not fail');
  const message = `${counted(row.length, 'backup')} failed in a row, the last one by ${last.reason}`;
  return row.length >= maxFailuresInRow ? critical(message) : warning(message);
}

/** The failures since the last backup that was made, oldest first. */
export function failuresInRow(facts: BackupFacts) {
  const lastId = newestOf(facts.storages)?.id ?? '';
  return facts.failed.filter(({ id }) => id.slice(0, 16) > lastId.slice(0, 16));
}

/** How long the last restore took. */
export function judgeRestoreTime(facts: BackupFacts, { restoreObjectiveSeconds }: BackupPolicy): Judgement {
  const tookSeconds = lastRestoreSeconds(facts);
  if (restoreObjectiveSeconds === undefined) return skipped('no objective is set: restoreObjectiveSeconds');
  if (tookSeconds === undefined) return skipped('no restore was measured yet');
  const message = `the last restore took ${spanText(tookSeconds)}, and may take ${spanText(restoreObjectiveSeconds)}`;
  return tookSeconds <= restoreObjectiveSeconds ? ok(message) : critical(message);
}

/** Seconds of the last restore that was measured. */
export function lastRestoreSeconds(facts: BackupFacts): number | undefined {
  const restores = facts.storages
    .flatMap(({ backups }) => backups.flatMap(({ verifications }) => verifications.verifications))
    .filter(({ restoreSeconds, outcome }) => restoreSeconds !== undefined && outcome === 'passed')
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  return restores[0]?.restoreSeconds;
}
