import { z } from 'zod';

/** What of the backups of a database is judged. */
export const backupCheckIdSchema = z.enum([
  'last_backup',
  'last_exact',
  'proving',
  'size_trend',
  'failures',
  'restore_time',
  'space',
  'schedule',
  'copies',
  'key',
]);

/** How something stands. What cannot be answered is `skipped`, and never counts as well. */
export const backupCheckStatusSchema = z.enum(['ok', 'warning', 'critical', 'skipped']);

/** One judgement about the backups of a database. */
export const backupCheckSchema = z
  .object({
    id: backupCheckIdSchema,
    status: backupCheckStatusSchema,
    message: z.string().meta({ description: 'What was found, or why nothing was.' }),
  })
  .readonly()
  .meta({ id: 'BackupCheck' });

const stateSchema = z.enum(['damaged', 'unverified', 'decoded', 'restored', 'exact']);

/** A copy of a backup, in one storage. */
export const backupCopySchema = z
  .object({
    storage: z.string(),
    state: stateSchema.meta({ description: 'How far it is proven; only exact was restored and compared.' }),
    stateSince: z.iso.datetime(),
  })
  .readonly()
  .meta({ id: 'BackupCopy' });

/** A backup in a list. */
export const backupSummarySchema = z
  .object({
    id: z.string(),
    createdAt: z.iso.datetime(),
    durationSeconds: z.number(),
    sizeBytes: z.number(),
    databaseSizeBytes: z.number().nullable(),
    format: z.string(),
    compression: z.string(),
    encrypted: z.boolean(),
    restoreSeconds: z.number().nullable().meta({ description: 'Of the last restore that passed.' }),
    copies: z.array(backupCopySchema).readonly(),
  })
  .readonly()
  .meta({ id: 'BackupSummary' });

/** How the backups of one database stand, from the last look at the storages. */
export const databaseBackupsSchema = z
  .object({
    database: z.string(),
    status: backupCheckStatusSchema.meta({ description: 'The worst of its checks.' }),
    checkedAt: z.iso.datetime().nullable().meta({ description: 'When the storages were last looked at.' }),
    checks: z.array(backupCheckSchema).readonly(),
    figures: z
      .object({
        ageSeconds: z.number().nullable(),
        exactAgeSeconds: z.number().nullable(),
        sizeBytes: z.number().nullable(),
        restoreSeconds: z.number().nullable(),
        failuresInRow: z.int().min(0),
      })
      .readonly(),
    backups: z.array(backupSummarySchema).readonly().meta({ description: 'Newest first.' }),
  })
  .readonly()
  .meta({ id: 'DatabaseBackups' });

/** The answer of `GET /api/backups`. */
export const backupListSchema = z
  .object({ databases: z.array(databaseBackupsSchema).readonly() })
  .readonly()
  .meta({ id: 'BackupList' });

/** The answer of `GET /api/backups/{id}`: a backup with what each of its copies went through. */
export const backupDetailsSchema = z
  .object({
    ...backupSummarySchema.unwrap().shape,
    database: z.string(),
    tool: z.string(),
    warnings: z.array(z.string()).readonly(),
    tables: z
      .array(z.object({ name: z.string(), rowCount: z.number() }).readonly())
      .readonly()
      .nullable()
      .meta({ description: 'What the manifest says; null for a dump that was made elsewhere.' }),
    verifications: z
      .array(
        z
          .object({
            storage: z.string(),
            level: z.string(),
            outcome: z.enum(['passed', 'failed', 'not-possible']),
            at: z.iso.datetime(),
            durationSeconds: z.number(),
            reason: z.string().nullable(),
            message: z.string().nullable().meta({ description: 'Shown to operators only.' }),
          })
          .readonly(),
      )
      .readonly(),
  })
  .readonly()
  .meta({ id: 'BackupDetails' });

/** The answer of `GET /api/health/backups`. */
export const backupHealthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    databases: z.array(databaseBackupsSchema.unwrap().omit({ backups: true }).readonly()).readonly(),
  })
  .readonly()
  .meta({ id: 'BackupHealth' });

/** What a scheduler from outside is told. */
export const backupCronSchema = z
  .object({
    work: z.enum(['create', 'prove', 'drill', 'prune']),
    databases: z
      .array(
        z
          .object({
            database: z.string(),
            status: z
              .enum(['enqueued', 'started', 'under_way'])
              .meta({ description: 'started: without the queue, which does not answer; under_way: it was before.' }),
            eventId: z.uuid().exactOptional(),
          })
          .readonly(),
      )
      .readonly(),
  })
  .readonly()
  .meta({ id: 'BackupCron' });

export type DatabaseBackups = z.output<typeof databaseBackupsSchema>;
export type BackupSummary = z.output<typeof backupSummarySchema>;
export type BackupDetails = z.output<typeof backupDetailsSchema>;
export type BackupCron = z.output<typeof backupCronSchema>;
