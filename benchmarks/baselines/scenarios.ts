import type { Workload } from './generator.ts';

export const SIGMAS = [0.1, 0.2, 0.3, 0.4, 0.5];

const FREQUENCIES: readonly Pick<Workload, 'name' | 'everyMinutes' | 'cycle'>[] = [
  { name: 'every 15 minutes, no cycle', everyMinutes: 15, cycle: 'none' },
  { name: 'every 15 minutes, daily cycle', everyMinutes: 15, cycle: 'sine' },
  { name: 'every hour, daily cycle', everyMinutes: 60, cycle: 'sine' },
  { name: 'every 6 hours, daily cycle', everyMinutes: 360, cycle: 'sine' },
  { name: 'every day', everyMinutes: 1440, cycle: 'none' },
];

/** What the bars are held against. */
export const WORKLOADS: readonly Workload[] = FREQUENCIES.flatMap((frequency) =>
  SIGMAS.map((sigma) => ({ ...frequency, sigma })),
);

export const NEIGHBOURS_ALIKE: Workload = {
  name: 'every hour, neighbours alike (0.5)',
  everyMinutes: 60,
  cycle: 'none',
  sigma: 0.2,
  correlation: 0.5,
};

/** A zone without clock changes, since the generator has none. */
const ZONE = 'Atlantic/Reykjavik';

/** What real jobs add; reported, without bars. */
export const HARDER: readonly Workload[] = [
  { name: 'every 5 minutes, daily cycle', everyMinutes: 5, cycle: 'sine', sigma: 0.2 },
  { name: 'every 15 minutes, office hours', everyMinutes: 15, cycle: 'office', sigma: 0.2, timeZone: ZONE },
  { name: 'every hour, office hours', everyMinutes: 60, cycle: 'office', sigma: 0.2, timeZone: ZONE },
  { name: 'every 15 minutes, office hours of no known zone', everyMinutes: 15, cycle: 'office', sigma: 0.2 },
  { name: 'every hour, items vary 1:7', everyMinutes: 60, cycle: 'sine', sigma: 0.2, itemsSigma: 1 },
  { name: 'every day, items vary 1:7', everyMinutes: 1440, cycle: 'none', sigma: 0.2, itemsSigma: 1 },
  NEIGHBOURS_ALIKE,
  { name: 'every 15 minutes, neighbours alike (0.8)', everyMinutes: 15, cycle: 'none', sigma: 0.2, correlation: 0.8 },
];

/** Seeds for choosing and seeds for measuring have nothing in common. */
export const SEEDS = { tuning: 50_000, evaluation: 1_000_000 };
