import type { RecentRecord, TraceSummary } from '@clearway/contracts';
import type { CliContext } from '../context.ts';
import { safe } from '../terminal/style.ts';
import { formatMs } from './milliseconds.ts';

/** Says that no trace has this id, what is known all the same, and what to do. */
export function renderUnknown(
  id: string,
  record: RecentRecord | undefined,
  asked: { workerUrl: string; waitSeconds: number },
  context: CliContext,
): void {
  context.error(`No trace is known for ${safe(id)} (asked ${asked.workerUrl} for ${asked.waitSeconds} s).`);
  context.error('');
  for (const line of record ? recordLines(record) : POSSIBILITIES) context.error(`  ${line}`);
}

function recordLines(record: RecentRecord): string[] {
  const { method, path, status, durationMs, reason, route, time, sampled, traceId } = record;
  const outcome = `${status}${reason === undefined ? '' : ` ${reason}`} after ${formatMs(durationMs)}`;
  return [
    `The gateway did serve it: ${safe(`${method} ${path}`)} → ${outcome}, route ${route}, at ${time}.`,
    sampled
      ? `Its spans were sent but have not arrived: try again shortly with its trace id ${traceId}, and see 'clearway doctor'.`
      : 'Its trace was not sampled: raise tracing.sampleRatio of the route in clearway.yaml to see the next one.',
  ];
}

const POSSIBILITIES = [
  'Is the id complete? It is the Trace-Id or X-Request-Id header of the answer, and trace_id in the log line.',
  'Was the trace sampled? TRACE_SAMPLE_RATIO and tracing.sampleRatio decide; failed and slow ones are always kept.',
  'Do the spans go elsewhere? Only with OTEL_EXPORTER=local does the worker keep them; otherwise look in Jaeger.',
  'Is it old? The worker keeps recent traces; failed and slow ones stay the longest.',
  "'clearway doctor' says whether the worker and its receiver are well.",
];

/** Lists the traces that an id could mean. */
export function renderCandidates(id: string, candidates: readonly TraceSummary[], context: CliContext): void {
  context.error(`${safe(id)} could be any of ${candidates.length} traces: say more of the id.`);
  context.error('');
  for (const { traceId, startTime, name, status, durationMs } of candidates.slice(0, 20)) {
    context.error(`  ${traceId}  ${startTime}  ${safe(name)}  ${status ?? '–'}  ${formatMs(durationMs)}`);
  }
}
