import type { Jobs } from '@clearway/jobs';
import type { Response } from 'express';
import { sendProblem } from '../operations/problems.ts';

/** The jobs of this process, once the database has answered. */
export interface JobsPort {
  /** Undefined until they have started. */
  current(): Jobs | undefined;
}

/** The jobs, or undefined when they have not started: then the caller was told so. */
export function jobsOrProblem(port: JobsPort, res: Response): Jobs | undefined {
  const jobs = port.current();
  if (!jobs) {
    sendProblem(res.set('retry-after', '5'), 'overloaded', {
      status: 503,
      title: 'Jobs have not started',
      detail: 'The worker waits for its database.',
      remedy: 'See GET /api/health; try again when the database is up.',
    });
  }
  return jobs;
}
