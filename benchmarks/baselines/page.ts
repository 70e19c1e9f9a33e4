import { markdownTable } from '../../scripts/reference/markdown.ts';
import type { BarResult } from './main.ts';
import type { RuleResult } from './compare.ts';
import type { Workload } from './generator.ts';
import type { Found, Measured } from './measure.ts';
import type { OracleFound } from './oracle.ts';
import { HARDER, SIGMAS, WORKLOADS } from './scenarios.ts';
import { HOW_IT_WORKS, WHAT_CAN_BE_FOUND, WHAT_IS_GENERATED, WHY_THIS_ONE } from './page-text.ts';

/** A kind of job: what we found, and what could be found at most. */
export interface Result {
  readonly workload: Workload;
  readonly measured: Measured;
  /** Undefined where neighbours are alike: there it was not measured. */
  readonly oracle?: Oracles | undefined;
}

/** A detector that knows all, and one that had to learn the usual duration from as many runs as ours. */
export interface Oracles {
  readonly knows: OracleFound;
  readonly learns: OracleFound;
}

export interface PageInput {
  readonly repetitions: number;
  readonly measured: readonly Result[];
  readonly rules: readonly RuleResult[];
  readonly bars: readonly BarResult[];
}

/** docs/reference/baselines.md */
export function baselinesPage({ repetitions, measured, rules, bars }: PageInput): string {
  const of = (workloads: readonly Workload[]) => measured.filter(({ workload }) => workloads.includes(workload));
  return [
    '# Baselines of jobs',
    '<!-- Written by: npm run bench:baselines -->',
    HOW_IT_WORKS,
    '## How well it works',
    `${WHAT_IS_GENERATED} Each line is ${repetitions} jobs of 1,000 healthy runs after learning; each change was made to the same jobs at a random moment.`,
    '`npm run bench:baselines` makes this page anew, in some minutes. The same seeds give the same figures.',
    '### The bars',
    markdownTable(['Bar', 'Worst of all kinds of job', 'Met'], bars.map(barRow)),
    '### What can be found at all',
    WHAT_CAN_BE_FOUND,
    reachTable(measured.filter(({ workload }) => workload.sigma >= 0.3 || workload.cycle === 'office')),
    '### By kind of job',
    resultTable(of(WORKLOADS)),
    '### Harder ones',
    'What real jobs add, at σ 0.2. "Neighbours alike" means that a slow run is likely to be followed by a slow one: then five runs prove less, and the detector waits longer.',
    resultTable(of(HARDER)),
    '## Other rules on the same jobs',
    'Each rule has the threshold with which no kind of job had more than 1.5 false episodes per 1,000 runs, chosen on other seeds. The figures are means over the five kinds of job.',
    ruleTable(rules),
    ruleList(rules),
    WHY_THIS_ONE,
  ].join('\n\n');
}

/** Beside what we find: what could be found. */
function reachTable(results: PageInput['measured']): string {
  const titles = [
    'Job',
    'σ',
    'Doubled within 5 runs: ours, learning, knowing',
    'Doubled within 8 runs',
    '3 % a day within 20 days',
  ];
  const rows = results.flatMap(({ workload, measured: { doubled, drift }, oracle }) =>
    oracle
      ? [
          [
            workload.name,
            String(workload.sigma),
            beside(doubled.within5, oracle, (found) => found.doubledWithin5),
            beside(doubled.within8, oracle, (found) => found.doubledWithin8),
            beside(drift, oracle, (found) => found.drift),
          ],
        ]
      : [],
  );
  return markdownTable(titles, rows);
}

function beside(ours: number, { learns, knows }: Oracles, of: (found: OracleFound) => number | undefined): string {
  return [ours, of(learns), of(knows)].map((share) => (share === undefined ? '-' : percent(share))).join(', ');
}

const percent = (share: number): string => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(0)} %`);
const three = ({ within5, within8, within30 }: Found): string => [within5, within8, within30].map(percent).join(', ');
const daysText = (days: number): string => (Number.isFinite(days) ? days.toFixed(0) : '> 20');

const barRow = ({ bar, value, where, isMet }: BarResult): string[] => [
  bar,
  `${bar.includes('≥') ? percent(value) : value.toFixed(2)} (${where})`,
  isMet ? 'yes' : 'no',
];

function resultTable(results: PageInput['measured']): string {
  const titles = [
    'Job',
    'σ',
    'False episodes per 1,000 runs (while learning)',
    'Doubled: found within 5, 8, 30 runs',
    'Halved: the same',
    'Tripled within 5',
    '3 % a day within 20 days (median days)',
    'Runs learnt from',
  ];
  const rows = results.map(({ workload, measured: m }) => [
    workload.name,
    String(workload.sigma),
    `${m.falseEpisodes.toFixed(2)} (${m.falseWhileLearning.toFixed(2)})`,
    three(m.doubled),
    three(m.halved),
    percent(m.tripled.within5),
    `${percent(m.drift)} (${daysText(m.driftMedianDays)})`,
    m.learningRuns.toFixed(0),
  ]);
  return markdownTable(titles, rows);
}

function ruleTable(rules: readonly RuleResult[]): string {
  const titles = [
    'Rule',
    'Threshold',
    'False episodes, worst kind',
    'False episodes where neighbours are alike',
    ...SIGMAS.map((sigma) => `Doubled, σ ${sigma}: within 5, 8`),
    'Halved, σ 0.3: within 5, 8',
    '3 % a day, σ 0.2',
  ];
  const rows = rules.map(({ name, threshold, measured, falseWhereAlike }) => {
    const at = (sigma: number): Measured[] => measured.filter((_, index) => WORKLOADS[index]!.sigma === sigma);
    const pair = (sigma: number, change: 'doubled' | 'halved'): string =>
      (['within5', 'within8'] as const).map((runs) => percent(mean(at(sigma).map((m) => m[change][runs])))).join(', ');
    return [
      name,
      String(threshold),
      Math.max(...measured.map((m) => m.falseEpisodes)).toFixed(2),
      falseWhereAlike.toFixed(2),
      ...SIGMAS.map((sigma) => pair(sigma, 'doubled')),
      pair(0.3, 'halved'),
      percent(mean(at(0.2).map((m) => m.drift))),
    ];
  });
  return markdownTable(titles, rows);
}

const ruleList = (rules: readonly RuleResult[]): string =>
  rules.map(({ name, what }) => `- **${name}**: ${what}.`).join('\n');

function mean(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
