import {
  drillDatabase,
  makeBackup,
  proveNewest,
  pruneDatabase,
  pruneFailures,
  type BackedUpDatabase,
  type BackupEvent,
  type Backups,
  type RoutineOptions,
} from '@clearway/backups';
import type { Clock } from '@clearway/kernel';

/** What is done with the backups of a database. */
export const BACKUP_WORK = ['create', 'prove', 'drill', 'prune'] as const;
export type BackupWorkKind = (typeof BACKUP_WORK)[number];

/** What a piece of work is given beside its database. */
export type WorkOptions = Pick<RoutineOptions, 'onProgress' | 'signal' | 'isTold' | 'sinceMs' | 'waitsForOthers'>;

/** What the worker does with backups, one piece at a time for each database. */
export interface BackupWork {
  /** As they are configured at the moment. */
  readonly backups: Backups;
  /** Whether a kind of work with the backups of a database is done, or waits for another one, in this process. */
  isUnderWay(kind: BackupWorkKind, database: string): boolean;
  /**
   * Does a piece of work, after what is under way for the same database, with the settings that count when it begins.
   *
   * @returns what came of it, in a sentence
   * @throws BackupFailure
   */
  run(kind: BackupWorkKind, database: string, options: WorkOptions): Promise<string>;
}

/**
 * @param current what is configured at the moment
 * @param options `tell` hears of everything that happens; `onDone` when a piece of work ended, whatever came of it
 */
export function createBackupWork(
  current: () => Backups,
  options: {
    readonly clock: Clock;
    readonly tell: (event: BackupEvent) => unknown;
    readonly onDone: (database: string) => void;
  },
): BackupWork {
  const lines = new Map<string, Promise<unknown>>();
  const underWay: string[] = [];
  return {
    get backups() {
      return current();
    },
    isUnderWay: (kind, database) => underWay.includes(`${kind} ${database}`),
    async run(kind, id, more) {
      const { clock, tell } = options;
      const work = async () => {
        const backups = current();
        return DO[kind](backups.database(id), backups.workDirectory, { ...more, clock, tell });
      };
      const line = (lines.get(id) ?? Promise.resolve()).then(work, work);
      lines.set(id, line);
      underWay.push(`${kind} ${id}`);
      try {
        return await line;
      } finally {
        underWay.splice(underWay.indexOf(`${kind} ${id}`), 1);
        if (lines.get(id) === line) lines.delete(id);
        options.onDone(id);
      }
    },
  };
}

type Doing = (database: BackedUpDatabase, workDirectory: string, options: RoutineOptions) => Promise<string>;

const DO: Record<BackupWorkKind, Doing> = {
  async create(database, _workDirectory, options) {
    const { id, verifications, copies, isEarlier } = await makeBackup(database, options);
    if (isEarlier) return `${id} was made by another process since this was due`;
    const failed = copies.filter(({ failure }) => failure).map(({ storage }) => storage.id);
    return `${id} is ${verifications.state}${failed.length > 0 ? `, and has no good copy in ${failed.join(', ')}` : ''}`;
  },
  async prove(database, _workDirectory, options) {
    const copies = await proveNewest(database, options);
    const failure = copies.find((copy) => copy.failure)?.failure;
    if (failure) throw failure;
    return copies
      .map(({ storage, backupId, result }) => `${backupId} in ${storage} is ${result?.backup.verifications.state}`)
      .join('; ');
  },
  async drill(database, workDirectory, options) {
    const drills = await drillDatabase(database, workDirectory, options);
    const failure = drills.find((drill) => drill.failure)?.failure;
    if (failure) throw failure;
    return drills.map(({ report }) => `${report.id} from ${report.storage} passed`).join('; ');
  },
  async prune(database, workDirectory, options) {
    const pruned = await pruneDatabase(database, workDirectory, options);
    const [failure] = pruneFailures(pruned);
    if (failure) throw failure;
    const count = pruned.storages.flatMap(({ databases }) => databases.flatMap(({ removed }) => removed)).length;
    return `${count} ${count === 1 ? 'copy' : 'copies'} removed`;
  },
};
