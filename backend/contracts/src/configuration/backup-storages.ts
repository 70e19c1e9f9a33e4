import { z } from 'zod';

/** Name of a storage, in results, metrics and alerts. */
export const storageId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes, starting with a letter');

const id = storageId.describe('Name of the storage in backups, results and metrics.');

const directorySchema = z.strictObject({
  id,
  type: z.literal('directory').describe('A directory of this machine, or one that is mounted.'),
  path: z.string().min(1).max(1000).describe('Where it is; made when it is missing.'),
});

const s3Schema = z.strictObject({
  id,
  type: z.literal('s3').describe('A bucket of Amazon S3 or of a server that speaks its protocol.'),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not the name of a bucket')
    .describe('Name of the bucket, which has to exist.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.\-/]*$/, 'must be letters, digits and _ . - /')
    .max(500)
    .default('')
    .describe('Beginning of all keys, such as clearway/production/.'),
  region: z.string().min(1).max(60).default('us-east-1').describe('Region of the bucket.'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address of another server than Amazon’s, such as https://s3.example.com.'),
  forcePathStyle: z
    .boolean()
    .optional()
    .describe('Whether the bucket stands in the path; so on other servers than Amazon’s unless this says otherwise.'),
  accessKeyId: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Best in a variable: env:NAME. Without keys the usual places of the AWS tools are looked at.'),
  secretAccessKey: z.string().min(1).max(500).optional().describe('Best in a variable: env:NAME.'),
  sessionToken: z.string().min(1).max(5000).optional().describe('Of temporary keys: env:NAME.'),
});

/** One storage. */
export const backupStorageSchema = z.discriminatedUnion('type', [directorySchema, s3Schema]);

const RESERVED: Readonly<Record<string, string | undefined>> = {
  local: "'local' is the directory of BACKUP_DIR",
  all: "'all' means every storage: --storage all",
};

/** The section `backupStorages`: where backups can go, beside `local`. */
export const backupStoragesSchema = z.array(backupStorageSchema).superRefine((storages, context) => {
  storages.forEach(({ id: taken }, i) => {
    const reserved = RESERVED[taken];
    if (reserved === undefined && storages.findIndex((other) => other.id === taken) === i) return;
    const message = reserved ?? `'${taken}' is taken`;
    const params = { remedy: 'give each storage an id of its own' };
    context.addIssue({ code: 'custom', path: [i, 'id'], message, params });
  });
});

/** One entry of `backupStorages`. */
export type BackupStorageConfiguration = z.output<typeof backupStorageSchema>;
