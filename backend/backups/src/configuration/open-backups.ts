import path from 'node:path';
import { backupSchema, type BackupConfiguration, type BackupStorageConfiguration } from '@clearway/contracts';
import type { Clock } from '@clearway/kernel';
import { readIdentities } from '../encryption/age.ts';
import type { BackupEngine } from '../engine/engine.ts';
import { logicalEngine } from '../engine/logical-engine.ts';
import { answering } from '../files/answering.ts';
import { BackupFailure } from '../failures.ts';
import type { BackupStorage } from '../storage/storage.ts';
import { embeddedScratch } from '../verify/embedded-scratch.ts';
import type { ScratchServer } from '../verify/scratch.ts';
import { serverScratch } from '../verify/server-scratch.ts';
import { addressOfDatabase, nameOfDatabase, resolveAddress } from './address.ts';
import { openStorages } from './open-storages.ts';
import { policyOf, type BackupPolicy } from './policy.ts';

/** The sections of `clearway.yaml` that backups live by. */
export interface BackupSections {
  readonly databases: readonly { readonly id: string; readonly url?: string | undefined }[];
  readonly backups: readonly BackupConfiguration[];
  readonly backupStorages: readonly BackupStorageConfiguration[];
}

/** What backups are opened with. */
export interface OpenBackupsOptions {
  readonly sections: BackupSections;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to. */
  readonly directory: string;
  readonly clock: Clock;
  /** Where `local` is, instead of `BACKUP_DIR`. */
  readonly localDirectory?: string | undefined;
  /** URL of the server to restore into, instead of `verify.server`. */
  readonly verifyServer?: string | undefined;
  /** How long a directory may take to answer: 15 seconds when it is left out. */
  readonly answerLimitMs?: number | undefined;
}

/** Methods of the engine that cannot do without the working directory. */
const USES_WORK_DIRECTORY = ['create', 'adopt', 'restore', 'restores', 'confirm', 'undo'];

/** How one database is backed up: with what, where to, and by which rules. */
export interface BackedUpDatabase {
  /** As `databases` names it. */
  readonly id: string;
  readonly policy: BackupPolicy;
  readonly engine: BackupEngine;
  /** Where its copies go, the first one first. */
  readonly storages: readonly [BackupStorage, ...BackupStorage[]];
  /**
   * Its URL at the moment.
   *
   * @throws BackupFailure `unreachable`
   */
  readonly connectionString: () => string;
  /** Its name on the server, by which its backups are found. */
  readonly nameOnServer: string;
  /**
   * Private keys of age, from `AGE_IDENTITY_FILE`; none when that is not set.
   *
   * @throws BackupFailure `key-missing`, `key-wrong`
   */
  readonly identities: () => Promise<string[]>;
}

/** Everything that is backed up. */
export interface Backups {
  /** Where files are written before they are stored, and failed backups are kept aside. */
  readonly workDirectory: string;
  readonly storages: ReadonlyMap<string, BackupStorage>;
  readonly databases: readonly BackedUpDatabase[];
  /**
   * One of the databases; one that has no entry of its own in `backups` is treated as usual.
   *
   * @throws BackupFailure `not-found`
   */
  readonly database: (id: string) => BackedUpDatabase;
}

/** Where backups are kept unless told otherwise: `BACKUP_DIR`, or below the data directory. */
export function localBackupDirectory(
  variables: Readonly<Record<string, string | undefined>>,
  directory: string,
  chosen?: string,
): string {
  return path.resolve(directory, chosen ?? (variables['BACKUP_DIR'] || path.join(dataDirectory(variables), 'backups')));
}

/**
 * Opens engine, storages and rules of every database, as `clearway.yaml` and the environment say. Nothing is asked yet:
 * neither a database nor a storage has to answer.
 *
 * @throws BackupFailure for a variable that cannot be used
 * @example
 * const backups = openBackups({ sections: configuration, variables: process.env, directory: '.', clock: systemClock });
 * const { engine, storages, connectionString } = backups.database('tracks');
 */
export function openBackups(options: OpenBackupsOptions): Backups {
  const { sections, variables, directory } = options;
  const workDirectory = localBackupDirectory(variables, directory, options.localDirectory);
  const storages = openStorages(sections.backupStorages, {
    ...options,
    localDirectory: workDirectory,
    root: directory,
  });
  const open = (entry: BackupConfiguration): BackedUpDatabase => openDatabase(entry, options, workDirectory, storages);
  const databases = sections.backups.map(open);
  return {
    workDirectory,
    storages,
    databases,
    database(id) {
      const found = databases.find((database) => database.id === id);
      if (found) return found;
      const known = new Set(['clearway', ...sections.databases.map((database) => database.id)]);
      if (known.has(id)) return open(backupSchema.parse({ database: id }));
      throw new BackupFailure('not-found', `there is no database '${id}'`, {
        remedy: `declare it in databases, or name one of ${[...known].join(', ')}`,
      });
    },
  };
}

function openDatabase(
  entry: BackupConfiguration,
  options: OpenBackupsOptions,
  workDirectory: string,
  storages: ReadonlyMap<string, BackupStorage>,
): BackedUpDatabase {
  const { sections, variables, directory, clock, answerLimitMs } = options;
  const policy = policyOf(entry, variables);
  const sources = {
    databases: sections.databases,
    variables,
    dataDirectory: path.resolve(directory, dataDirectory(variables)),
  };
  const connectionString = (): string => addressOfDatabase(entry.database, sources);
  const server = options.verifyServer ?? policy.verify.server ?? variables['VERIFY_SERVER_URL'];
  const scratch = scratchOf(server, policy, clock, sources);
  const [first, ...others] = entry.storage.flatMap((id) => storages.get(id) ?? []);
  if (!first) throw new BackupFailure('not-found', `the backups of ${entry.database} have no storage`);
  const tools = { variables, pgDump: variables['PG_DUMP'] || undefined };
  const engine = logicalEngine({ clock, tools, workDirectory, scratch });
  return {
    id: entry.database,
    policy,
    engine: answering(engine, { directory: workDirectory, limitMs: answerLimitMs, by: USES_WORK_DIRECTORY }),
    storages: [first, ...others],
    connectionString,
    nameOnServer: nameOfDatabase(entry.database, sources),
    async identities() {
      const file = variables['AGE_IDENTITY_FILE'];
      return file ? readIdentities(path.resolve(directory, file)) : [];
    },
  };
}

function scratchOf(
  server: string | undefined,
  { verify }: BackupPolicy,
  clock: Clock,
  sources: { readonly dataDirectory: string },
): ScratchServer {
  if (!server) return embeddedScratch();
  const { allowSourceServer } = verify;
  // looked up when it is needed: an embedded server may start later
  return {
    open: async (backup, onProgress) =>
      serverScratch({ clock, serverUrl: resolveAddress(server, sources), allowSourceServer }).open(backup, onProgress),
  };
}

const dataDirectory = (variables: OpenBackupsOptions['variables']): string => variables['DATA_DIRECTORY'] || '.data';
