import { failureReasonSchema, type LastRequest, type LastWords } from '@clearway/contracts';
import { judgeEnd, lastStack } from './judge-end.ts';
import type { Flight, FlightEntry } from './read-flight.ts';
import type { StackFrame } from './stack-frames.ts';

/** How much of a process's last words is told. */
export interface LastWordsScope {
  /** Finished requests, the last ones first. */
  readonly records: number;
  /** Addresses, error texts and the stack: for operators only. */
  readonly showCause: boolean;
}

/**
 * What a process left behind, for people and programs.
 *
 * @param ownBootId of the machine as it runs now
 */
export function lastWordsOf(flight: Flight, ownBootId: string | undefined, scope: LastWordsScope): LastWords {
  const { facts, signs, end } = flight;
  const seenAtMs = Math.max(signs.seenAtMs, signs.beatAtMs, end?.atMs ?? 0, facts.startedAtMs);
  const entries = flight.entries();
  const describe = (entry: FlightEntry): LastRequest => describeRequest(entry, seenAtMs, scope.showCause);
  const { cause, exitCode, error } = end ?? {};
  return {
    pid: facts.pid,
    version: facts.version,
    node: facts.node,
    startedAt: new Date(facts.startedAtMs).toISOString(),
    lastSeenAt: new Date(seenAtMs).toISOString(),
    uptimeSeconds: round((seenAtMs - facts.startedAtMs) / 1000),
    ...judgeEnd(flight, ownBootId),
    ...present({ cause, exitCode, error: scope.showCause ? error : undefined }),
    ...present({ blocked: blockedOf(flight, scope.showCause) }),
    memory: {
      heapUsedBytes: signs.heapUsedBytes,
      heapLimitBytes: Math.round(signs.heapLimitBytes),
      externalBytes: signs.externalBytes,
      residentBytes: signs.residentBytes,
      ...present({ limitBytes: facts.memoryLimitBytes }),
    },
    requests: { total: signs.totalRequests, open: signs.openRequests },
    open: entries
      .filter(({ isOpen }) => isOpen)
      .sort((a, b) => a.startedAtMs - b.startedAtMs)
      .map(describe),
    records: entries
      .filter(({ isOpen }) => !isOpen)
      .sort((a, b) => endOf(b) - endOf(a))
      .slice(0, scope.records)
      .map(describe),
  };
}

function blockedOf(flight: Flight, showCause: boolean): LastWords['blocked'] {
  const { block, signs } = flight;
  const describe = (atMs: number, forMs: number, isLast: boolean, stack: readonly StackFrame[]) => ({
    at: new Date(atMs).toISOString(),
    forMs: Math.round(forMs),
    isLast,
    stack: showCause ? stack : [],
  });
  const { seenAtMs, blockedForMs } = signs;
  if (blockedForMs > 0) return describe(seenAtMs - blockedForMs, blockedForMs, true, lastStack(flight));
  return block && describe(block.atMs, block.forMs, false, block.frames);
}

function describeRequest(entry: FlightEntry, seenAtMs: number, showCause: boolean): LastRequest {
  const { traceId, requestId, method, path, client, startedAtMs, isOpen, progress, outcome } = entry;
  return {
    traceId,
    id: requestId,
    time: new Date(startedAtMs).toISOString(),
    method,
    path,
    durationMs: round(outcome?.durationMs ?? Math.max(0, seenAtMs - startedAtMs)),
    ...present({
      client: showCause ? client : undefined,
      route: progress?.route,
      upstream: progress?.upstream,
      target: showCause ? progress?.target : undefined,
      kind: progress?.kind,
      phase: isOpen ? progress?.phase : undefined,
      status: outcome?.status ?? (progress?.status || undefined),
      // the process before may have been of another version, with a class that this one does not know
      reason: failureReasonSchema.safeParse(outcome?.reason).data,
      cause: showCause ? outcome?.cause : undefined,
      attempts: progress?.attempts,
      upstreamMs: isOpen || progress === undefined ? undefined : round(progress.upstreamMs),
      bytesIn: progress?.bytesIn,
      bytesOut: progress?.bytesOut,
    }),
  };
}

function endOf({ startedAtMs, outcome }: FlightEntry): number {
  return startedAtMs + (outcome?.durationMs ?? 0);
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined | null> };

/** The members that have a value. */
function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  ) as Present<T>;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
