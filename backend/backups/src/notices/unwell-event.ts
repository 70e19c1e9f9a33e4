import type { BackupCheck } from '../monitor/check.ts';
import type { BackupStanding } from '../monitor/monitor.ts';
import type { BackupEvent } from './backup-event.ts';

/** Whether a check says that something is not as it should be. */
export const isBad = ({ status }: Pick<BackupCheck, 'status'>): boolean =>
  status === 'critical' || status === 'warning';

/**
 * The event that the backups of a database are not well.
 *
 * @param checks those that are told
 */
export function unwellEvent({ database, checkedAt }: BackupStanding, checks: readonly BackupCheck[]): BackupEvent {
  return {
    type: 'backup.unwell',
    at: checkedAt,
    severity: checks.some(({ status }) => status === 'critical') ? 'critical' : 'warning',
    database,
    backupId: null,
    message: checks.map(({ id, message }) => `${id}: ${message}`).join('; '),
    remedy: 'clearway backup monitor',
    reason: null,
    facts: { checks: checks.map(({ id }) => id).join(', ') },
  };
}

/** Checks whose failures are told when they happen. */
const TOLD_ALREADY = new Set<BackupCheck['id']>(['failures', 'proving']);
/** What comes and goes within minutes, such as a storage that is started again, is nobody's concern. */
const LASTING_MS = 240_000;

/**
 * Makes events of what a monitor sees again and again: one when something has not been well for some minutes, one when all is
 * well again, and none in between.
 *
 * @example
 * const events = unwellEvents();
 * for (const event of events(await monitorBackups(database, options))) await notices.tell(event);
 */
export function unwellEvents(): (standing: BackupStanding) => BackupEvent[] {
  const badSinceMs = new Map<string, number>();
  const told = new Set<string>();
  return (standing) => {
    const { database, checks, checkedAt } = standing;
    const nowMs = Date.parse(checkedAt);
    const keyOf = ({ id }: BackupCheck): string => `${database} ${id}`;
    const bad = checks.filter((check) => isBad(check) && !TOLD_ALREADY.has(check.id));
    const wasTold = checks.some((check) => told.has(keyOf(check)));
    for (const check of checks) {
      if (!bad.includes(check)) {
        badSinceMs.delete(keyOf(check));
        told.delete(keyOf(check));
      } else if (!badSinceMs.has(keyOf(check))) badSinceMs.set(keyOf(check), nowMs);
    }
    const lasting = bad.filter((check) => nowMs - (badSinceMs.get(keyOf(check)) ?? nowMs) >= LASTING_MS);
    const isNew = lasting.some((check) => !told.has(keyOf(check)));
    for (const check of lasting) told.add(keyOf(check));
    if (isNew) return [unwellEvent(standing, lasting)];
    return wasTold && bad.length === 0 ? [wellEvent(standing)] : [];
  };
}

const wellEvent = ({ database, checkedAt }: BackupStanding): BackupEvent => ({
  type: 'backup.well',
  at: checkedAt,
  severity: 'info',
  database,
  backupId: null,
  message: 'no check is critical or a warning any more',
  remedy: null,
  reason: null,
  facts: {},
});
