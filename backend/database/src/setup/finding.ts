/** What was found out about one thing. */
export interface SetupFinding {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** How to mend it; undefined when there is nothing to mend. */
  readonly remedy?: string;
}

export const ok = (name: string, detail: string): SetupFinding => ({ name, status: 'ok', detail });
export const warning = (name: string, detail: string, remedy: string): SetupFinding => ({
  name,
  status: 'warning',
  detail,
  remedy,
});
export const failed = (name: string, detail: string, remedy: string): SetupFinding => ({
  name,
  status: 'failed',
  detail,
  remedy,
});
export const skipped = (name: string, detail: string): SetupFinding => ({ name, status: 'skipped', detail });
