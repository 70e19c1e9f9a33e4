import type { BackupCheckStatus, BackupEvent, BackupFigures, BackupStanding, NoticeOutcome } from '@clearway/backups';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Gauge } from 'prom-client';

/** What counts as it happens. */
export interface BackupMetrics {
  happened(event: BackupEvent): void;
  noticed(outcomes: readonly NoticeOutcome[]): void;
}

const STATUS_VALUES: Record<BackupCheckStatus, number> = { ok: 0, warning: 1, critical: 2, skipped: -1 };
const FIGURES: Record<keyof BackupFigures, readonly [string, string]> = {
  ageSeconds: ['clearway_backup_age_seconds', 'How old the last backup was when the storages were last looked at'],
  exactAgeSeconds: [
    'clearway_backup_exact_age_seconds',
    'The same for the last backup that was restored and found exact',
  ],
  sizeBytes: ['clearway_backup_size_bytes', 'Size of the last backup'],
  restoreSeconds: ['clearway_backup_restore_seconds', 'How long the last measured restore took'],
  failuresInRow: ['clearway_backup_failures_in_row', 'Backups that failed since the last one that did not'],
};

/** The metrics of backups, read at each scrape from what the monitor last saw. */
export function backupMetrics(metrics: Metrics, standings: () => readonly BackupStanding[]): BackupMetrics {
  const registers = [metrics.registry];
  new Gauge({
    name: 'clearway_backup_check_status',
    help: 'How each check stands: 0 ok, 1 warning, 2 critical, -1 could not be answered',
    labelNames: ['database', 'check'],
    registers,
    collect() {
      this.reset();
      for (const { database, checks } of standings()) {
        for (const { id, status } of checks) this.set({ database, check: id }, STATUS_VALUES[status]);
      }
    },
  });
  for (const [figure, [name, help]] of Object.entries(FIGURES)) {
    figureGauge({ name, help, registers }, standings, (figures) => figures[figure as keyof BackupFigures]);
  }
  storageGauges(registers, standings);
  return counters(registers);
}

function figureGauge(
  of: { readonly name: string; readonly help: string; readonly registers: Metrics['registry'][] },
  standings: () => readonly BackupStanding[],
  read: (figures: BackupFigures) => number | null,
): void {
  new Gauge({
    ...of,
    labelNames: ['database'],
    collect() {
      this.reset();
      for (const { database, figures } of standings()) {
        const value = read(figures);
        if (value !== null) this.set({ database }, value);
      }
    },
  });
}

function storageGauges(registers: Metrics['registry'][], standings: () => readonly BackupStanding[]): void {
  new Gauge({
    name: 'clearway_backup_copies',
    help: 'Backups that a storage holds, by state; none of a storage that does not answer',
    labelNames: ['database', 'storage', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { database, facts } of standings()) {
        for (const { id: storage, backups } of facts.storages) {
          for (const { verifications } of backups) this.inc({ database, storage, state: verifications.state });
        }
      }
    },
  });
  new Gauge({
    name: 'clearway_backup_storage_free_bytes',
    help: 'Bytes that a storage has left, where it says so',
    labelNames: ['storage'],
    registers,
    collect() {
      this.reset();
      for (const { facts } of standings()) {
        for (const { id: storage, freeBytes } of facts.storages)
          if (freeBytes !== undefined) this.set({ storage }, freeBytes);
      }
    },
  });
}

function counters(registers: Metrics['registry'][]): BackupMetrics {
  const events = new Counter({
    name: 'clearway_backup_events_total',
    help: 'What happened to backups: made, failed, proven, drilled',
    labelNames: ['database', 'type'],
    registers,
  });
  const notices = new Counter({
    name: 'clearway_backup_notices_total',
    help: 'Notices of backups that left, or did not',
    labelNames: ['channel', 'outcome'],
    registers,
  });
  return {
    happened: ({ database, type }) => events.inc({ database, type }),
    noticed: (outcomes) => {
      for (const { channel, problem } of outcomes) {
        notices.inc({ channel, outcome: problem === undefined ? 'sent' : 'failed' });
      }
    },
  };
}
