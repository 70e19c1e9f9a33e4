import type { RecentRecord } from '@clearway/contracts';
import { scrub, type RecordSink, type RequestRecord } from '@clearway/telemetry';

/** The last requests, newest first. */
export interface RecentRecords {
  readonly sink: RecordSink;
  /** @param filter `showCause` adds error texts and is for operators only */
  list(filter: { limit: number; route?: string; reason?: string; showCause: boolean }): RecentRecord[];
}

/**
 * Remembers the last `capacity` records. They are kept as they are and described only when somebody asks.
 */
export function createRecentRecords(capacity: number): RecentRecords {
  const ring: RequestRecord[] = [];
  let next = 0;
  return {
    sink(record) {
      if (capacity === 0) return;
      ring[next] = record;
      next = (next + 1) % capacity;
    },
    list({ limit, route, reason, showCause }) {
      const newestFirst = [...ring.slice(next), ...ring.slice(0, next)].reverse();
      return newestFirst
        .filter((r) => (route === undefined || r.route === route) && (reason === undefined || r.reason === reason))
        .slice(0, limit)
        .map((record) => describe(record, showCause));
    },
  };
}

function describe(record: RequestRecord, showCause: boolean): RecentRecord {
  const { reason, cause, upstream } = record;
  return {
    id: record.requestId,
    traceId: record.traceId,
    time: new Date(record.startedAtMs).toISOString(),
    route: record.route,
    method: record.method,
    path: scrub(record.path),
    status: record.status,
    ...(reason !== undefined && { reason }),
    durationMs: round(record.durationMs),
    upstreamMs: round(record.upstreamMs()),
    attempts: record.attempts.length,
    ...(upstream !== undefined && { upstream }),
    ...(showCause && cause !== undefined && { cause: scrub(cause) }),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    kind: record.kind,
    host: record.host,
    queryNames: queryNames(record.query),
    ...(showCause && { client: record.clientAddress }),
    ...phases(record),
    sampled: record.isKept(),
  };
}

const MAX_NAMES = 50;
const MAX_NAME_CHARACTERS = 100;

/** The names of a query's parameters: never their values, and no name that is a credential itself. */
function queryNames(query: string): string[] {
  const names = [...new Set(new URLSearchParams(query).keys())].slice(0, MAX_NAMES);
  return names.map((name) => scrub(name).slice(0, MAX_NAME_CHARACTERS));
}

/** The longest times of all attempts, in milliseconds; absent when no attempt came so far. */
function phases({ attempts }: RequestRecord): { connectMs?: number; headersMs?: number } {
  const connectMs = attempts.flatMap(({ startMs, sentMs }) => (sentMs === undefined ? [] : [sentMs - startMs]));
  const headersMs = attempts.flatMap(({ sentMs, headersMs: answeredMs }) =>
    sentMs === undefined || answeredMs === undefined ? [] : [answeredMs - sentMs],
  );
  return {
    ...(connectMs.length > 0 && { connectMs: round(Math.max(0, ...connectMs)) }),
    ...(headersMs.length > 0 && { headersMs: round(Math.max(0, ...headersMs)) }),
  };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
