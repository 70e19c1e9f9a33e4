import type { Command } from '@commander-js/extra-typings';
import type { CliContext } from '../context.ts';
import type { Finish } from '../program.ts';
import { httpUrl, workerUrl } from '../operations/client.ts';
import { cancelRun, cancelEvent, changeJob, runNow } from './change.ts';
import { changeBaseline, showBaseline, showHealth } from './health.ts';
import { followRun } from './follow.ts';
import { listJobs, listRuns, showJob, showRun } from './show.ts';

const EXAMPLES = `
The worker is asked with the token OPERATIONS_TOKEN; on loopback without OPERATIONS_TOKENS none is needed. Every change is
kept in the audit (clearway audit) with your name and your reason.

Examples
  clearway jobs list                                          what runs, what waits, what is due
  clearway jobs health                                        what is late, failing, slow or silent, and why
  clearway jobs show nightly-import                           one job, with its metrics and its last runs
  clearway jobs runs --job nightly-import --status FAILED     what went wrong
  clearway jobs follow 0b9f6a5e-…                             a run while it goes on, with its progress
  clearway jobs run nightly-import --reason "after the fix"   now, not at its time
  clearway jobs run nightly-import --reason "again" --follow  now, and show it until it ends
  clearway jobs pause nightly-import --reason "disk is full"
`;

/** Adds `clearway jobs`. */
export function addJobsCommand(program: Command, context: CliContext, finish: Finish): void {
  const jobs = program
    .command('jobs')
    .summary('see and steer what runs by schedule or from a queue')
    .description('Shows jobs and their runs, and lets an operator run, pause, resume and cancel them.')
    .addHelpText('after', EXAMPLES);
  const sub = (name: string, summary: string) =>
    jobs
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
      .option('--json', 'print JSON, for scripts');

  sub('list', 'list all jobs').action(async (options) => finish(await listJobs(context, options)));
  sub('health', 'say how each job stands and why; ends with 1 when one is not healthy').action(async (options) =>
    finish(await showHealth(context, options)),
  );
  sub('show', 'show one job with its metrics and its last runs')
    .argument('<job>', 'id of the job')
    .action(async (job, options) => finish(await showJob(context, job, options)));
  sub('runs', 'list runs, newest first')
    .option('--job <job>', 'only of this job')
    .option('--status <status>', 'only such: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, LOST or DUPLICATE')
    .option('--limit <count>', 'how many', '20')
    .action(async (options) => finish(await listRuns(context, options)));
  sub('show-run', 'show one run with its error, its log lines and its trace')
    .argument('<run>', 'id of the run')
    .action(async (run, options) => finish(await showRun(context, run, options)));
  sub('follow', 'show a run while it goes on; ends with 1 when it does not succeed')
    .argument('<run>', 'id of the run')
    .action(async (run, options) => finish(await followRun(context, run, options)));
  sub('run', 'run a job now')
    .argument('<job>', 'id of the job')
    .requiredOption('--reason <text>', 'why, for the audit')
    .option('--input <json>', "input of the run; the schedule's input when left out")
    .option('-f, --follow', 'show the run until it ends; ends with 1 when it does not succeed')
    .action(async (job, options) => finish(await runNow(context, job, options)));
  for (const verb of ['pause', 'resume'] as const) {
    sub(verb, verb === 'pause' ? 'keep the events of a job in its queue' : 'let the events of a job run again')
      .argument('<job>', 'id of the job')
      .requiredOption('--reason <text>', 'why, for the audit')
      .action(async (job, options) => finish(await changeJob(context, job, verb, options)));
  }
  sub('baseline', 'show what is usual for a job, and how its last runs stand against it')
    .argument('<job>', 'id of the job')
    .action(async (job, options) => finish(await showBaseline(context, job, options)));
  for (const verb of ['accept', 'relearn'] as const) {
    const accept = 'take the present durations of a job as its new usual';
    sub(verb, verb === 'accept' ? accept : 'forget what is usual for a job, and learn it anew')
      .argument('<job>', 'id of the job')
      .requiredOption('--reason <text>', 'why, for the audit')
      .action(async (job, options) => finish(await changeBaseline(context, job, verb, options)));
  }
  sub('cancel', 'stop a run that goes on')
    .argument('<run>', 'id of the run')
    .requiredOption('--reason <text>', 'why, for the audit')
    .action(async (run, options) => finish(await cancelRun(context, run, options)));
  sub('cancel-event', 'take an event out of the queue of a job, for good')
    .argument('<job>', 'id of the job')
    .argument('<event>', 'id of the event')
    .requiredOption('--reason <text>', 'why, for the audit')
    .action(async (job, event, options) => finish(await cancelEvent(context, job, event, options)));
}
