import { z } from 'zod';
import { findingSeveritySchema } from './configuration/integrity.ts';

/** What a check looks at. */
export const integrityKindSchema = z.enum(['foreign-key', 'relation', 'invariant', 'count', 'catalogue']);

/** How a check stands. What could not be answered is skipped, or failed when the check itself is at fault: never ok. */
export const integrityStatusSchema = z.enum(['pending', 'ok', 'violated', 'skipped', 'failed']);

/** A check of a database and its last result. */
export const integrityCheckSchema = z
  .object({
    database: z.string(),
    id: z.string().meta({ description: 'The declared name, or schema.table.constraint of a foreign key.' }),
    kind: integrityKindSchema,
    title: z.string(),
    severity: findingSeveritySchema,
    status: integrityStatusSchema,
    violations: z.int().min(0).meta({ description: 'Offending rows in the last complete run.' }),
    isBound: z.boolean().meta({ description: 'There are more: they were counted up to a bound.' }),
    value: z.number().nullable().meta({ description: 'The figure, of a count.' }),
    sample: z
      .array(z.record(z.string(), z.string().nullable()))
      .readonly()
      .meta({ description: 'Keys of some offending rows. Operators only.' }),
    trend: z.enum(['new', 'rising', 'steady', 'falling', 'none']),
    previous: z.number().nullable().meta({ description: 'Violations or value in the run before.' }),
    notes: z.array(z.string()).readonly().meta({ description: 'Why the database itself does not enforce it.' }),
    reason: z
      .string()
      .nullable()
      .meta({ description: 'Why it was skipped or failed. The text is for operators only.' }),
    remedy: z.string().nullable(),
    firstSeenAt: z.iso.datetime().nullable().meta({ description: 'Since when it has been violated.' }),
    lastRunAt: z.iso.datetime().nullable(),
    lastOkAt: z.iso.datetime().nullable(),
    nextRunAt: z.iso.datetime().nullable(),
    durationMs: z.number().min(0).nullable().meta({ description: 'Time that its queries took.' }),
    schedule: z.string(),
    runbook: z.string().nullable(),
    scan: z
      .object({
        startedAt: z.iso.datetime(),
        scannedRows: z.int().min(0),
        estimatedRows: z.number().min(0).nullable(),
        violations: z.int().min(0),
      })
      .readonly()
      .nullable()
      .meta({ description: 'A run under way, of checks that look through a table.' }),
  })
  .readonly()
  .meta({ id: 'IntegrityCheck' });

/** The checks of all databases. */
export const integrityListSchema = z
  .object({
    databases: z
      .array(
        z
          .object({
            database: z.string(),
            checks: z.int().min(0),
            violated: z.int().min(0),
            unknown: z.int().min(0).meta({ description: 'Checks that were skipped, failed or never ran.' }),
            violations: z.int().min(0),
            lastPassAt: z.iso.datetime().nullable(),
            problem: z.string().nullable().meta({ description: 'Why the last pass could not look.' }),
          })
          .readonly(),
      )
      .readonly(),
    checks: z.array(integrityCheckSchema).readonly(),
    total: z.int().min(0).meta({ description: 'Checks that fit the conditions; there may be more than are listed.' }),
  })
  .readonly()
  .meta({ id: 'IntegrityList' });

/** One result in a check's history. */
export const integrityPointSchema = z
  .object({
    at: z.iso.datetime(),
    status: integrityStatusSchema,
    violations: z.int().min(0),
    value: z.number().nullable(),
    durationMs: z.number().min(0).nullable(),
  })
  .readonly();

/** A check with its history, newest first. */
export const integrityReportSchema = z
  .object({ check: integrityCheckSchema, history: z.array(integrityPointSchema).readonly() })
  .readonly()
  .meta({ id: 'IntegrityReport' });

export type IntegrityKind = z.output<typeof integrityKindSchema>;
export type IntegrityStatus = z.output<typeof integrityStatusSchema>;
export type IntegrityCheck = z.output<typeof integrityCheckSchema>;
export type IntegrityList = z.output<typeof integrityListSchema>;
export type IntegrityPoint = z.output<typeof integrityPointSchema>;
export type IntegrityReport = z.output<typeof integrityReportSchema>;
