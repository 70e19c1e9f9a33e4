/** Whether the process may be sent traffic. Balancers ask this, and nothing else decides it. */
export interface Readiness {
  readonly state: 'starting' | 'ready' | 'draining';
  ready(): void;
  drain(): void;
}

/** Makes the readiness of a process that is starting. Once draining it never is ready again. */
export function createReadiness(): Readiness {
  let state: Readiness['state'] = 'starting';
  return {
    get state() {
      return state;
    },
    ready() {
      if (state === 'starting') state = 'ready';
    },
    drain() {
      state = 'draining';
    },
  };
}
