import type { PlannedRun } from './plan.ts';

/** A file, or a part of one, as it would be written. */
export interface ShownPart {
  readonly place: string;
  readonly text: string;
}

/** What runs things by the clock on this machine. */
export interface Scheduler {
  readonly kind: 'cron' | 'systemd';
  show(runs: readonly PlannedRun[]): ShownPart[];
  /** Installs just these; false when they are there already. */
  install(runs: readonly PlannedRun[]): Promise<boolean>;
  /** Removes what was installed; false when there is nothing. */
  remove(): Promise<boolean>;
  /** `outdated`: installed, and not what would be written now. */
  status(runs: readonly PlannedRun[]): Promise<'installed' | 'outdated' | 'absent'>;
}
