import { jobRunListSchema, jobRunSchema, type JobRun, type JobRunSummary } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { follow, type Followed } from '../operations/follow.ts';
import { progressText, runLines } from './render.ts';

interface FollowOptions {
  readonly url: string;
  readonly json?: true | undefined;
}

/** One run; undefined when there is none. */
export function readRun(context: CliContext, runId: string, url: string): Promise<JobRun | undefined> {
  return workerOf(context, url).get(`/api/job-runs/${encodeURIComponent(runId)}`, jobRunSchema);
}

/** `clearway jobs follow`: ends with 1 when the run does not succeed. */
export async function followRun(context: CliContext, runId: string, options: FollowOptions): Promise<ExitCode> {
  const { url, json } = options;
  const run = await follow(context, { ...RUN, read: () => readRun(context, runId, url) }, json === true);
  if (run === 'unknown') {
    context.error(`There is no run "${runId}"; see clearway jobs runs.`);
    return EXIT.problem;
  }
  if (run === 'interrupted') {
    context.error(`The run goes on. See it with: clearway jobs follow ${runId}`);
    context.error(`End it with: clearway jobs cancel ${runId} --reason "…"`);
    return EXIT.problem;
  }
  if (json) context.out(JSON.stringify(run, null, 2));
  else for (const line of runLines(run, context.style)) context.out(line);
  return run.status === 'SUCCEEDED' || run.status === 'DUPLICATE' ? EXIT.ok : EXIT.problem;
}

const RUN: Omit<Followed<JobRun>, 'read'> = {
  isOver: ({ status }) => status !== 'RUNNING',
  progress: progressText,
};

/** Follows an event from the queue through its first run: ends with 1 when that does not succeed. */
export async function followEvent(
  context: CliContext,
  job: string,
  eventId: string,
  options: FollowOptions,
): Promise<ExitCode> {
  const { url, json } = options;
  const begun: Followed<{ readonly runs: readonly JobRunSummary[] }> = {
    read: () => workerOf(context, url).get(`/api/job-runs?eventId=${eventId}&limit=1`, jobRunListSchema),
    isOver: ({ runs }) => runs.length > 0,
    progress: () => `event ${eventId} waits in the queue of ${job}`,
  };
  const found = await follow(context, begun, json === true);
  const run = typeof found === 'object' ? found.runs[0] : undefined;
  if (run) return followRun(context, run.runId, options);
  context.error(`The event waits. See it with: clearway jobs runs --job ${job}`);
  context.error(`End it with: clearway jobs cancel-event ${job} ${eventId} --reason "…"`);
  return EXIT.problem;
}
