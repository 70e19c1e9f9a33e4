/** What counters did between two moments. */
export interface CounterDifference<N extends string> {
  readonly seconds: number;
  readonly by: Readonly<Record<N, number>>;
}

/** Differences of counters over the last minutes. When one shrank they were reset, and counting begins anew. */
export class CounterWindow<N extends string> {
  readonly #keepMs: number;
  #snapshots: { readonly atMs: number; readonly values: Readonly<Record<N, number>> }[] = [];

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  add(atMs: number, values: Readonly<Record<N, number>>): void {
    const last = this.#snapshots.at(-1);
    const wasReset = last && (Object.keys(values) as N[]).some((name) => values[name] < last.values[name]);
    if (wasReset) this.clear();
    this.#snapshots.push({ atMs, values });
    while ((this.#snapshots[1]?.atMs ?? Infinity) <= atMs - this.#keepMs) this.#snapshots.shift();
  }

  clear(): void {
    this.#snapshots = [];
  }

  /** Since at least `windowMs` ago, or since the beginning when that is shorter; undefined before the second snapshot. */
  difference(windowMs: number): CounterDifference<N> | undefined {
    const last = this.#snapshots.at(-1);
    if (!last) return undefined;
    const before = this.#snapshots.findLast(({ atMs }) => atMs <= last.atMs - windowMs) ?? this.#snapshots[0];
    if (!before || before === last) return undefined;
    const names = Object.keys(last.values) as N[];
    const by = Object.fromEntries(names.map((name) => [name, last.values[name] - before.values[name]])) as Record<
      N,
      number
    >;
    return { seconds: (last.atMs - before.atMs) / 1000, by };
  }
}
