import { z } from 'zod';

const FOR = 'Seconds for which it has to last before it counts.';

interface Levels {
  readonly warning: number;
  readonly critical: number;
  readonly forSeconds: number;
}

/** A share that must not be passed. */
const percent = (what: string, { warning, critical, forSeconds }: Levels) =>
  z
    .strictObject({
      warningPercent: z.number().gt(0).max(100).default(warning).describe(`${what}: percent that are a warning.`),
      criticalPercent: z.number().gt(0).max(100).default(critical).describe(`${what}: percent that are critical.`),
      forSeconds: z.int().min(0).max(86_400).default(forSeconds).describe(FOR),
    })
    .refine(({ warningPercent, criticalPercent }) => warningPercent <= criticalPercent, ORDER)
    .prefault({})
    .describe(what);

/** A duration in seconds that must not be passed. */
const duration = (what: string, { warning, critical, forSeconds }: Levels) =>
  z
    .strictObject({
      warningSeconds: z.number().gt(0).max(604_800).default(warning).describe(`${what}: seconds that are a warning.`),
      criticalSeconds: z.number().gt(0).max(604_800).default(critical).describe(`${what}: seconds that are critical.`),
      forSeconds: z.int().min(0).max(86_400).default(forSeconds).describe(FOR),
    })
    .refine(({ warningSeconds, criticalSeconds }) => warningSeconds <= criticalSeconds, ORDER)
    .prefault({})
    .describe(what);

const ORDER = {
  message: 'is critical before it is a warning',
  params: { remedy: 'let the warning be at most the critical value' },
};

const FIVE_MINUTES = 300;

/** From when on the figures of a database are a warning or critical. */
export const thresholdsSchema = z.strictObject({
  connections: percent('Connections in use, of those that applications may open', {
    warning: 80,
    critical: 95,
    forSeconds: FIVE_MINUTES,
  }),
  queryTime: z
    .strictObject({
      warningMs: z.number().gt(0).max(3_600_000).default(500).describe('Milliseconds that are a warning.'),
      criticalMs: z.number().gt(0).max(3_600_000).default(2000).describe('Milliseconds that are critical.'),
      minimumCalls: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(5)
        .describe('Executions within five minutes that a query needs to be judged.'),
      forSeconds: z.int().min(0).max(86_400).default(0).describe(FOR),
    })
    .refine(({ warningMs, criticalMs }) => warningMs <= criticalMs, ORDER)
    .prefault({})
    .describe('Mean time of the slowest query'),
  size: percent('Size of the database, of its quota', { warning: 80, critical: 95, forSeconds: 0 }),
  errorRate: percent('Transactions that were rolled back', { warning: 5, critical: 10, forSeconds: FIVE_MINUTES }),
  cpu: percent('Processor time in use', { warning: 80, critical: 90, forSeconds: FIVE_MINUTES }),
  memory: percent('Memory in use', { warning: 85, critical: 95, forSeconds: FIVE_MINUTES }),
  lockWait: duration('Longest wait for a lock', { warning: 30, critical: 300, forSeconds: 0 }),
  idleInTransaction: duration('Longest session that holds a transaction open and does nothing', {
    warning: 60,
    critical: 600,
    forSeconds: 0,
  }),
  deadlocks: z
    .strictObject({
      warningPerMinute: z.number().gt(0).default(1).describe('Deadlocks a minute that are a warning.'),
      criticalPerMinute: z.number().gt(0).default(10).describe('Deadlocks a minute that are critical.'),
      forSeconds: z.int().min(0).max(86_400).default(0).describe(FOR),
    })
    .refine(({ warningPerMinute, criticalPerMinute }) => warningPerMinute <= criticalPerMinute, ORDER)
    .prefault({})
    .describe('Deadlocks'),
  sequentialReads: z
    .strictObject({
      warningRowsPerSecond: z.number().gt(0).default(200_000).describe('Rows a second that are a warning.'),
      criticalRowsPerSecond: z.number().gt(0).default(2_000_000).describe('Rows a second that are critical.'),
      forSeconds: z.int().min(0).max(86_400).default(30).describe(FOR),
    })
    .refine(({ warningRowsPerSecond, criticalRowsPerSecond }) => warningRowsPerSecond <= criticalRowsPerSecond, ORDER)
    .prefault({})
    .describe('Rows of one large table that are read because no index was used'),
  wraparound: percent('Transaction ids used up since the oldest one', { warning: 85, critical: 95, forSeconds: 0 }),
  sequences: percent('Values used up of the fullest sequence', { warning: 85, critical: 95, forSeconds: 0 }),
  replicationLag: duration('Lag of the slowest replica', { warning: 30, critical: 3600, forSeconds: 0 }),
});

/** The thresholds of a database, with defaults filled in. */
export type DatabaseThresholds = z.output<typeof thresholdsSchema>;
