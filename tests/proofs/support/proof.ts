/** One bar of a proof: what was asked for and what was seen. */
export interface Bar {
  /** What is measured, with its unit: `growth of the resident memory (MiB)`. */
  readonly bar: string;
  readonly limit: number;
  readonly measured: number;
  /** Whether the measured value must stay at or under the limit, or reach it. */
  readonly kind: 'at most' | 'at least';
}

/** What a proof is given. */
export interface ProofContext {
  /** The short form: the same check on less, for the tests. */
  readonly isShort: boolean;
  /** Says what is being done, on standard error. */
  readonly progress: (text: string) => void;
  /** Aborts when the proof is interrupted. */
  readonly signal: AbortSignal;
}

/** What a proof found. */
export interface ProofResult {
  readonly bars: readonly Bar[];
  /** Everything else worth keeping: parameters, counts, versions. */
  readonly measurements: Readonly<Record<string, unknown>>;
}

/**
 * A check that is too long for the tests.
 *
 * @example
 * export const proof: Proof = {
 *   guarantee: 'Bodies are streamed: memory does not grow with them.',
 *   async run({ isShort, progress }) {
 *     const growthMebibytes = await transfer(isShort ? 64 : 5120, progress);
 *     return { bars: [atMost('growth of the resident memory (MiB)', growthMebibytes, 32)], measurements: {} };
 *   },
 * };
 */
export interface Proof {
  readonly guarantee: string;
  readonly run: (context: ProofContext) => Promise<ProofResult>;
}

/** A bar that must not be passed. */
export const atMost = (bar: string, measured: number, limit: number): Bar => ({
  bar,
  limit,
  measured,
  kind: 'at most',
});

/** A bar that must be reached. */
export const atLeast = (bar: string, measured: number, limit: number): Bar => ({
  bar,
  limit,
  measured,
  kind: 'at least',
});

/** Whether a bar holds; a measurement that is no number never does. */
export function isMet({ kind, measured, limit }: Bar): boolean {
  return kind === 'at most' ? measured <= limit : measured >= limit;
}
