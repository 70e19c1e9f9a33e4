import type { RowOf } from '../functions/define.ts';
import { CounterWindow } from '../watch/counter-window.ts';
import type { sequentialScans } from './queries.ts';

/** A table that is read from end to end. */
export interface SequentialRead {
  readonly schemaName: string;
  readonly tableName: string;
  readonly estimatedRows: number;
  readonly scansPerSecond: number;
  readonly rowsPerSecond: number;
}

const WINDOW_MS = 60_000;

/** Which large tables are read from end to end, and how much, over the last minute. */
export class SequentialReads {
  readonly #tables = new Map<string, CounterWindow<'scans' | 'rows'>>();
  #lastMs: number | undefined;

  /** Takes in the counters; returns the tables that were read so since the pass before, the most read first. */
  update(rows: readonly RowOf<typeof sequentialScans.columns>[], nowMs: number): SequentialRead[] {
    const seen = new Set(rows.map(keyOf));
    for (const key of this.#tables.keys()) if (!seen.has(key)) this.#tables.delete(key);
    const reads = rows
      .map((row) => this.#rate(row, nowMs))
      .filter(({ scansPerSecond }) => scansPerSecond > 0)
      .sort((a, b) => b.rowsPerSecond - a.rowsPerSecond);
    this.#lastMs = nowMs;
    return reads;
  }

  clear(): void {
    this.#tables.clear();
    this.#lastMs = undefined;
  }

  #rate(row: RowOf<typeof sequentialScans.columns>, nowMs: number): SequentialRead {
    const window = this.#tables.get(keyOf(row)) ?? this.#newWindow();
    this.#tables.set(keyOf(row), window);
    window.add(nowMs, { scans: row.sequentialScans, rows: row.rowsRead });
    const { schemaName, tableName, estimatedRows } = row;
    const difference = window.difference(WINDOW_MS);
    const perSecond = (value: number): number => Math.round((value / (difference?.seconds ?? 1)) * 100) / 100;
    return {
      schemaName,
      tableName,
      estimatedRows,
      scansPerSecond: difference ? perSecond(difference.by.scans) : 0,
      rowsPerSecond: difference ? perSecond(difference.by.rows) : 0,
    };
  }

  /** A table that was not there a pass ago had not been read so until then. */
  #newWindow(): CounterWindow<'scans' | 'rows'> {
    const window = new CounterWindow<'scans' | 'rows'>(WINDOW_MS);
    if (this.#lastMs !== undefined) window.add(this.#lastMs, { scans: 0, rows: 0 });
    return window;
  }
}

function keyOf({ schemaName, tableName }: { schemaName: string; tableName: string }): string {
  return `${schemaName}.${tableName}`;
}
