import { failureReasonSchema, type LastRequest, type LastWords } from '@clearway/contracts';
import { judgeEnd } from './judge-end.ts';
import type { Flight, FlightEntry } from './read-flight.ts';

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

function blockedOf({ block, signs }: Flight, showCause: boolean): LastWords['blocked'] {
  const isLast = signs.blockedForMs > 0;
  if (block === undefined && !isLast) return undefined;
  const sinceMs = isLast ? signs.seenAtMs - signs.blockedForMs : (block?.atMs ?? 0);
  // one that came too soon after the last has no stack of its own
  const isStackOfIt = block !== undefined && (!isLast || block.atMs >= sinceMs - 1000);
  return {
    at: new Date(sinceMs).toISOString(),
    forMs: Math.round(isLast ? signs.blockedForMs : (block?.forMs ?? 0)),
    isLast,
    stack: isStackOfIt && showCause ? block.frames : [],
  };
}

function describeRequest(entry: FlightEntry, seenAtMs: number, showCause: boolean): LastRequest {
  const { traceId, requestId, method, path, client, startedAtMs, phase, progress } = entry;
  return {
    traceId,
    id: requestId,
    time: new Date(startedAtMs).toISOString(),
    method,
    path,
    durationMs: round(progress?.durationMs ?? Math.max(0, seenAtMs - startedAtMs)),
    ...present({
      client: showCause ? client : undefined,
      route: progress?.route,
      upstream: progress?.upstream,
      target: showCause ? progress?.target : undefined,
      kind: progress?.kind,
      phase,
      status: progress?.status,
      // a version before this one may have had a class that this one does not know
      reason: failureReasonSchema.safeParse(progress?.reason).data,
      cause: showCause ? progress?.cause : undefined,
      attempts: progress?.attempts,
      upstreamMs: progress?.upstreamMs === undefined ? undefined : round(progress.upstreamMs),
      bytesIn: progress?.bytesIn,
      bytesOut: progress?.bytesOut,
    }),
  };
}

function endOf({ startedAtMs, progress }: FlightEntry): number {
  return startedAtMs + (progress?.durationMs ?? 0);
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
