import type { Answer } from '../watch/answer.ts';

/** How busy a database server is. */
export interface ResourceFigures {
  readonly cpuPercent: Answer<number>;
  readonly memoryPercent: Answer<number>;
}

/** Where processor and memory figures come from. */
export interface ResourceReader {
  /** Named in every judgement: `host`, `supabase`. */
  readonly source: string;
  /** How often it is worth asking, in milliseconds. */
  readonly everyMs: number;
  /** Never rejects: what could not be read says why. */
  read(signal: AbortSignal): Promise<ResourceFigures>;
}

/** The same reason for both figures. */
export function bothSkipped(skipped: string): ResourceFigures {
  return { cpuPercent: { skipped }, memoryPercent: { skipped } };
}

/** A share in percent with two digits behind the point. */
export function percent(part: number, whole: number): Answer<number> {
  if (!(whole > 0) || !Number.isFinite(part)) return { skipped: 'the figures make no sense' };
  return { value: Math.round(Math.min(100, Math.max(0, (100 * part) / whole)) * 100) / 100 };
}
