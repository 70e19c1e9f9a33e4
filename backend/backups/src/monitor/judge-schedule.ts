import { Cron } from 'croner';
import { timeOfBackupId } from '../catalogue/id.ts';
import type { BackupPolicy } from '../configuration/policy.ts';
import { critical, ok, skipped, type Judgement } from './check.ts';
import type { BackupFacts } from './facts.ts';

const NEVER = 'never';
/** How much later than due a backup may have begun. */
const GRACE_MS = 3_600_000;
/** Clocks differ, and a scheduler may be a moment early. */
const EARLY_MS = 60_000;

/**
 * Whether there is a schedule, and whether what it wanted last was begun: by what lies in the storages and what failed, so
 * that it does not matter who runs it. The worker and systemd read it in UTC, cron in the time zone of its machine: begun is
 * what was begun by either.
 */
export function judgeSchedule(
  facts: BackupFacts,
  { schedule }: BackupPolicy,
  timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone,
): Judgement {
  if (schedule === NEVER) return skipped('no schedule is set here; who else makes backups is not known');
  const cronIn = (timezone: string): Cron => new Cron(schedule, { timezone, paused: true, mode: '5-part' });
  const next = cronIn('UTC').nextRun(new Date(facts.atMs));
  if (!next) return critical(`the schedule ${schedule} is never due`);
  // one that is in its grace may still come
  const latest = new Date(facts.atMs - GRACE_MS);
  const [due] = ['UTC', timeZone]
    .flatMap((zone) => cronIn(zone).previousRuns(1, latest))
    .sort((a, b) => a.getTime() - b.getTime());
  if (!due) return skipped(`the schedule ${schedule} was not due yet`);
  const begun = [
    ...facts.storages.flatMap(({ backups }) => backups.map(({ id }) => timeOfBackupId(id))),
    ...facts.failed.map(({ atMs }) => atMs),
  ];
  const silent = facts.storages.find(({ problem }) => problem !== undefined);
  const isoDue = due.toISOString().slice(0, 16);
  if (begun.some((atMs) => atMs >= due.getTime() - EARLY_MS)) {
    return ok(
      `a backup was begun since one was due at ${isoDue}Z; the next one is due at ${next.toISOString().slice(0, 16)}Z`,
    );
  }
  if (silent) return skipped(`${silent.id} does not answer, so that nobody knows whether the last backup was begun`);
  if (begun.length === 0)
    return skipped(`no backup was begun yet; the next one is due at ${next.toISOString().slice(0, 16)}Z`);
  return critical(`no backup was begun when it was due, at ${isoDue}Z: is what runs the schedule there?`);
}
