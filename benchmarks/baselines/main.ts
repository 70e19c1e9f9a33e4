import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { bars, type Bar } from './bars.ts';
import { compareRules } from './compare.ts';
import type { Workload } from './generator.ts';
import { measure } from './measure.ts';
import { measureOracle, ORACLE } from './oracle.ts';
import { baselinesPage, type Oracles, type Result } from './page.ts';
import { HARDER, SEEDS, WORKLOADS } from './scenarios.ts';
import { tune } from './tune.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PAGE = 'docs/reference/baselines.md';
const RESULTS = 'benchmarks/results/baselines.json';
const HEALTHY_RUNS = 1000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const USAGE = `npm run bench:baselines -- [--repetitions 300] [--no-write] [--tune]

Measures how soon the detector finds slow and fast jobs, and how often it is wrong, on generated durations.
Writes ${PAGE} and ${RESULTS}.
  --tune   show the threshold that each rule would get, on the tuning seeds, and write nothing`;

/** A bar with the worst figure of all kinds of job that it applies to. */
export interface BarResult {
  readonly bar: string;
  readonly value: number;
  readonly where: string;
  readonly isMet: boolean;
}

/** The worst figure for each bar. */
export function judgeBars(
  results: readonly Pick<Result, 'workload' | 'measured'>[],
  list: readonly Bar[] = bars(),
): BarResult[] {
  return list.flatMap(({ bar, appliesTo, value, isMet, isWorse }) => {
    const [worst] = results
      .filter(({ workload }) => appliesTo(workload))
      .map(({ workload, measured }) => ({ value: value(measured), where: `${workload.name}, σ ${workload.sigma}` }))
      .sort((a, b) => (isWorse(a.value, b.value) ? -1 : 1));
    return worst ? [{ bar, ...worst, isMet: isMet(worst.value) }] : [];
  });
}

/**
 * @param args the command line
 * @throws Error when a bar is missed: the page says by how much
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      repetitions: { type: 'string', default: '300' },
      write: { type: 'boolean', default: true },
      tune: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  });
  if (values.help) return print(USAGE);
  if (values.tune) return tune(print);
  const repetitions = Number(values.repetitions);
  if (!Number.isInteger(repetitions) || repetitions < 1)
    throw new Error(`--repetitions is no whole number\n\n${USAGE}`);
  const measured = [...WORKLOADS, ...HARDER].map((workload) => measureOne(workload, repetitions));
  const results = judgeBars(measured.filter(({ workload }) => WORKLOADS.includes(workload)));
  print('comparing other rules');
  const rules = compareRules(Math.ceil(repetitions / 3));
  if (values.write)
    await write(baselinesPage({ repetitions, measured, rules, bars: results }), {
      repetitions,
      measured,
      bars: results,
      rules,
    });
  for (const { bar, value, where, isMet } of results)
    print(`${isMet ? 'met   ' : 'MISSED'} ${bar}: ${value.toFixed(3)} (${where})`);
  if (results.some(({ isMet }) => !isMet)) throw new Error('not all bars are met');
}

function measureOne(workload: Workload, repetitions: number): Result {
  const measured = measure(workload, { repetitions, healthyRuns: HEALTHY_RUNS, firstSeed: SEEDS.evaluation });
  const { falseEpisodes, doubled } = measured;
  print(
    `${workload.name}, σ ${workload.sigma}: ${falseEpisodes.toFixed(2)} false, doubled ${(100 * doubled.within5).toFixed(0)} % within 5`,
  );
  const oracle = workload.correlation === undefined ? oraclesFor(workload, measured.learningRuns) : undefined;
  return { workload, measured, oracle };
}

function oraclesFor(workload: Workload, learningRuns: number): Oracles {
  const learntFrom = Math.round(learningRuns);
  return {
    knows: measureOracle(workload, ORACLE),
    learns: measureOracle(workload, { ...ORACLE, learntFrom }),
  };
}

async function write(page: string, results: object): Promise<void> {
  const file = path.join(ROOT, PAGE);
  writeFileSync(file, await format(page, { ...(await resolveConfig(file)), filepath: file }));
  const rounded = JSON.stringify(
    results,
    (_key, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(4)) : value),
    1,
  );
  writeFileSync(path.join(ROOT, RESULTS), `${rounded}\n`);
  print(`wrote ${PAGE} and ${RESULTS}`);
}
