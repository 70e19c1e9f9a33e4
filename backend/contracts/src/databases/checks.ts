import { z } from 'zod';

/** What of a database is judged. */
export const databaseCheckIdSchema = z.enum([
  'reachable',
  'identity',
  'connections',
  'query_time',
  'error_rate',
  'lock_wait',
  'idle_in_transaction',
  'deadlocks',
  'sequential_reads',
  'indexes',
  'size',
  'wraparound',
  'sequences',
  'replication_lag',
  'replication_slots',
  'cpu',
  'memory',
]);

/** How something stands. What could not be asked is `skipped`, what nobody asks for is `not_watched`; neither is well. */
export const databaseCheckStatusSchema = z.enum(['ok', 'warning', 'critical', 'skipped', 'not_watched']);

/** One judgement about a database. */
export const databaseCheckSchema = z
  .object({
    id: databaseCheckIdSchema,
    status: databaseCheckStatusSchema,
    since: z.iso.datetime().meta({ description: 'When this status began.' }),
    message: z.string().meta({ description: 'What was found, or why nothing was.' }),
    recommendation: z.string().exactOptional(),
    value: z.number().exactOptional(),
    warning: z.number().exactOptional(),
    critical: z.number().exactOptional(),
    unit: z.enum(['percent', 'milliseconds', 'seconds', 'per_minute', 'rows_per_second']).exactOptional(),
    pending: z
      .object({ status: z.enum(['warning', 'critical']), since: z.iso.datetime(), countsFrom: z.iso.datetime() })
      .readonly()
      .exactOptional()
      .meta({ description: 'A limit is passed, but not yet for as long as the threshold says.' }),
    evidence: z
      .object({
        traceIds: z.array(z.string()).readonly(),
        queryIds: z.array(z.string()).readonly(),
        pids: z.array(z.number()).readonly(),
        routes: z.array(z.string()).readonly(),
        names: z.array(z.string()).readonly().meta({ description: 'Tables, sequences, indexes, slots.' }),
      })
      .partial()
      .readonly()
      .exactOptional(),
    runbook: z.string().exactOptional().meta({ description: 'Path in the documents.' }),
  })
  .readonly()
  .meta({ id: 'DatabaseCheck' });

/** Something that happened to a database: a status that changed, a restart, an index that is gone. */
export const databaseEventSchema = z
  .object({
    at: z.iso.datetime(),
    kind: z.enum(['status', 'restarted', 'replaced', 'role_changed', 'lost', 'returned', 'index_lost', 'index_new']),
    check: databaseCheckIdSchema.exactOptional(),
    from: databaseCheckStatusSchema.exactOptional(),
    to: databaseCheckStatusSchema.exactOptional(),
    message: z.string(),
  })
  .readonly()
  .meta({ id: 'DatabaseEvent' });

/** What the role of the monitor can find out. */
export const databaseCapabilitySchema = z
  .object({
    capability: z.string(),
    available: z.boolean(),
    reason: z.string().nullable(),
    remedy: z.string().nullable(),
  })
  .readonly()
  .meta({ id: 'DatabaseCapability' });

/** One watched database at a glance. */
export const databaseSummarySchema = z
  .object({
    id: z.string(),
    label: z.string(),
    status: z.enum(['ok', 'warning', 'critical', 'unknown']).meta({ description: 'The worst of its checks.' }),
    reachable: z.boolean().nullable().meta({ description: 'Null before the first pass.' }),
    stale: z.boolean().meta({ description: 'Whether passes are overdue.' }),
    server: z
      .object({
        version: z.string(),
        database: z.string(),
        systemIdentifier: z.string(),
        startedAt: z.iso.datetime(),
        inRecovery: z.boolean(),
      })
      .readonly()
      .nullable(),
    quickPass: passSchema().nullable(),
    fullPass: passSchema().nullable(),
    checks: z.array(databaseCheckSchema).readonly(),
    capabilities: z.array(databaseCapabilitySchema).readonly(),
  })
  .readonly()
  .meta({ id: 'DatabaseSummary' });

function passSchema() {
  return z
    .object({
      at: z.iso.datetime(),
      durationMs: z.number(),
      skipped: z
        .array(z.string())
        .readonly()
        .meta({ description: 'Questions that were not answered, with the reason.' }),
    })
    .readonly();
}

/** All watched databases. */
export const databaseListSchema = z
  .object({
    databases: z.array(databaseSummarySchema).readonly(),
    watchedBy: z.string().nullable().meta({ description: 'The worker that asks them; null when none says so.' }),
  })
  .readonly()
  .meta({ id: 'DatabaseList' });

/** The events of a database, newest first. */
export const databaseEventListSchema = z
  .object({ database: z.string(), events: z.array(databaseEventSchema).readonly() })
  .readonly()
  .meta({ id: 'DatabaseEventList' });

/** Figures of a database over time. */
export const databaseHistorySchema = z
  .object({
    database: z.string(),
    samples: z
      .array(z.object({ at: z.iso.datetime(), values: z.record(z.string(), z.number()).readonly() }).readonly())
      .readonly(),
  })
  .readonly()
  .meta({ id: 'DatabaseHistory' });

export type DatabaseCheckId = z.output<typeof databaseCheckIdSchema>;
export type DatabaseCheckStatus = z.output<typeof databaseCheckStatusSchema>;
export type DatabaseCheck = z.output<typeof databaseCheckSchema>;
export type DatabaseEvent = z.output<typeof databaseEventSchema>;
export type DatabaseCapability = z.output<typeof databaseCapabilitySchema>;
export type DatabaseSummary = z.output<typeof databaseSummarySchema>;
export type DatabaseList = z.output<typeof databaseListSchema>;
export type DatabaseHistory = z.output<typeof databaseHistorySchema>;
