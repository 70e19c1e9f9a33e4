import type { Trace, TraceSummary } from '@clearway/contracts';
import type { Clock } from '@clearway/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { looksComplete, spanTree } from './span-tree.ts';
import type { WorkerClient } from './worker-client.ts';

/** What looking for an id found. */
export type Found =
  | { readonly trace: Trace; readonly traceId: string; readonly complete: boolean }
  | { readonly candidates: readonly TraceSummary[] }
  | undefined;

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const PREFIX = /^[0-9a-f]{4,31}$/;
const POLL_MS = 250;
/** Spans that did not come within this time after the request was over will not come any more. */
const SETTLED_MS = 15_000;

/**
 * Looks for the trace of an id: a trace id or its beginning, a whole `traceparent`, or a request id. Spans come late,
 * so it asks again until the trace looks complete or the time is over.
 *
 * @param waitMs how long to wait for spans that are still under way, in milliseconds
 */
export async function findTrace(id: string, client: WorkerClient, waitMs: number, clock: Clock): Promise<Found> {
  const wanted = (TRACEPARENT.exec(id)?.[1] ?? id).trim();
  const untilMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const found = await look(wanted, client);
    if (found && 'candidates' in found) return found;
    if (found && (found.complete || isOld(found.trace, clock))) return { ...found, complete: true };
    if (clock.monotonicMs() + POLL_MS > untilMs) return found;
    await sleep(POLL_MS);
  }
}

async function look(id: string, client: WorkerClient): Promise<Found> {
  const direct = TRACE_ID.test(id) ? await fetchTrace(id, client) : undefined;
  if (direct) return direct;
  const summaries = await client.byRequestId(id);
  const matching = summaries.length > 0 || !PREFIX.test(id) ? summaries : await byPrefix(id, client);
  if (matching.length > 1) return { candidates: matching };
  return matching[0] && fetchTrace(matching[0].traceId, client);
}

async function byPrefix(prefix: string, client: WorkerClient): Promise<readonly TraceSummary[]> {
  return (await client.recent()).filter(({ traceId }) => traceId.startsWith(prefix));
}

async function fetchTrace(traceId: string, client: WorkerClient): Promise<Exclude<Found, { candidates: unknown }>> {
  const trace = await client.trace(traceId);
  return trace && { trace, traceId, complete: looksComplete(spanTree(trace)) };
}

function isOld(trace: Trace, clock: Clock): boolean {
  const { startUnixNano, durationMs } = spanTree(trace);
  return Number(startUnixNano / 1_000_000n) + durationMs + SETTLED_MS < clock.nowMs();
}
