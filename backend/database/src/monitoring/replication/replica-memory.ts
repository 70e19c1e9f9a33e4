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
  #known = new Map<string, Known>();

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
    for (const row of seen) this.#meet(row, nowMs);
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

  #meet(row: ReplicaRow, nowMs: number): void {
    const { replica, isPhysical, lagSeconds } = row;
    if (!isPhysical || NAMELESS.test(replica)) return;
    const firstMs = this.#known.get(keyOf(row))?.firstMs ?? nowMs;
    this.#known.set(keyOf(row), { row, firstMs, lastMs: nowMs, behindSinceMs: nowMs - (lagSeconds ?? 0) * 1000 });
  }

  #gone(nowMs: number): ReplicaRow[] {
    const gone: ReplicaRow[] = [];
    for (const [key, { row, firstMs, lastMs, behindSinceMs }] of this.#known) {
      if (lastMs === nowMs) continue;
      const isMissed = lastMs - firstMs >= ESTABLISHED_MS && nowMs - lastMs <= DAY_MS;
      if (!isMissed) this.#known.delete(key);
      else gone.push({ ...row, state: GONE, receives: false, ...this.#absence(row, nowMs - behindSinceMs) });
    }
    return gone;
  }

  #absence({ replayedPosition }: ReplicaRow, behindMs: number): Pick<ReplicaRow, 'lagSeconds' | 'lagBytes'> {
    const log = this.#positions.at(-1)?.log;
    const lagBytes = log === undefined || replayedPosition === null ? null : log - replayedPosition;
    return { lagSeconds: behindMs / 1000, lagBytes };
  }
}

function keyOf({ replica, client }: ReplicaRow): string {
  return `${replica} ${client}`;
}
