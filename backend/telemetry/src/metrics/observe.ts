import type { RequestRecord } from '../record/request-record.ts';

/** Seconds, from a millisecond, where a gateway's own time lies, to a minute. */
export const DURATION_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** One observation with its exemplar: only of kept traces, since one that leads nowhere is worse than none. */
export function observed(record: RequestRecord, durationMs: number, labels: Record<string, string>) {
  return { labels, value: durationMs / 1000, exemplarLabels: record.isKept() ? { trace_id: record.traceId } : {} };
}

/** `2xx` and the like; `none` where no status was given. */
export function statusClassOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.trunc(status / 100)}xx` : 'none';
}
