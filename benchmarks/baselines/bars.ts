import type { Workload } from './generator.ts';
import type { Measured } from './measure.ts';

export interface Bar {
  readonly bar: string;
  readonly appliesTo: (workload: Workload) => boolean;
  readonly value: (measured: Measured) => number;
  readonly isMet: (value: number) => boolean;
  /** Whether the first of two figures is the worse one. */
  readonly isWorse: (a: number, b: number) => boolean;
}

const isAtLeast = (limit: number) => (value: number) => value >= limit;
const more = (a: number, b: number): boolean => a > b;
const less = (a: number, b: number): boolean => a < b;
const everywhere = (): boolean => true;

/**
 * What the detector has to reach. `tolerance` widens them for few repetitions: then chance alone would break them now and
 * then.
 */
export function bars(tolerance = 0): readonly Bar[] {
  const few = (value: number): boolean => value <= 2 + 20 * tolerance;
  return [
    {
      bar: 'false episodes per 1,000 healthy runs ≤ 2',
      appliesTo: everywhere,
      value: (m) => m.falseEpisodes,
      isMet: few,
      isWorse: more,
    },
    {
      bar: 'the same while learning ≤ 2',
      appliesTo: everywhere,
      value: (m) => m.falseWhileLearning,
      isMet: few,
      isWorse: more,
    },
    ...(['doubled', 'halved'] as const).flatMap((change): Bar[] => [
      {
        bar: `${change} found within 5 runs in ≥ 95 %, σ ≤ 0.2`,
        appliesTo: ({ sigma }) => sigma <= 0.2,
        value: (m) => m[change].within5,
        isMet: isAtLeast(0.95 - tolerance),
        isWorse: less,
      },
      {
        bar: `${change} found within 8 runs in ≥ 95 %, σ 0.3`,
        appliesTo: ({ sigma }) => sigma === 0.3,
        value: (m) => m[change].within8,
        isMet: isAtLeast(0.95 - tolerance),
        isWorse: less,
      },
    ]),
    {
      bar: 'a drift of 3 % a day found within 20 days in ≥ 95 %, σ ≤ 0.2',
      appliesTo: ({ sigma }) => sigma <= 0.2,
      value: (m) => m.drift,
      isMet: isAtLeast(0.95 - tolerance),
      isWorse: less,
    },
    {
      bar: 'the same in ≥ 95 % for σ 0.3 to 0.5, jobs of every hour or more often',
      appliesTo: ({ sigma, everyMinutes }) => sigma >= 0.3 && everyMinutes <= 60,
      value: (m) => m.drift,
      isMet: isAtLeast(0.95 - tolerance),
      isWorse: less,
    },
  ];
}
