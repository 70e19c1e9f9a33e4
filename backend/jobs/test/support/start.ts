import { startJobs, type AnyJob, type Jobs, type JobsOptions, type RunEnded } from '../../src/index.ts';

/** A line that was logged. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** Jobs under test, with what they told. */
export interface TestJobs extends Jobs {
  readonly lines: Line[];
  readonly ended: RunEnded[];
  /** Resolves when so many runs have ended since the start. */
  untilEnded(count: number): Promise<RunEnded[]>;
}

/** Everything is looked at often, so that tests need not wait for clocks. */
const QUICK = {
  pollMs: 100,
  signMs: 100,
  scheduleMs: 100,
  controlMs: 100,
  superviseSeconds: 1,
  heartbeatSeconds: 10,
  replayMs: 50,
};

/** Starts jobs on a test database. */
export async function startTestJobs(
  connectionString: string,
  jobs: readonly AnyJob[],
  options: Partial<JobsOptions> = {},
): Promise<TestJobs> {
  const lines: Line[] = [];
  const line =
    (level: string) =>
    (message: string, fields?: Line['fields']): void =>
      void lines.push({ level, message, fields });
  const ended: RunEnded[] = [];
  let changed = (): void => {};
  const started = await startJobs({
    connectionString,
    service: 'test',
    jobs,
    poolSize: 4,
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    times: QUICK,
    onRunEnded: (run) => {
      ended.push(run);
      changed();
    },
    ...options,
  });
  return {
    ...started,
    lines,
    ended,
    async untilEnded(count) {
      while (ended.length < count) await new Promise<void>((resolve) => (changed = resolve));
      return ended;
    },
  };
}
