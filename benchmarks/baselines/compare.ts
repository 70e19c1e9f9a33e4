import { learnAll, measure, SHIPPED, type Measured } from './measure.ts';
import { asStartJudge, RULES } from './rules.ts';
import { NEIGHBOURS_ALIKE, SEEDS, WORKLOADS } from './scenarios.ts';

export interface RuleResult {
  readonly name: string;
  readonly what: string;
  readonly threshold: number;
  /** One for each of WORKLOADS. */
  readonly measured: readonly Measured[];
  /** False episodes per 1,000 runs where neighbours are alike. */
  readonly falseWhereAlike: number;
}

const HEALTHY_RUNS = 600;

/** All rules on the same jobs, learnt by the same baselines; the chosen one as it is shipped. */
export function compareRules(repetitions: number): RuleResult[] {
  const options = { repetitions, healthyRuns: HEALTHY_RUNS, firstSeed: SEEDS.evaluation };
  const learnt = WORKLOADS.map((workload) => learnAll(workload, options));
  const alike = learnAll(NEIGHBOURS_ALIKE, options);
  return RULES.map((rule) => {
    const start = rule.name.includes('chosen') ? SHIPPED : asStartJudge(rule);
    const measured = WORKLOADS.map((workload, index) =>
      measure(workload, { ...options, start, learnt: learnt[index]! }),
    );
    const falseWhereAlike = measure(NEIGHBOURS_ALIKE, { ...options, start, learnt: alike }).falseEpisodes;
    return { falseWhereAlike, name: rule.name, what: rule.what, threshold: rule.threshold, measured };
  });
}
