import { defineJob, type AnyJob, type Connections } from '@clearway/jobs';
import { z } from 'zod';
import { pruneJobHistory } from './handlers/prune-job-history.ts';

/** What the worker's own jobs work with; there when a job runs, not yet when it is defined. */
export interface ScheduleDependencies {
  readonly connections: () => Connections;
}

const nothing = z.strictObject({});
const MINUTE_MS = 60_000;

/** THE table: everything that the worker runs by the clock and that may wait; what, when, and for how long at most. */
export function schedule({ connections }: ScheduleDependencies): AnyJob[] {
  return [
    defineJob({
      id: 'prune-job-history',
      description: 'Deletes runs, keys and audit entries that are older than they are kept.',
      schedule: { cron: '10 3 * * *', timeZone: 'UTC', graceSeconds: 3600 },
      timeoutMs: 30 * MINUTE_MS,
      exclusive: true,
      input: nothing,
      run: (_input, context) => pruneJobHistory(connections(), context),
    }),
  ];
}
