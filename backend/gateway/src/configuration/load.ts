import {
  backupsSchema,
  backupStoragesSchema,
  databasesSchema,
  dataMigrationsSchema,
  integritySchema,
  ruleBackupNames,
  ruleDatabasesExist,
  ruleMigrationNames,
  USUAL_BACKUPS,
} from '@clearway/contracts';
import {
  checksSchema,
  loadConfiguration,
  type ConfigurationSchema,
  type LoadedConfiguration,
  type ReadFile,
} from '@clearway/kernel';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { gatewayConfigurationSchema } from './schema.ts';

const sections = {
  ...gatewayConfigurationSchema.sections,
  checks: checksSchema.default([]).describe('Services that /api/health asks by HTTP.'),
  databases: databasesSchema.default([]).describe('PostgreSQL databases that the worker watches, beside its own.'),
  integrity: integritySchema
    .default([])
    .describe('What has to hold in the databases. Without an entry the foreign keys of a database are looked through.'),
  migrations: dataMigrationsSchema
    .default([])
    .describe('Data migrations: how far they are, and what they must not make worse.'),
  backups: backupsSchema
    .prefault([...USUAL_BACKUPS])
    .describe("What is backed up, when, where to, and how it is proven. Without the section: Clearway's own database."),
  backupStorages: backupStoragesSchema
    .default([])
    .describe('Where backups can go, beside local: the directory of BACKUP_DIR.'),
};

/** A section of `clearway.yaml`. */
export type ClearwaySection = keyof typeof sections;

/** Every section of `clearway.yaml`, and the rules across them. */
export const clearwaySchema = {
  sections,
  rules: [...gatewayConfigurationSchema.rules, ruleDatabasesExist, ruleMigrationNames, ruleBackupNames],
} satisfies ConfigurationSchema<typeof sections>;

/** The whole of `clearway.yaml`, validated. */
export type ClearwayConfiguration = z.output<z.ZodObject<typeof sections>>;

/**
 * Reads `clearway.yaml` with its includes from disk.
 *
 * @param file as it is to be named in messages
 * @param variables for values `env:NAME`
 * @throws ConfigurationError with every problem
 * @example
 * const { configuration, files } = loadClearwayFile('clearway.yaml', process.env);
 */
export function loadClearwayFile(
  file: string,
  variables: Readonly<Record<string, string | undefined>>,
): LoadedConfiguration<ClearwayConfiguration> {
  return loadConfiguration(clearwaySchema, { file, variables, readFile: readFromDisk });
}

/**
 * Reads what one process needs of `clearway.yaml`. Faults in the sections of others become warnings, and their values,
 * which may be secrets that this process has no use for, are not kept.
 *
 * @param own the sections of the process
 * @throws ConfigurationError with every problem of its own sections
 * @example
 * const { configuration } = loadSections('clearway.yaml', process.env, ['databases', 'checks']);
 */
export function loadSections<S extends ClearwaySection>(
  file: string,
  variables: Readonly<Record<string, string | undefined>>,
  own: readonly S[],
): LoadedConfiguration<Pick<ClearwayConfiguration, S>> {
  const loaded = loadConfiguration(clearwaySchema, { file, variables, readFile: readFromDisk, ownSections: own });
  const kept = Object.fromEntries(own.map((section) => [section, loaded.configuration[section]]));
  return { ...loaded, configuration: kept as Pick<ClearwayConfiguration, S> };
}

const readFromDisk: ReadFile = (name, from) => {
  const resolved = from === undefined ? name : path.join(path.dirname(from), name);
  return { name: resolved, text: readFileSync(resolved, 'utf8') };
};

/** The JSON Schema of `clearway.yaml`, for editors. */
export function clearwayJsonSchema(): object {
  const whole = z.strictObject({
    version: z.literal(1).describe('Version of this format.'),
    include: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Other files whose sections are added.'),
    ...sections,
  });
  const generated = z.toJSONSchema(whole, { io: 'input', target: 'draft-07', unrepresentable: 'any' });
  return { ...generated, title: 'clearway.yaml', description: 'Configuration of Clearway' };
}
