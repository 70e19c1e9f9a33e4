import type { RecordSink, RequestRecord } from '@clearway/telemetry';

/** What the admin listener remembers of a request. */
export interface RecentRecord {
  readonly time: string;
  readonly traceId: string;
  readonly requestId: string;
  readonly route: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string | null;
  readonly cause: string | null;
  readonly upstream: string | null;
  readonly attempts: number;
  readonly durationMs: number;
  readonly upstreamMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The last requests, newest first. */
export interface RecentRecords {
  readonly sink: RecordSink;
  list(filter: { limit: number; route?: string; reason?: string }): RecentRecord[];
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
    list({ limit, route, reason }) {
      const newestFirst = [...ring.slice(next), ...ring.slice(0, next)].reverse();
      return newestFirst
        .filter((r) => (route === undefined || r.route === route) && (reason === undefined || r.reason === reason))
        .slice(0, limit)
        .map(describe);
    },
  };
}

function describe(record: RequestRecord): RecentRecord {
  const round = (ms: number) => Math.round(ms * 1000) / 1000;
  return {
    time: new Date(record.startedAtMs).toISOString(),
    traceId: record.traceId,
    requestId: record.requestId,
    route: record.route,
    method: record.method,
    host: record.host,
    path: record.path,
    status: record.status,
    reason: record.reason ?? null,
    cause: record.cause ?? null,
    upstream: record.upstream ?? null,
    attempts: record.attempts.length,
    durationMs: round(record.durationMs),
    upstreamMs: round(record.upstreamMs()),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
  };
}
