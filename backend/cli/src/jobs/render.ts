import type { Job, JobMetrics, JobRun, JobRunSummary } from '@clearway/contracts';
import { safe, shorten, type Style } from '../terminal/style.ts';

const WIDEST_ERROR = 60;

/** A job as a row of the list. */
export function jobRow(job: Job, style: Style): string[] {
  const { cron, timeZone } = (job.settings['schedule'] ?? {}) as { cron?: string; timeZone?: string };
  return [
    job.jobId,
    job.pausedAt === null ? 'on' : style('yellow', 'paused'),
    cron === undefined ? '' : `${cron}${timeZone === 'UTC' ? '' : ` ${timeZone}`}`,
    shortTime(job.nextDueAt),
    job.queue ? String(job.queue.ready) : '',
    job.queue ? String(job.queue.active) : '',
    job.deadLetters > 0 ? style('red', String(job.deadLetters)) : '0',
    job.service ?? job.source,
  ];
}

/** A run as a row of the list. */
export function runRow(run: JobRunSummary, style: Style): string[] {
  return [
    run.runId,
    run.jobId,
    status(run.status, style),
    shortTime(run.startedAt),
    run.durationMs === null ? '' : duration(run.durationMs),
    String(run.attempt),
    run.trigger,
    firstLine(run.errorMessage ?? ''),
  ];
}

/** What a job has done so far, in lines. */
export function metricsLines(metrics: JobMetrics | undefined): string[] {
  if (!metrics) return [];
  const { totalExecutions, successCount, failureCount, durationMs, waitMs, itemsProcessed } = metrics;
  const spread = (name: string, values: JobMetrics['durationMs']): string[] =>
    values ? [`${name}: median ${duration(values.p50)}, 95 % within ${duration(values.p95)}`] : [];
  return [
    '',
    `${totalExecutions} runs: ${successCount} succeeded, ${failureCount} failed (${metrics.timeoutCount} at their time limit, ${metrics.lostCount} lost)`,
    ...spread('took', durationMs),
    ...spread('waited', waitMs),
    ...(itemsProcessed > 0 ? [`${itemsProcessed} items processed`] : []),
    `last success ${shortTime(metrics.lastSuccessAt) || 'never'}, last failure ${shortTime(metrics.lastFailureAt) || 'never'}`,
  ];
}

/** One run, whole. */
export function runLines(run: JobRun, style: Style): string[] {
  const took = run.durationMs === null ? '' : ` after ${duration(run.durationMs)}`;
  return [
    `${run.jobId}: ${status(run.status, style)}${took}, try ${run.attempt}, by ${run.trigger}`,
    `run ${run.runId}${run.eventId === null ? '' : `, event ${run.eventId}`}${run.worker === null ? '' : `, ${run.worker}`}`,
    `started ${run.startedAt}${run.waitMs === null ? '' : `, waited ${duration(run.waitMs)}`}`,
    ...(run.traceId === null
      ? []
      : [`trace ${run.traceUrl ?? `${run.traceId}, see it with: clearway explain ${run.traceId}`}`]),
    ...(run.progress ? [progressText(run)] : []),
    ...(run.error
      ? ['', style('red', safe(`${run.error.name}: ${run.error.message}`)), ...stackLines(run.error.stack)]
      : []),
    ...(run.logs ? ['', ...run.logs.map(logLine)] : []),
    ...(run.output === null || run.output === undefined ? [] : ['', `returned ${JSON.stringify(run.output)}`]),
  ];
}

/** How far a run is, and how long the rest takes when it goes on as so far. */
export function progressText({ progress, status: state, startedAt, heartbeatAt }: JobRun): string {
  if (!progress) return state === 'RUNNING' ? 'running' : state.toLowerCase();
  const { done, total, note, at } = progress;
  const percent = total > 0 ? ` (${Math.floor((100 * done) / total)} %)` : '';
  const spentMs = Date.parse(at ?? heartbeatAt ?? '') - Date.parse(startedAt);
  const leftMs = (spentMs / done) * (total - done);
  const left =
    state === 'RUNNING' && spentMs > 0 && leftMs > 0 && leftMs < Infinity ? `, about ${duration(leftMs)} left` : '';
  return `${done} of ${total}${percent}${note === undefined ? '' : `: ${safe(note)}`}${left}`;
}

function status(text: string, style: Style): string {
  if (text === 'SUCCEEDED') return style('green', text);
  return text === 'RUNNING' || text === 'DUPLICATE' || text === 'CANCELLED'
    ? style('yellow', text)
    : style('red', text);
}

/** A duration as a person says it: `340 ms`, `2.1 s`, `4 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** A time as a row shows it. */
export function shortTime(iso: string | null): string {
  return iso === null ? '' : iso.replace('T', ' ').slice(0, 19);
}

function firstLine(text: string): string {
  return shorten(safe(text.split('\n', 1)[0] ?? ''), WIDEST_ERROR);
}

function stackLines(stack: string | undefined): string[] {
  return (stack ?? '').split('\n').slice(1, 7).map(safe);
}

function logLine(line: Readonly<Record<string, unknown>>): string {
  const { at, level, message, fields } = line as { at?: string; level?: string; message?: string; fields?: unknown };
  const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
  return safe(`${(at ?? '').slice(11, 23)} ${level ?? ''} ${message ?? ''}${more}`.trim());
}
