import {
  jobListSchema,
  jobMetricsListSchema,
  jobRunListSchema,
  jobSchema,
  type Job,
  type JobRunSummary,
} from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { safe } from '../terminal/style.ts';
import { table, type Column } from '../terminal/table.ts';
import { readRun } from './follow.ts';
import { jobRow, metricsLines, runLines, runRow } from './render.ts';

interface ShowOptions {
  readonly url: string;
  readonly json?: true | undefined;
}

const LAST_RUNS = 5;

const JOB_COLUMNS: readonly Column[] = [
  { title: 'JOB' },
  { title: 'STATE' },
  { title: 'SCHEDULE' },
  { title: 'NEXT' },
  { title: 'READY', align: 'right' },
  { title: 'ACTIVE', align: 'right' },
  { title: 'DEAD', align: 'right' },
  { title: 'SERVICE' },
];
const RUN_COLUMNS: readonly Column[] = [
  { title: 'RUN' },
  { title: 'JOB' },
  { title: 'STATUS' },
  { title: 'STARTED' },
  { title: 'TOOK', align: 'right' },
  { title: 'TRY', align: 'right' },
  { title: 'BY' },
  { title: 'ERROR' },
];

/** `clearway jobs list`. */
export async function listJobs(context: CliContext, { url, json }: ShowOptions): Promise<ExitCode> {
  const jobs = (await workerOf(context, url).get('/api/jobs', jobListSchema))?.jobs ?? [];
  if (json) context.out(JSON.stringify(jobs, null, 2));
  else if (jobs.length === 0) context.out('No job is known yet: jobs appear when a service that defines them starts.');
  else print(context, JOB_COLUMNS, jobs, jobRow);
  return EXIT.ok;
}

/** `clearway jobs show`. */
export async function showJob(context: CliContext, jobId: string, { url, json }: ShowOptions): Promise<ExitCode> {
  const worker = workerOf(context, url);
  const name = encodeURIComponent(jobId);
  const job = await worker.get(`/api/jobs/${name}`, jobSchema);
  if (!job) return unknown(context, `job "${jobId}"`, 'clearway jobs list');
  const metrics = (await worker.get(`/api/metrics?jobId=${name}`, jobMetricsListSchema))?.jobs[0];
  const runs = (await worker.get(`/api/job-runs?jobId=${name}&limit=${LAST_RUNS}`, jobRunListSchema))?.runs ?? [];
  if (json) context.out(JSON.stringify({ ...job, metrics, runs }, null, 2));
  else printJob(context, job, metricsLines(metrics), runs);
  return EXIT.ok;
}

function printJob(context: CliContext, job: Job, metrics: readonly string[], runs: readonly JobRunSummary[]): void {
  if (job.description !== null) context.out(safe(job.description));
  print(context, JOB_COLUMNS, [job], jobRow);
  for (const line of metrics) context.out(line);
  context.out('');
  if (runs.length === 0) context.out('It has not run yet.');
  else print(context, RUN_COLUMNS, runs, runRow);
}

/** `clearway jobs runs`. */
export async function listRuns(
  context: CliContext,
  options: ShowOptions & {
    readonly job?: string | undefined;
    readonly status?: string | undefined;
    readonly limit: string;
  },
): Promise<ExitCode> {
  const query = new URLSearchParams({ limit: options.limit });
  if (options.job !== undefined) query.set('jobId', options.job);
  if (options.status !== undefined) query.set('status', options.status.toUpperCase());
  const runs =
    (await workerOf(context, options.url).get(`/api/job-runs?${query.toString()}`, jobRunListSchema))?.runs ?? [];
  if (options.json) context.out(JSON.stringify(runs, null, 2));
  else if (runs.length === 0) context.out('No such runs.');
  else print(context, RUN_COLUMNS, runs, runRow);
  return EXIT.ok;
}

/** `clearway jobs show-run`. */
export async function showRun(context: CliContext, runId: string, { url, json }: ShowOptions): Promise<ExitCode> {
  const run = await readRun(context, runId, url);
  if (!run) return unknown(context, `run "${runId}"`, 'clearway jobs runs');
  if (json) context.out(JSON.stringify(run, null, 2));
  else for (const line of runLines(run, context.style)) context.out(line);
  return EXIT.ok;
}

function print<T>(
  context: CliContext,
  columns: readonly Column[],
  items: readonly T[],
  row: (item: T, style: CliContext['style']) => string[],
): void {
  const rows = items.map((item) => row(item, context.style));
  for (const line of table(columns, rows)) context.out(line);
}

function unknown(context: CliContext, what: string, list: string): ExitCode {
  context.error(`There is no ${what}; see ${list}.`);
  return EXIT.problem;
}
