import { existsSync } from 'node:fs';
import path from 'node:path';
import type { BackedUpDatabase, BackupEngine, BackupSections, BackupStorage } from '@clearway/backups';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { databaseUrl } from '../doctor/database.ts';
import { UsageError } from '../exit-codes.ts';

/** What the backup commands work with. */
export interface BackupSetup {
  readonly engine: BackupEngine;
  /** The one that was chosen, or the first one of the database. */
  readonly storage: BackupStorage;
  /** Where further copies of a new backup go. */
  readonly copies: readonly BackupStorage[];
  /** All that were declared, or the chosen one alone. */
  readonly storages: readonly BackupStorage[];
  readonly directory: string;
  /** What clearway.yaml says of the database; undefined when it says nothing. */
  readonly entry: BackedUpDatabase | undefined;
  /** Name of the database that was named, on its server: by it its backups are found. */
  readonly databaseName: string | undefined;
}

/** What decides where backups are. */
export interface PlaceOptions {
  readonly dir?: string | undefined;
  readonly storage?: string | undefined;
  readonly database?: string | undefined;
  readonly verifyServer?: string | undefined;
}

/** Where backups are kept: `BACKUP_DIR`, or below the data directory. */
export function backupDirectory({ directory, variables }: CliContext, chosen?: string): string {
  const usual = path.join(variables['DATA_DIRECTORY'] ?? '.data', 'backups');
  return path.resolve(directory, chosen ?? variables['BACKUP_DIR'] ?? usual);
}

/**
 * Opens engine and storages: a directory that was named, or what clearway.yaml says of the database.
 *
 * @throws UsageError when there is no such storage
 */
export async function openBackups(context: CliContext, options: PlaceOptions): Promise<BackupSetup> {
  const { clock, directory, variables } = context;
  const { openBackups: open } = await import('@clearway/backups');
  const sections = await sectionsOf(context, options);
  const localDirectory = backupDirectory(context, options.dir);
  const backups = open({ sections, variables, directory, clock, localDirectory, verifyServer: options.verifyServer });
  const { database } = options;
  const entry = backups.databases.find(({ id, nameOnServer }) => database === id || database === nameOnServer);
  const usual = backups.database('clearway');
  const declared =
    entry?.storages ?? (database === undefined ? usual.storages : [...backups.storages.values()].slice(0, 1));
  const all = [...backups.storages.values()];
  const chosen = options.storage === undefined ? undefined : all.find(({ id }) => id === options.storage);
  if (options.storage !== undefined && !chosen)
    throw new UsageError(`there is no storage ${options.storage}: name one of ${all.map(({ id }) => id).join(', ')}`);
  const [first, ...copies] = chosen ? [chosen] : declared;
  return {
    engine: (entry ?? usual).engine,
    storage: first,
    copies,
    storages: chosen ? [chosen] : all,
    directory: backups.workDirectory,
    databaseName: entry?.nameOnServer ?? database,
    entry: entry ?? (database === undefined ? backups.databases.find(({ id }) => id === 'clearway') : undefined),
  };
}

/** The sections of clearway.yaml; none when there is no such file, or a directory was named. */
async function sectionsOf(context: CliContext, { dir }: PlaceOptions): Promise<BackupSections> {
  const file = context.variables['CLEARWAY_CONFIG'] ?? DEFAULT_FILE;
  if (dir !== undefined || !existsSync(path.resolve(context.directory, file)))
    return { databases: [], backups: [], backupStorages: [] };
  return (await loadFile(file, context)).configuration;
}

/**
 * The URL of a database: given as a URL, as `env:VARIABLE`, as the name of a database on the usual server, or not at all.
 *
 * @throws UsageError when there is none
 */
export async function databaseToUse(context: CliContext, database?: string, entry?: BackedUpDatabase): Promise<string> {
  if (entry) return entry.connectionString();
  if (database !== undefined && /^postgres(ql)?:\/\//.test(database)) return checkedUrl(database, 'what was given');
  if (database?.startsWith('env:')) {
    const value = context.variables[database.slice(4)];
    if (!value) throw new UsageError(`the variable ${database.slice(4)} is not set`);
    return checkedUrl(value, database.slice(4));
  }
  const usual = await databaseUrl(context);
  if (usual === undefined)
    throw new UsageError(
      'which database? Set DATABASE_URL, name one with --database (restore: --server), or start the embedded one: npm start',
    );
  checkedUrl(usual, 'DATABASE_URL');
  if (database === undefined) return usual;
  const { urlOfDatabase } = await import('@clearway/backups');
  return urlOfDatabase(usual, database);
}

/** A URL that can be used; the message does not repeat it, since it may hold a password. */
function checkedUrl(url: string, name: string): string {
  if (/^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? '')) return url;
  throw new UsageError(
    `${name} is no URL of PostgreSQL: write postgresql://user:password@host:5432/database, and @ : / # in a password as %40 %3A %2F %23`,
  );
}

/** The server to restore into when a backup is proven: the one given, else VERIFY_SERVER_URL, else undefined for one of its own. */
export async function verifyServerToUse(context: CliContext, given: string | undefined): Promise<string | undefined> {
  const server = given ?? context.variables['VERIFY_SERVER_URL'];
  return server === undefined ? undefined : databaseToUse(context, server);
}

/** Identities that open encrypted backups: from a file, or from `AGE_IDENTITY_FILE`. */
export async function identitiesToUse(context: CliContext, file?: string): Promise<string[]> {
  const chosen = file ?? context.variables['AGE_IDENTITY_FILE'];
  if (chosen === undefined) return [];
  const { readIdentities } = await import('@clearway/backups');
  return readIdentities(path.resolve(context.directory, chosen));
}
