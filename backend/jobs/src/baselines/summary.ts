import { quantile } from './robust.ts';
import type { Baseline, BaselineState } from './types.ts';

/** The figures of a baseline that people and dashboards read. */
export type BaselineSummary = Pick<Baseline, 'averageMs' | 'p50Ms' | 'p95Ms' | 'samples'>;

const NOTHING: BaselineSummary = { averageMs: 0, p50Ms: 0, p95Ms: 0, samples: 0 };

/** Of the baseline; before there is one, of the runs learnt from so far. */
export function summaryOf({ baseline, samples }: BaselineState): BaselineSummary {
  if (baseline) return baseline;
  const durationsMs = (samples?.list ?? []).map(([, milliLogMs]) => Math.exp(milliLogMs / 1000));
  if (durationsMs.length === 0) return NOTHING;
  return {
    averageMs: durationsMs.reduce((sum, ms) => sum + ms, 0) / durationsMs.length,
    p50Ms: quantile(durationsMs, 0.5),
    p95Ms: quantile(durationsMs, 0.95),
    samples: durationsMs.length,
  };
}
