import { countEpisodes, learnAll, take } from './measure.ts';
import { asStartJudge, RULES, type Rule } from './rules.ts';
import { SEEDS, WORKLOADS } from './scenarios.ts';

/** Below the bar of 2, so that other seeds do not break it. */
const MOST_FALSE = 1.5;
const REPETITIONS = 60;
const HEALTHY_RUNS = 600;

/**
 * For each rule the lowest threshold of its grid with which no kind of job has more false episodes than allowed: all rules
 * are compared at the same price. On seeds that nothing is measured on.
 */
export function tune(print: (line: string) => void): void {
  const options = { repetitions: REPETITIONS, healthyRuns: HEALTHY_RUNS, firstSeed: SEEDS.tuning };
  const jobs = WORKLOADS.map((workload) =>
    learnAll(workload, options).map((learnt) => ({ learnt, healthy: take(learnt.runs(), HEALTHY_RUNS) })),
  );
  const worst = (rule: Rule, threshold: number): number => {
    const start = asStartJudge(rule, threshold);
    const rates = jobs.map((series) => {
      const episodes = series.reduce((sum, { learnt, healthy }) => sum + countEpisodes(start(learnt), healthy), 0);
      return (1000 * episodes) / (series.length * HEALTHY_RUNS);
    });
    return Math.max(...rates);
  };
  for (const rule of RULES) {
    const chosen = rule.grid.find((threshold) => worst(rule, threshold) <= MOST_FALSE);
    print(`${rule.name}: ${chosen ?? 'none of the grid'} (in use: ${rule.threshold})`);
  }
}
