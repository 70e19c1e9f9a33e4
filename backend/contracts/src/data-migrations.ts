import { z } from 'zod';

/** Where a data migration stands: before it, under way, all done and being watched, over. */
export const migrationPhaseSchema = z.enum(['baseline', 'active', 'validation', 'steady']);

/** How a figure compares with the baseline. */
export const verdictSchema = z.enum(['better', 'same', 'worse', 'unknown']);

const windowSchema = z
  .object({
    samples: z.int().min(0),
    median: z.number().nullable(),
    low: z.number().nullable().meta({ description: 'The tenth part of the samples is below it.' }),
    high: z.number().nullable().meta({ description: 'The tenth part of the samples is above it.' }),
    changePercent: z.number().nullable().meta({ description: "The median, compared with the baseline's." }),
    verdict: verdictSchema,
  })
  .readonly();

const comparedMetricSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    unit: z.string().nullable(),
    better: z.enum(['lower', 'higher']),
    tolerance: z.number().nullable().meta({ description: 'Change that counts as the same, in its own unit.' }),
    present: z.number().nullable(),
    baseline: windowSchema,
    during: windowSchema,
    after: windowSchema,
    verdict: verdictSchema.meta({ description: 'Of after once there are samples of it, else of during.' }),
    words: z.string(),
  })
  .readonly();

/** A data migration: how far it is, and whether it made anything worse. */
export const dataMigrationViewSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    database: z.string(),
    phase: migrationPhaseSchema,
    phaseSince: z.iso.datetime().nullable(),
    status: z
      .enum(['waiting', 'running', 'stalled', 'reversing', 'validating', 'steady', 'unknown'])
      .meta({ description: 'Unknown: its figures could not be read.' }),
    total: z.number().nullable(),
    done: z.number().nullable(),
    errors: z.number().nullable(),
    percent: z.number().min(0).max(100).nullable(),
    ratePerMinute: z.number().nullable().meta({ description: 'Done a minute, over the last ten minutes.' }),
    secondsLeft: z.number().min(0).nullable().meta({ description: 'At that rate, with what is added meanwhile.' }),
    startedAt: z.iso.datetime().nullable(),
    completedAt: z.iso.datetime().nullable(),
    lastProgressAt: z.iso.datetime().nullable(),
    sampledAt: z.iso.datetime().nullable(),
    problem: z
      .string()
      .nullable()
      .meta({ description: 'Why its figures could not be read. The text is for operators only.' }),
    remedy: z.string().nullable(),
    waitsFor: z.array(z.string()).readonly().meta({ description: 'What keeps it from the next phase.' }),
    verdict: verdictSchema,
    words: z.string().meta({ description: 'The comparison in a sentence, with figures.' }),
    metrics: z.array(comparedMetricSchema).readonly(),
    runbook: z.string().nullable(),
  })
  .readonly()
  .meta({ id: 'DataMigration' });

export const dataMigrationListSchema = z
  .object({ migrations: z.array(dataMigrationViewSchema).readonly() })
  .readonly()
  .meta({ id: 'DataMigrationList' });

/** Progress and metrics at one moment. */
export const migrationSampleSchema = z
  .object({
    at: z.iso.datetime(),
    phase: migrationPhaseSchema,
    total: z.number().nullable(),
    done: z.number().nullable(),
    errors: z.number().nullable(),
    metrics: z.record(z.string(), z.number().nullable()).readonly(),
  })
  .readonly();

/** A migration with its samples, newest first. */
export const dataMigrationReportSchema = z
  .object({ migration: dataMigrationViewSchema, samples: z.array(migrationSampleSchema).readonly() })
  .readonly()
  .meta({ id: 'DataMigrationReport' });

export type MigrationPhase = z.output<typeof migrationPhaseSchema>;
export type Verdict = z.output<typeof verdictSchema>;
export type MigrationWindow = z.output<typeof windowSchema>;
export type ComparedMetric = z.output<typeof comparedMetricSchema>;
export type DataMigrationView = z.output<typeof dataMigrationViewSchema>;
export type DataMigrationList = z.output<typeof dataMigrationListSchema>;
export type MigrationSample = z.output<typeof migrationSampleSchema>;
export type DataMigrationReport = z.output<typeof dataMigrationReportSchema>;
