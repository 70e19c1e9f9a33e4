/** Whether the process may be sent requests. Once draining it never is ready again. */
export interface Readiness {
  readonly state: 'starting' | 'ready' | 'draining';
  /** Whether it serves, ready or not. */
  readonly hasStarted: boolean;
  /** What is missing. */
  readonly waitingFor: readonly string[];
  /** The listener is open. */
  started(): void;
  /** Something that was waited for is there. */
  have(what: string): void;
  drain(): void;
}

/**
 * Makes the readiness of a process that is starting.
 *
 * @param needs what it needs before it is ready
 */
export function createReadiness(needs: readonly string[]): Readiness {
  const missing = new Set(needs);
  let hasStarted = false;
  let draining = false;
  return {
    get state() {
      if (draining) return 'draining';
      return hasStarted && missing.size === 0 ? 'ready' : 'starting';
    },
    get hasStarted() {
      return hasStarted;
    },
    get waitingFor() {
      return [...missing];
    },
    started: () => void (hasStarted = true),
    have: (what) => void missing.delete(what),
    drain: () => void (draining = true),
  };
}
