import { FAILURES, type FailureReason } from '@clearway/kernel';
import type { RequestRecord } from '@clearway/telemetry';
import { makeAttempt, makeRecord } from './records.ts';

/** Numbers in [0, 1) that are the same in every run (Mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of `values`. */
export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

const REASONS = Object.keys(FAILURES) as FailureReason[];
const METHODS = ['GET', 'GET', 'GET', 'POST', 'DELETE', 'BREW', 'PROPFIND'];
const STATUSES = [200, 200, 201, 304, 404, 429, 499, 502, 503, 0, 42, 700];

/** A finished record with any combination of what the signals read: kind, outcome, attempts, bytes and times. */
export function generateRecord(random: () => number, fields: Partial<RequestRecord> = {}): RequestRecord {
  const record = makeRecord({ method: pick(random, METHODS) });
  Object.assign(record, {
    route: pick(random, ['tracks', 'posts', 'comments', '_none', 'of-an-old-configuration']),
    upstream: pick(random, ['tracks', 'posts', undefined]),
    status: pick(random, STATUSES),
    kind: pick(random, ['exchange', 'exchange', 'exchange', 'stream', 'upgrade']),
    sampled: random() < 0.5,
    latencyObjectiveMs: pick(random, [undefined, 50, 500]),
    slowAfterMs: pick(random, [Infinity, 1000]),
    bytesIn: pick(random, [0, Math.floor(random() * 1e6)]),
    bytesOut: pick(random, [0, Math.floor(random() * 1e9)]),
    answeredMs: pick(random, [undefined, 3]),
  });
  if (random() < 0.3) record.fail(pick(random, REASONS), 'what the socket said');
  record.end();
  record.durationMs = pick(random, [0, 1, 10, 100, 1000, 90_000]) * pick(random, [1, random()]);
  addAttempts(random, record);
  return Object.assign(record, fields);
}

function addAttempts(random: () => number, record: RequestRecord): void {
  for (let resendCount = Math.floor(random() * 3); resendCount > 0; resendCount--) {
    const endMs = pick(random, [undefined, 1 + random() * record.durationMs]);
    const sentMs = pick(random, [undefined, 2]);
    const headersMs = pick(random, [undefined, 4]);
    const reason = pick(random, [undefined, record.reason, 'connect_refused' as const]);
    record.attempts.push(makeAttempt({ resendCount, startMs: random(), sentMs, headersMs, endMs, reason }));
  }
}
