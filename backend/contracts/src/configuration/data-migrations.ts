import { z } from 'zod';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const name = z
  .string()
  .regex(NAME, 'must be lower-case letters, digits and dashes, starting with a letter, at most 63 characters');
const sql = z.string().trim().min(1).max(20_000);

const metric = z
  .strictObject({
    name: name.describe('Name of the metric within the migration.'),
    title: z.string().min(1).max(200).optional().describe('What it says, in a few words.'),
    sql: sql.optional().describe('One SELECT that returns one number; run read-only in the database of the migration.'),
    route: z.string().min(1).max(63).optional().describe('Id of a route: the figure is taken from the gateway.'),
    measure: z
      .enum(['p50Ms', 'p95Ms', 'p99Ms', 'errorPercent', 'requestsPerSecond'])
      .optional()
      .describe('What of the route, since the sample before.'),
    better: z.enum(['lower', 'higher']).default('lower').describe('Which way is better.'),
    tolerancePercent: z
      .number()
      .min(0)
      .max(1000)
      .default(10)
      .describe('Change that still counts as the same, in percent of the baseline.'),
    toleranceAbsolute: z.number().min(0).default(0).describe('Change that still counts as the same, in its own unit.'),
    unit: z.string().max(20).optional().describe('Unit, for people: ms, %, rows.'),
  })
  .refine(
    ({ sql: query, route, measure }) =>
      query === undefined ? route !== undefined && measure !== undefined : route === undefined && measure === undefined,
    {
      message: 'has no source, or several',
      params: { remedy: 'give sql, or route and measure' },
    },
  );

/** One data migration: how far it is, and what it must not make worse. */
export const dataMigrationSchema = z
  .strictObject({
    name: name.describe('Name of the migration in the operations API, metrics and alerts.'),
    title: z.string().min(1).max(200).optional().describe('What it does, in a few words.'),
    database: name.describe('Id of one of the databases; clearway for the own one.'),
    total: sql.describe('One SELECT that returns how many there are to do, those done among them; run read-only.'),
    done: sql.describe('One SELECT that returns how many are done; run read-only.'),
    errors: sql.optional().describe('One SELECT that returns how many could not be done; run read-only.'),
    stalledMinutes: z
      .int()
      .min(1)
      .max(1440)
      .default(10)
      .describe('Minutes without progress after which it is stalled.'),
    validationMinutes: z
      .int()
      .min(0)
      .max(10_080)
      .default(60)
      .describe('How long everything has to stay done, and the checks unviolated, before the state is steady.'),
    checks: z
      .array(name)
      .max(100)
      .default([])
      .describe('Integrity checks of the database that have to hold at the end.'),
    sampleSeconds: z
      .int()
      .min(5)
      .max(3600)
      .default(60)
      .describe('Seconds between two samples of progress and metrics while it is active; five times that otherwise.'),
    timeoutMs: z.int().min(10).max(300_000).default(5000).describe('How long each of its queries may run.'),
    metrics: z.array(metric).max(50).default([]).describe('What is compared before, during and after.'),
    runbook: z.string().min(1).max(500).optional().describe('Where it says what to do: a path or an address.'),
  })
  .superRefine(({ metrics }, context) => {
    metrics.forEach((one, i) => {
      if (metrics.findIndex((other) => other.name === one.name) === i) return;
      const params = { remedy: 'give each metric of a migration a name of its own' };
      context.addIssue({ code: 'custom', path: ['metrics', i, 'name'], message: `'${one.name}' is taken`, params });
    });
  });

/** The section `migrations`: data migrations whose progress and effect are followed. */
export const dataMigrationsSchema = z
  .array(dataMigrationSchema)
  .max(100)
  .superRefine((migrations, context) => {
    migrations.forEach((one, i) => {
      if (migrations.findIndex((other) => other.name === one.name) === i) return;
      const params = { remedy: 'give each migration a name of its own' };
      context.addIssue({ code: 'custom', path: [i, 'name'], message: `'${one.name}' is taken`, params });
    });
  });

/** A declared data migration, with defaults filled in. */
export type DataMigrationSettings = z.output<typeof dataMigrationSchema>;
export type MigrationMetricSettings = DataMigrationSettings['metrics'][number];
