/** Counters of one query at one time. */
export interface QueryCounters {
  readonly queryKey: string;
  readonly queryId: string | null;
  readonly calls: number;
  readonly totalMs: number;
  readonly rowsReturned: number;
}

/** What a query did within the window. */
export interface RecentQuery {
  readonly queryKey: string;
  readonly queryId: string | null;
  readonly calls: number;
  readonly totalMs: number;
  readonly meanMs: number;
  readonly rowsPerCall: number;
}

interface Snapshot {
  readonly atMs: number;
  readonly queries: Map<string, QueryCounters>;
}

/** A query with so few executions is new, rather than one that was fast for long and is slow since a moment ago. */
const NEW_CALLS = 20;

/**
 * Mean times of the last minutes, from counters that only ever grow, unless somebody resets them.
 */
export class QueryWindow {
  readonly #windowMs: number;
  readonly #snapshots: Snapshot[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Adds what was just read. */
  add(atMs: number, queries: readonly QueryCounters[]): void {
    const before = this.#snapshots.at(-1)?.queries;
    for (const { queryKey, queryId, calls } of queries) {
      if (!before || before.has(queryKey) || calls > NEW_CALLS) continue;
      before.set(queryKey, { queryKey, queryId, calls: 0, totalMs: 0, rowsReturned: 0 });
    }
    this.#snapshots.push({ atMs, queries: new Map(queries.map((query) => [query.queryKey, query])) });
    // the oldest one that is kept is the last one before the window
    while ((this.#snapshots[1]?.atMs ?? Infinity) <= atMs - this.#windowMs) this.#snapshots.shift();
  }

  /** Forgets everything: for another server. */
  clear(): void {
    this.#snapshots.length = 0;
  }

  /** From when to when the figures are, in seconds; 0 before the second snapshot. */
  get seconds(): number {
    const [first] = this.#snapshots;
    const last = this.#snapshots.at(-1);
    return first && last ? (last.atMs - first.atMs) / 1000 : 0;
  }

  /** What was executed within the window, the slowest first. */
  recent(): RecentQuery[] {
    const last = this.#snapshots.at(-1);
    if (!last || this.#snapshots.length < 2) return [];
    return [...last.queries.values()]
      .map((now) => difference(now, this.#firstOf(now)))
      .filter(({ calls }) => calls > 0)
      .sort((a, b) => b.meanMs - a.meanMs);
  }

  /** Counters hold only queries that have once been slow, so one may be missing at first. */
  #firstOf({ queryKey, calls }: QueryCounters): QueryCounters | undefined {
    const known = this.#snapshots.slice(0, -1).flatMap(({ queries }) => queries.get(queryKey) ?? []);
    // counters that shrank were reset
    return known.find((before) => before.calls <= calls);
  }
}

function difference(now: QueryCounters, before: QueryCounters | undefined): RecentQuery {
  const base = before ?? { calls: 0, totalMs: 0, rowsReturned: 0 };
  const calls = now.calls - base.calls;
  const totalMs = Math.max(0, now.totalMs - base.totalMs);
  return {
    queryKey: now.queryKey,
    queryId: now.queryId,
    calls,
    totalMs,
    meanMs: calls > 0 ? totalMs / calls : 0,
    rowsPerCall: calls > 0 ? Math.max(0, now.rowsReturned - base.rowsReturned) / calls : 0,
  };
}
