import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const decimal = z.string().regex(/^-?\d+$/);

/** How a column's value is hashed: by a function of its type, as an element of an array, as text, or as a dump shows it. */
// prettier-ignore
export const COLUMN_FORMS = [
  'int2', 'int4', 'int8', 'oid', 'uuid', 'string', 'float4', 'float8', 'numeric', 'timestamp', 'timestamptz', 'element', 'text', 'output',
] as const;

const columnSchema = z.strictObject({
  name: z.string(),
  form: z.enum(COLUMN_FORMS),
  /** Computed from other columns: not in the dump, so counted apart. */
  isGenerated: z.boolean().optional(),
});

/** A table with rows of its own, as it was in the snapshot. */
export const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  columns: z.array(columnSchema),
  /** Of an extension's table the rows that belong into a dump. */
  condition: z.string().optional(),
  isUnlogged: z.boolean().optional(),
  rowCount: z.int().min(0),
  /** Sum of the rows' hashes: the order of rows does not matter. */
  checksum: decimal,
  /** The same for the generated columns alone. */
  generatedChecksum: decimal.optional(),
});

const sequenceValue = z.strictObject({ lastValue: decimal, isCalled: z.boolean() });

/** A sequence. It is outside of every snapshot, so it was read before the dump and after it. */
export const sequenceSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  increment: decimal,
  isCyclic: z.boolean(),
  before: sequenceValue,
  after: sequenceValue,
});

/** What the database held, measured in the dump's own snapshot. */
export const contentSchema = z.strictObject({
  method: z.literal('hash-columns-3').describe('How rows are hashed; another number is not comparable.'),
  tables: z.array(tableSchema),
  sequences: z.array(sequenceSchema),
  largeObjects: z.strictObject({ count: z.int().min(0), checksum: decimal }),
  /** Names of the other objects by kind, such as `index`. */
  objects: z.record(z.string(), z.array(z.string())),
  /** What is there and has no rows in the dump, and why. */
  withoutRows: z.array(z.strictObject({ schema: z.string(), name: z.string(), why: z.string() })),
});

const settingSchema = z.strictObject({ role: z.string().nullable(), setting: z.string() });

/** A role of the server; passwords are never taken along. */
export const roleSchema = z.strictObject({
  name: z.string(),
  /** Whether something in the database belongs to it or is granted to it. */
  isUsed: z.boolean(),
  attributes: z.array(z.string()),
  memberOf: z.array(z.strictObject({ role: z.string(), options: z.array(z.string()) })),
  settings: z.array(z.string()),
});

const serverSchema = z.strictObject({
  /** Null when the role may not read it. */
  systemIdentifier: z.string().nullable(),
  database: z.string(),
  host: z.string(),
  role: z.string(),
  version: z.string(),
  versionNumber: z.int(),
  encoding: z.string(),
  collate: z.string(),
  characterType: z.string(),
  localeProvider: z.enum(['libc', 'icu', 'builtin']),
  locale: z.string().nullable(),
  owner: z.string(),
  grants: z.array(z.string()),
  settings: z.array(settingSchema),
  sizeBytes: z.int().min(0),
  extensions: z.array(z.strictObject({ name: z.string(), version: z.string(), schema: z.string() })),
});

const fileSchema = z.strictObject({
  role: z.enum(['dump', 'globals']),
  name: z.string().regex(/^[a-z]+(\.[a-z0-9]+)+$/),
  sizeBytes: z.int().min(0),
  sha256,
});

/** What a backup is and holds. Written once, and never changed afterwards. */
export const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  id: z.string(),
  engine: z.string(),
  purpose: z.enum(['regular', 'safety', 'adopted']),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  durationSeconds: z.number().min(0),
  /** Null for a dump that was made elsewhere. */
  source: serverSchema.nullable(),
  dump: z.strictObject({
    format: z.enum(['custom', 'plain']),
    compression: z.enum(['zstd', 'gzip', 'none']),
    tool: z.string(),
    /** Of the dump before compression and encryption; null when unknown. */
    plainSizeBytes: z.int().min(0).nullable(),
  }),
  encryption: z.strictObject({ type: z.literal('age'), recipients: z.array(z.string()) }).nullable(),
  files: z.array(fileSchema).min(1),
  /** Null for a dump that was made elsewhere: nothing is known to compare with. */
  content: contentSchema.nullable(),
  roles: z.array(roleSchema),
  /** What somebody should know, such as what could not be taken along. */
  warnings: z.array(z.string()),
});

/** What a backup is and holds. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestContent = z.infer<typeof contentSchema>;
export type ManifestTable = z.infer<typeof tableSchema>;
export type ManifestSequence = z.infer<typeof sequenceSchema>;
export type ManifestRole = z.infer<typeof roleSchema>;
export type ManifestSource = z.infer<typeof serverSchema>;
export type ManifestFile = z.infer<typeof fileSchema>;
export type ColumnForm = (typeof COLUMN_FORMS)[number];
