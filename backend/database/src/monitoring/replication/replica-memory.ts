import type { RowOf } from '../functions/define.ts';
import type { replicas } from './queries.ts';

/** A replica as a pass finds it. */
export type ReplicaRow = RowOf<(typeof replicas)['columns']>;

interface Position {
  readonly atMs: number;
  readonly log: number;
}

interface Known {
  readonly row: ReplicaRow;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Until when it had all of the log. */
  readonly behindSinceMs: number;
}

const DAY_MS = 86_400_000;
const MAX_POSITIONS = 10_000;
/** Who was there for a shorter time is not missed. */
const ESTABLISHED_MS = 60_000;
const NAMELESS = /^process \d+$/;
/** The state of a replica that was connected and is not any more. */
export const GONE = 'gone';

/**
 * How far replicas are behind, by what passes saw of the log over time, beside what the server tells: its figure may stand still
 * with a replica that replays nothing, the age of a replica's last transaction says nothing on a quiet server, and a replica that is
 * not connected is not in its list at all. Here its lag goes on for a day.
 */
export class ReplicaMemory {
  #positions: Position[] = [];
  /** By name: several replicas may have the same one, and one may come back from another address. */
  #known = new Map<string, readonly Known[]>();

  /** Forgets what is of another server, or of another role of this one. */
  clear(): void {
    this.#positions = [];
    this.#known.clear();
  }

  /**
   * Takes in what a pass found.
   *
   * @returns the replicas with their real lag, and those that are gone
   */
  update(rows: readonly ReplicaRow[], nowMs: number): ReplicaRow[] {
    this.#remember(rows, nowMs);
    const seen = rows.map((row) => ({ ...row, lagSeconds: this.#lagOf(row, nowMs) }));
    const named = seen.filter(({ isPhysical, replica }) => isPhysical && !NAMELESS.test(replica));
    const met = Map.groupBy(named, ({ replica }) => replica);
    for (const name of new Set([...this.#known.keys(), ...met.keys()])) this.#meet(name, met.get(name) ?? [], nowMs);
    return [...seen, ...this.#gone(nowMs)];
  }

  #remember(rows: readonly ReplicaRow[], nowMs: number): void {
    const log = Math.max(...rows.flatMap(({ logPosition }) => logPosition ?? []));
    if (!Number.isFinite(log)) return;
    this.#positions.push({ atMs: nowMs, log });
    const oldest = this.#positions.findIndex(({ atMs }) => nowMs - atMs <= DAY_MS);
    this.#positions.splice(0, Math.max(oldest, this.#positions.length - MAX_POSITIONS));
  }

  /** From the first pass that saw more of the log than it has replayed, at most from the one before. */
  #lagOf({ lagSeconds, replayedPosition, visible, receives }: ReplicaRow, nowMs: number): number | null {
    // without the log nobody knows how long it is: the age of the last transaction is all there is
    if (!visible || !receives || replayedPosition === null) return lagSeconds;
    const first = this.#positions.findIndex(({ log }) => log > replayedPosition);
    const secondsSince = (position: Position | undefined): number =>
      position === undefined ? Infinity : (nowMs - position.atMs) / 1000;
    if (first < 0) return 0;
    const atMostSeconds = secondsSince(this.#positions[first - 1]);
    const atLeastSeconds = secondsSince(this.#positions[first]);
    return Math.max(atLeastSeconds, Math.min(lagSeconds ?? 0, atMostSeconds));
  }

  /** Of several with one name, those at a known address first; how many there were counts, not which. */
  #meet(name: string, rows: readonly ReplicaRow[], nowMs: number): void {
    let missing = this.#known.get(name) ?? [];
    const takeOne = (matches: (known: Known) => boolean): Known | undefined => {
      const found = missing.find(matches);
      missing = missing.filter((known) => known !== found);
      return found;
    };
    const sameAddress = rows.map((row) => ({ row, known: takeOne((known) => known.row.client === row.client) }));
    const met = sameAddress.map(({ row, known = takeOne(() => true) }) => ({
      row,
      firstMs: known?.firstMs ?? nowMs,
      lastMs: nowMs,
      behindSinceMs: nowMs - (row.lagSeconds ?? 0) * 1000,
    }));
    const missed = missing.filter(
      ({ firstMs, lastMs }) => lastMs - firstMs >= ESTABLISHED_MS && nowMs - lastMs <= DAY_MS,
    );
    const all = [...met, ...missed];
    if (all.length > 0) this.#known.set(name, all);
    else this.#known.delete(name);
  }

  #gone(nowMs: number): ReplicaRow[] {
    const missed = [...this.#known.values()].flat().filter(({ lastMs }) => lastMs !== nowMs);
    return missed.map(({ row, behindSinceMs }) => ({
      ...row,
      state: GONE,
      receives: false,
      ...this.#absence(row, nowMs - behindSinceMs),
    }));
  }

  #absence({ replayedPosition }: ReplicaRow, behindMs: number): Pick<ReplicaRow, 'lagSeconds' | 'lagBytes'> {
    const log = this.#positions.at(-1)?.log;
    const lagBytes = log === undefined || replayedPosition === null ? null : log - replayedPosition;
    return { lagSeconds: behindMs / 1000, lagBytes };
  }
}
