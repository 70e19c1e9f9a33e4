import { z } from 'zod';
import { scheduleSchema } from './schedule.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const name = z
  .string()
  .regex(NAME, 'must be lower-case letters, digits and dashes, starting with a letter, at most 63 characters');
const columnName = z
  .string()
  .regex(/^[^.\s]+(?:\.[^.\s]+){1,2}$/, 'must be table.column or schema.table.column')
  .max(200);
const sql = z.string().trim().min(1).max(20_000);

/** How bad a finding is. */
export const findingSeveritySchema = z.enum(['CRITICAL', 'ERROR', 'WARNING', 'INFO']);

/** What all declared checks have in common. */
const common = (schedule: string) => ({
  name: name.describe('Name of the check in the operations API, metrics and alerts.'),
  title: z.string().min(1).max(200).optional().describe('What it means, in a few words.'),
  severity: findingSeveritySchema.default('ERROR').describe('How bad a violation is.'),
  schedule: scheduleSchema.default(schedule).describe('When it runs: five fields as in cron, in UTC.'),
  runbook: z.string().min(1).max(500).optional().describe('Where it says what to do: a path or an address.'),
});
const sampleSize = z
  .int()
  .min(0)
  .max(100)
  .default(5)
  .describe('How many keys of offending rows are kept; 0 keeps none.');

const foreignKeys = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether the rows of every foreign key are looked through.'),
  schedule: scheduleSchema.default('0 2 * * *').describe('When a new round begins: five fields as in cron, in UTC.'),
  severity: findingSeveritySchema.default('ERROR').describe('How bad rows are that refer to nothing.'),
  sampleSize,
  ignore: z
    .array(z.string().min(1).max(200))
    .max(1000)
    .default([])
    .describe('Keys that are left out: schema.table.constraint, or schema.table.* for all of a table.'),
  runbook: z.string().min(1).max(500).optional().describe('Where it says what to do: a path or an address.'),
});

const relation = z.strictObject({
  ...common('0 2 * * *'),
  from: columnName.describe('Column that refers: schema.table.column. Of an array, each element refers.'),
  to: columnName.describe('Column that has to hold the value: schema.table.column. It needs an index.'),
  path: z
    .string()
    .startsWith('$', "must be a path of SQL/JSON, such as '$.track.id'")
    .max(500)
    .optional()
    .describe('Where in a JSON column the keys are, in the SQL/JSON path language.'),
  when: sql.optional().describe("SQL condition on the rows that refer to this table, such as kind = 'track'."),
  sampleSize,
});

const columns = z.array(z.string().min(1).max(63)).min(1).max(8);

const invariant = z.strictObject({
  ...common('*/15 * * * *'),
  sql: sql.describe('One SELECT that returns the offending rows; run read-only.'),
  key: z
    .union([
      z
        .string()
        .min(1)
        .max(63)
        .transform((one) => [one]),
      columns,
    ])
    .default(['id'])
    .describe('Columns that identify a row: only these are kept as samples.'),
  sampleSize,
  maxRows: z.int().min(1).max(1_000_000).default(100_000).describe('Offending rows are counted up to here.'),
  timeoutMs: z.int().min(10).max(300_000).default(5000).describe('How long the query may run.'),
});

const count = z
  .strictObject({
    ...common('*/5 * * * *'),
    sql: sql.describe('One SELECT that returns one number; run read-only.'),
    atLeast: z.number().optional().describe('Less is a violation.'),
    atMost: z.number().optional().describe('More is a violation.'),
    timeoutMs: z.int().min(10).max(300_000).default(5000).describe('How long the query may run.'),
  })
  .refine(({ atLeast, atMost }) => atLeast === undefined || atMost === undefined || atLeast <= atMost, {
    message: 'atLeast is more than atMost',
    params: { remedy: 'exchange them' },
  });

/** How hard the checks of a database may work. */
const pacing = z.strictObject({
  sharePercent: z
    .number()
    .min(0.1)
    .max(100)
    .default(10)
    .describe('Share of the time of a pass in which a query of a check runs; the rest is left to the traffic.'),
  passSeconds: z
    .int()
    .min(1)
    .max(300)
    .default(20)
    .describe('How long one pass may take; the next one goes on from there.'),
  everySeconds: z.int().min(5).max(3600).default(30).describe('Seconds from the end of a pass to the next one.'),
  batchMs: z
    .int()
    .min(5)
    .max(5000)
    .default(50)
    .describe('How long a batch of rows should take; its size is chosen so.'),
  batchTimeoutMs: z.int().min(50).max(60_000).default(2000).describe('How long a batch may take at most.'),
  lockTimeoutMs: z.int().min(1).max(10_000).default(200).describe('How long a query waits for a lock, then gives way.'),
});

/** The checks of one database. */
export const integrityEntrySchema = z.strictObject({
  database: name.describe('Id of one of the databases; clearway for the own one.'),
  foreignKeys: foreignKeys.prefault({}).describe('Rows whose foreign key refers to nothing.'),
  relations: z.array(relation).max(500).default([]).describe('Relations that have no foreign key.'),
  invariants: z.array(invariant).max(500).default([]).describe('What must never be: queries for offending rows.'),
  counts: z.array(count).max(500).default([]).describe('Figures that are followed, within limits where they are set.'),
  pacing: pacing.prefault({}).describe('How hard the checks may work.'),
});

/** The section `integrity`: what has to hold in the databases. */
export const integritySchema = z.array(integrityEntrySchema).superRefine((entries, context) => {
  entries.forEach((entry, i) => {
    if (entries.findIndex(({ database }) => database === entry.database) < i) {
      const params = { remedy: 'put its checks into one entry' };
      const message = `'${entry.database}' has an entry already`;
      context.addIssue({ code: 'custom', path: [i, 'database'], message, params });
    }
    for (const { path, name: taken } of repeatedNames(entry)) {
      const params = { remedy: 'give each check of a database a name of its own' };
      context.addIssue({ code: 'custom', path: [i, ...path, 'name'], message: `'${taken}' is taken`, params });
    }
  });
});

function repeatedNames({ relations, invariants, counts }: z.output<typeof integrityEntrySchema>) {
  const all = Object.entries({ relations, invariants, counts }).flatMap(([list, checks]) =>
    checks.map((check, at) => ({ path: [list, at], name: check.name })),
  );
  return all.filter((one, at) => all.findIndex((other) => other.name === one.name) < at);
}

/** The checks of one database, with defaults filled in. */
export type IntegritySettings = z.output<typeof integrityEntrySchema>;
export type RelationSettings = IntegritySettings['relations'][number];
export type InvariantSettings = IntegritySettings['invariants'][number];
export type CountSettings = IntegritySettings['counts'][number];
export type FindingSeverity = z.output<typeof findingSeveritySchema>;
