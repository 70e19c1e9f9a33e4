import { z } from 'zod';
import { storageId, type backupStoragesSchema } from './backup-storages.ts';
import { databaseId, databaseUrl, OWN_DATABASE } from './databases.ts';
import { scheduleOrNeverSchema } from './schedule.ts';

const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

const when = (usual: string, what: string) =>
  scheduleOrNeverSchema.default(usual).describe(`${what}: five fields as in cron, in UTC, or never.`);
const count = (maximum: number) => z.int().min(0).max(maximum).optional();

const verifySchema = z.strictObject({
  schedule: when('30 3 * * *', 'When the newest backup is restored and compared'),
  level: z
    .enum(['decode', 'restore', 'exact'])
    .default('exact')
    .describe('How thoroughly: exact restores it and compares every table with the manifest.'),
  server: databaseUrl
    .optional()
    .describe('Server to restore into, of the same major version; one of its own is started unless this is given.'),
  allowSourceServer: z
    .boolean()
    .default(false)
    .describe('Whether that server may be the one that the backup comes from, whose disk both then share.'),
});

const drillSchema = z.strictObject({
  schedule: when('0 5 1 1,4,7,10 *', 'When a drill restores a backup as if the database were lost'),
});

/** What is backed up, when, where to, for how long, and how it is proven. */
export const backupSchema = z.strictObject({
  database: databaseId.describe('Id of one of the databases; clearway for the own one.'),
  schedule: when('0 2 * * *', 'When it is backed up'),
  storage: z
    .array(storageId)
    .min(1)
    .max(10)
    .default(['local'])
    .describe('Where copies go: ids of backupStorages; local is a directory of this machine.'),
  format: z.enum(['custom', 'plain']).optional().describe('Form of the dump; custom with pg_dump installed.'),
  compression: z.enum(['zstd', 'gzip']).default('zstd').describe('How the dump is compressed.'),
  encryptFor: z
    .array(z.string().regex(RECIPIENT, 'is not a recipient of age'))
    .max(20)
    .optional()
    .describe('Public keys of age, age1…; BACKUP_RECIPIENTS unless they are given.'),
  preset: z.enum(['month', 'week']).default('month').describe('What is kept unless keepDays says: 30 days, or 7.'),
  keepDays: count(3650).describe(
    'Days that proven backups are kept; RETENTION_DAYS otherwise, else the preset unless another rule is given.',
  ),
  keepCount: count(1000).describe('Proven backups that are kept whatever their age.'),
  keepDaily: count(366).describe('Days of which the last proven backup is kept.'),
  keepWeekly: count(520).describe('Weeks of which the last proven backup is kept.'),
  keepMonthly: count(240).describe('Months of which the last proven backup is kept.'),
  keepYearly: count(100).describe('Years of which the last proven backup is kept.'),
  keepUnproven: z.int().min(1).max(100).default(3).describe('Backups that are kept although they are not proven.'),
  maxAgeHours: z.number().positive().max(8784).default(26).describe('An older last backup is critical.'),
  maxExactAgeHours: z.number().positive().max(8784).default(50).describe('An older last exact backup is critical.'),
  restoreObjectiveSeconds: z
    .int()
    .min(1)
    .max(604_800)
    .optional()
    .describe('Seconds that a restore may take; measured restores are compared with it.'),
  maxFailuresInRow: z.int().min(1).max(100).default(2).describe('So many failures in a row are critical.'),
  sizeDeviationPercent: z
    .number()
    .min(1)
    .max(1000)
    .default(50)
    .describe('A backup that differs more from the usual size is a warning.'),
  verify: verifySchema.prefault({}).describe('How the newest backup is proven.'),
  drill: drillSchema.prefault({}).describe('How restoring is rehearsed.'),
});

/** The section `backups`: each database once. */
export const backupsSchema = z.array(backupSchema).superRefine((backups, context) => {
  backups.forEach(({ database, storage }, i) => {
    if (backups.findIndex((other) => other.database === database) < i) {
      const params = { remedy: 'put it into one entry' };
      const message = `'${database}' has an entry already`;
      context.addIssue({ code: 'custom', path: [i, 'database'], message, params });
    }
    if (new Set(storage).size < storage.length) {
      const params = { remedy: 'name each storage once' };
      context.addIssue({ code: 'custom', path: [i, 'storage'], message: 'names a storage twice', params });
    }
  });
});

/** One entry of `backups`. */
export type BackupConfiguration = z.output<typeof backupSchema>;

/** What is backed up where nothing is configured: Clearway's own database. */
export const USUAL_BACKUPS = [{ database: OWN_DATABASE }] as const;

/** What the rules look at: sections that name each other. */
export interface BackupSections {
  readonly databases: readonly { readonly id: string }[];
  readonly backups: readonly Pick<BackupConfiguration, 'database' | 'storage'>[];
  readonly backupStorages: z.output<typeof backupStoragesSchema>;
}

/** Every database and every storage that `backups` names is declared. */
export function ruleBackupNames({ databases, backups, backupStorages }: BackupSections) {
  const known = [...new Set([OWN_DATABASE, ...databases.map(({ id }) => id)])];
  const places = ['local', ...backupStorages.map(({ id }) => id)];
  return backups.flatMap(({ database, storage }, i) => [
    ...(known.includes(database)
      ? []
      : [
          {
            path: ['backups', i, 'database'],
            message: `there is no database '${database}'`,
            remedy: `declare it in databases, or name one of ${known.join(', ')}`,
          },
        ]),
    ...storage.flatMap((id, at) =>
      places.includes(id)
        ? []
        : [
            {
              path: ['backups', i, 'storage', at],
              message: `there is no storage '${id}'`,
              remedy: `declare it in backupStorages, or name one of ${places.join(', ')}`,
            },
          ],
    ),
  ]);
}
