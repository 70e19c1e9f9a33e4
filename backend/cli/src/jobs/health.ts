import { jobBaselineSchema, jobHealthSchema, type JobBaseline, type JobHealthDocument } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { safe, type Style } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import type { ChangeOptions } from './change.ts';
import { duration } from './render.ts';

/** `clearway jobs health`: ends with 1 when a job is not healthy. */
export async function showHealth(
  context: CliContext,
  { url, json }: { readonly url: string; readonly json?: true | undefined },
): Promise<ExitCode> {
  const health = await workerOf(context, url).get('/api/health/jobs', jobHealthSchema);
  if (!health) throw new Error('the worker does not judge jobs: is it of this version?');
  if (json) context.out(JSON.stringify(health, null, 2));
  else for (const line of healthLines(health, context.style)) context.out(line);
  return health.status === 'healthy' ? EXIT.ok : EXIT.problem;
}

function healthLines({ jobs, at }: JobHealthDocument, style: Style): string[] {
  if (jobs.length === 0) return ['No job is known yet.'];
  const rows = jobs.map(({ jobId, state, isPaused, reasons }) => [
    jobId,
    style(state === 'healthy' ? 'green' : 'red', isPaused ? `${state}, paused` : state),
    safe(reasons.map(({ text }) => text).join('; ')),
  ]);
  return [...table([{ title: 'JOB' }, { title: 'STATE' }, { title: 'WHY' }], rows), '', `as of ${at}`];
}

/** `clearway jobs baseline`. */
export async function showBaseline(
  context: CliContext,
  job: string,
  { url, json }: { readonly url: string; readonly json?: true | undefined },
): Promise<ExitCode> {
  const baseline = await workerOf(context, url).get(`/api/jobs/${encodeURIComponent(job)}/baseline`, jobBaselineSchema);
  if (!baseline) {
    context.error(`Nothing is known of the durations of "${job}" yet: it needs runs that succeeded.`);
    return EXIT.problem;
  }
  print(context, baseline, json);
  return EXIT.ok;
}

/** `clearway jobs accept` and `clearway jobs relearn`. */
export async function changeBaseline(
  context: CliContext,
  job: string,
  verb: 'accept' | 'relearn',
  { url, reason, json }: ChangeOptions,
): Promise<ExitCode> {
  const path = `/api/jobs/${encodeURIComponent(job)}/baseline/${verb}`;
  print(context, await workerOf(context, url).post(path, { reason }, jobBaselineSchema), json);
  return EXIT.ok;
}

function print(context: CliContext, baseline: JobBaseline, json: true | undefined): void {
  if (json) return context.out(JSON.stringify(baseline, null, 2));
  const { jobId, phase, verdict, evidence, baselineAvgMs, baselineP95Ms, sampleSize } = baseline;
  context.out(`${jobId}: ${verdict}${evidence === null ? '' : `, ${safe(evidence)}`}`);
  context.out(
    `usually ${duration(baselineAvgMs)}, 95 % within ${duration(baselineP95Ms)}, from ${sampleSize} runs (${phase})`,
  );
}
