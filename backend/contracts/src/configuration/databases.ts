import { z } from 'zod';
import { resourcesSchema } from './database-resources.ts';
import { thresholdsSchema } from './database-thresholds.ts';

const ID = /^[a-z][a-z0-9-]{0,62}$/;
/** The id of Clearway's own database, which is watched without being declared. */
export const OWN_DATABASE = 'clearway';

/** Where a PostgreSQL database is: a URL, or `embedded:NAME`. */
export const databaseUrl = z.string().superRefine((text, context) => {
  if (/^embedded:[a-z][a-z0-9_-]*$/.test(text)) return;
  const url = URL.parse(text);
  const isPostgres = url !== null && ['postgres:', 'postgresql:'].includes(url.protocol) && url.hostname !== '';
  if (isPostgres && url.pathname.length > 1) return;
  context.addIssue({
    code: 'custom',
    message: isPostgres ? 'names no database' : 'not the URL of a PostgreSQL database',
    params: { remedy: 'write it as postgresql://user:password@host:5432/database, best in a variable: env:NAME' },
  });
});

/** Name of a database, in the operations API, metrics and alerts. */
export const databaseId = z.string().regex(ID, 'must be lower-case letters, digits and dashes, starting with a letter');

const seconds = (minimum: number, maximum: number) => z.int().min(minimum).max(maximum);

/** One database that is watched. */
export const databaseSchema = z.strictObject({
  id: databaseId.describe('Name of the database in the operations API, metrics and alerts.'),
  url: databaseUrl
    .optional()
    .describe(
      'postgresql://… of a role that is granted pg_monitor, or embedded:NAME for one of npm start. Not needed for clearway.',
    ),
  label: z.string().min(1).max(80).optional().describe('What people call it; its id unless this is given.'),
  quotaBytes: z
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Bytes that the database may take; without it its size is shown and not judged.'),
  quickSeconds: seconds(1, 3600)
    .default(15)
    .describe('Seconds between two quick passes: connections, locks, replication.'),
  fullSeconds: seconds(60, 86_400).default(900).describe('Seconds between two full passes: sizes, indexes, bloat.'),
  thresholds: thresholdsSchema.prefault({}).describe('From when on a figure is a warning or critical.'),
  resources: resourcesSchema
    .optional()
    .describe('Where processor and memory figures come from; the host itself where the server runs beside the worker.'),
});

/** The section `databases`: PostgreSQL databases that the worker watches. */
export const databasesSchema = z.array(databaseSchema).superRefine((databases, context) => {
  databases.forEach(({ id, url }, i) => {
    if (databases.findIndex((database) => database.id === id) < i) {
      const params = { remedy: 'give each database an id of its own' };
      context.addIssue({ code: 'custom', path: [i, 'id'], message: `'${id}' is taken`, params });
    }
    if (url === undefined && id !== OWN_DATABASE) {
      const params = { remedy: 'add url: env:NAME and set the variable' };
      context.addIssue({ code: 'custom', path: [i, 'url'], message: 'is missing', params });
    }
  });
});

/** One entry of `databases`. */
export type DatabaseConfiguration = z.output<typeof databaseSchema>;
