/** A run as it is judged: only runs that succeeded say how long the job takes. */
export interface ObservedRun {
  readonly id: string;
  /** When it started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** What it worked through, where the job says so. 0 is an empty run. */
  readonly itemsProcessed?: number | undefined;
}

export type VerdictKind = 'learning' | 'normal' | 'slow' | 'fast' | 'empty';

/** How a job's last runs stand against its own past. */
export interface Verdict {
  readonly kind: VerdictKind;
  /** The first run of the present state; of `normal` and `learning` the run that was just seen. */
  readonly sinceRun: { readonly id: string; readonly startedAtMs: number };
  /** How many times as long as expected the runs since then took (of empty runs: 0). */
  readonly ratio: number;
  /** How many runs this rests on. */
  readonly runs: number;
  /** For a person: "2.1 times its usual 340 ms over the last 5 runs". */
  readonly evidence: string;
}

/** What a job usually takes. All logarithms are natural, of milliseconds. */
export interface Baseline {
  /** Logarithm of the usual duration, at the median number of items and averaged over the day. */
  readonly level: number;
  /** Standard deviation of the logarithm around what was expected. */
  readonly sigma: number;
  /** How the duration follows the items; null: not known, or it does not. */
  readonly items: ItemsModel | null;
  /** Daily cycle: pairs of a cosine and a sine a harmonic, added to the logarithm. Empty: none. */
  readonly cycle: readonly number[];
  /** Correlation of a run with the next one: neighbours that are slow together prove less. */
  readonly correlation: number;
  readonly samples: number;
  readonly averageMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ItemsModel {
  /** Part of the usual duration that does not depend on the items, 0 to 1. */
  readonly fixedShare: number;
  readonly usual: number;
  readonly least: number;
  readonly most: number;
  /** What is expected of a run that does not say how many items it had. */
  readonly levelWithout: number;
  readonly sigmaWithout: number;
}

/** A learnt run: seconds since the first, thousandths of the duration's logarithm, items where known. */
export type Sample = readonly [atSeconds: number, milliLogMs: number, items?: number];

/** Runs kept for learning: few enough for a row, spread over the time that is learnt from. */
export interface Samples {
  readonly startMs: number;
  readonly spacingSeconds: number;
  /** In pairs of neighbours: each run with an odd index followed the one before it. */
  readonly list: readonly Sample[];
}

/** A judged run: time, id, logarithm of its ratio, the same in standard deviations. */
export type Judged = readonly [startedAtMs: number, id: string, logRatio: number, deviations: number];

export interface Episode {
  readonly kind: 'slow' | 'fast';
  readonly sinceId: string;
  readonly sinceMs: number;
}

/** Empty runs, kept apart from durations. */
export interface Emptiness {
  readonly runs: number;
  readonly empty: number;
  /** Longest row of empty runs while learning. */
  readonly longest: number;
  /** The row that goes on now. */
  readonly row: number;
  readonly sinceId: string;
  readonly sinceMs: number;
}

/** All that is remembered of a job: JSON, at most 8 KB. */
export interface BaselineState {
  readonly version: 1;
  readonly phase: 'learning' | 'frozen';
  /** Where the hours of the daily cycle are counted. */
  readonly timeZone: string;
  readonly samples: Samples | null;
  readonly baseline: Baseline | null;
  readonly window: readonly Judged[];
  readonly episode: Episode | null;
  readonly emptiness: Emptiness;
  /** Runs since the start of learning. */
  readonly runs: number;
  /** How many of them the present baseline knew. */
  readonly judgedOnRuns: number;
}
