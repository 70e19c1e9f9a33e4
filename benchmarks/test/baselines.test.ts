import { describe, expect, test } from '@jest/globals';
import { bars } from '../baselines/bars.ts';
import { generate, type Workload } from '../baselines/generator.ts';
import { judgeBars } from '../baselines/main.ts';
import { measure, take } from '../baselines/measure.ts';
import { seeded } from '../baselines/random.ts';
import { SEEDS } from '../baselines/scenarios.ts';

/** Few jobs and runs: the whole measurement is `npm run bench:baselines`. */
const SHORT = { repetitions: 24, healthyRuns: 250, firstSeed: SEEDS.evaluation };
/** What chance makes of 95 % with 24 jobs. */
const TOLERANCE = 0.06;

const job = (name: string, everyMinutes: number, cycle: Workload['cycle'], sigma: number): Workload => ({
  name,
  everyMinutes,
  cycle,
  sigma,
});

describe('baselines of jobs', () => {
  test.each([
    job('every hour, daily cycle', 60, 'sine', 0.2),
    job('every hour, daily cycle', 60, 'sine', 0.3),
    job('every day', 1440, 'none', 0.1),
    job('every day', 1440, 'none', 0.2),
    job('every day', 1440, 'none', 0.3),
  ])(
    'keep the bars on a few jobs: $name, σ $sigma',
    (workload) => {
      const results = judgeBars([{ workload, measured: measure(workload, SHORT) }], bars(TOLERANCE));
      expect(results.length).toBeGreaterThanOrEqual(2);
      expect(results.filter(({ isMet }) => !isMet)).toEqual([]);
    },
    60_000,
  );
});

describe('the generator', () => {
  const durations = (workload: Workload, count: number, seed: number): number[] =>
    take(generate(workload, seed), count).map(({ durationMs }) => durationMs);

  test('gives the same runs for the same seed, on every machine', () => {
    expect(durations(job('', 60, 'sine', 0.3), 50, 7)).toEqual(durations(job('', 60, 'sine', 0.3), 50, 7));
    const random = seeded(1);
    expect([random.uniform(), random.uniform(), random.uniform()].map((value) => value.toFixed(9)))
      .toMatchInlineSnapshot(`
      [
        "0.133284228",
        "0.497999036",
        "0.537827618",
      ]
    `);
  });

  test('scatters as told, with one outlier in a hundred', () => {
    const logs = durations(job('', 60, 'none', 0.3), 20_000, 3).map(Math.log);
    const middle = logs.toSorted((a, b) => a - b)[10_000]!;
    const far = logs.filter((log) => Math.abs(log - middle) > 0.3 * 4).length;
    expect(far / logs.length).toBeGreaterThan(0.006);
    expect(far / logs.length).toBeLessThan(0.012);
    const near = logs.filter((log) => Math.abs(log - middle) <= 0.3).length;
    expect(near / logs.length).toBeCloseTo(0.68, 1);
  });
});
