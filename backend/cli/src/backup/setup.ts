import path from 'node:path';
import type { BackupEngine, BackupStorage } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { databaseUrl } from '../doctor/database.ts';
import { UsageError } from '../exit-codes.ts';

/** What the backup commands work with. */
export interface BackupSetup {
  readonly engine: BackupEngine;
  readonly storage: BackupStorage;
  readonly directory: string;
}

/** Where backups are kept: `BACKUP_DIR`, or below the data directory. */
export function backupDirectory({ directory, variables }: CliContext, chosen?: string): string {
  const usual = path.join(variables['DATA_DIRECTORY'] ?? '.data', 'backups');
  return path.resolve(directory, chosen ?? variables['BACKUP_DIR'] ?? usual);
}

/** Opens engine and storage. */
export async function openBackups(
  context: CliContext,
  options: { readonly dir?: string | undefined; readonly verifyServer?: string | undefined },
): Promise<BackupSetup> {
  const { directoryStorage, embeddedScratch, logicalEngine, serverScratch } = await import('@clearway/backups');
  const directory = backupDirectory(context, options.dir);
  const { clock, variables } = context;
  const engine = logicalEngine({
    clock,
    tools: { variables, pgDump: variables['PG_DUMP'] },
    workDirectory: directory,
    scratch: options.verifyServer ? serverScratch({ clock, serverUrl: options.verifyServer }) : embeddedScratch(),
  });
  return { engine, storage: directoryStorage(directory), directory };
}

/**
 * The URL of a database: given as a URL, as `env:VARIABLE`, as the name of a database on the usual server, or not at all.
 *
 * @throws UsageError when there is none
 */
export async function databaseToUse(context: CliContext, database?: string): Promise<string> {
  if (database !== undefined && /^postgres(ql)?:\/\//.test(database)) return database;
  if (database?.startsWith('env:')) {
    const value = context.variables[database.slice(4)];
    if (!value) throw new UsageError(`the variable ${database.slice(4)} is not set`);
    return value;
  }
  const usual = await databaseUrl(context);
  if (usual === undefined)
    throw new UsageError(
      'which database? Set DATABASE_URL, name one with --database, or start the embedded one: npm start',
    );
  if (database === undefined) return usual;
  const { urlOfDatabase } = await import('@clearway/backups');
  return urlOfDatabase(usual, database);
}

/** Identities that open encrypted backups: from a file, or from `AGE_IDENTITY_FILE`. */
export async function identitiesToUse(context: CliContext, file?: string): Promise<string[]> {
  const chosen = file ?? context.variables['AGE_IDENTITY_FILE'];
  if (chosen === undefined) return [];
  const { readIdentities } = await import('@clearway/backups');
  return readIdentities(path.resolve(context.directory, chosen));
}
