import type { Clock } from '@clearway/kernel';
import type { MachineTools } from '../dump/tools.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { withSession } from '../connection/session.ts';
import { BackupFailure } from '../failures.ts';
import { whileProving, whileReading } from '../lock/read-lease.ts';
import { confirmRestore, undoRestore } from '../restore/clean-up.ts';
import { Journals } from '../restore/journal.ts';
import { restoreBackup } from '../restore/restore.ts';
import type { ScratchServer } from '../verify/scratch.ts';
import { provenSince } from '../verify/proven-since.ts';
import { verifyBackup } from '../verify/verify.ts';
import { adoptDump } from './adopt.ts';
import { createBackup } from './create.ts';
import { copyBackup } from './store-copies.ts';
import type { BackupEngine, CreateRequest } from './engine.ts';

/** What the engine is built with. */
export interface LogicalEngineOptions {
  readonly clock: Clock;
  readonly tools: MachineTools;
  /** Where files are written before they are stored, failed backups are kept aside, and restores keep their journal. */
  readonly workDirectory: string;
  /** Where backups are restored to be proven. */
  readonly scratch: ScratchServer;
}

/**
 * Makes logical backups: a dump of one database in one snapshot. Each is read once to its last byte when it is made.
 *
 * @example
 * const engine = logicalEngine({ clock: systemClock, tools: { variables }, workDirectory, scratch: embeddedScratch() });
 * const backup = await engine.create({ connectionString, storage: directoryStorage(workDirectory) });
 * const { failure } = await engine.verify({ backup, level: 'exact' });
 */
export function logicalEngine({ clock, tools, workDirectory, scratch }: LogicalEngineOptions): BackupEngine {
  const silent = (): void => {};
  const journals = new Journals(workDirectory, () => clock.nowMs());
  const decoded = async (
    backup: StoredBackup,
    { identities, signal, onProgress }: Pick<CreateRequest, 'identities' | 'signal' | 'onProgress'>,
  ): Promise<StoredBackup> => {
    // nobody prunes what was just stored
    const options = { level: 'decode', identities, signal, onProgress: onProgress ?? silent, scratch, clock } as const;
    const result = await verifyBackup(backup, options);
    if (result.failure) throw result.failure;
    return result.backup;
  };
  const engine: BackupEngine = {
    name: 'logical',
    abilities: { pointInTime: false, incremental: false },
    create: (request) => createBackup(request, { clock, tools, workDirectory }, (copy) => decoded(copy, request)),
    copy: ({ backup, storage, ...request }) =>
      whileReading(backup, { ...request, what: 'copy', clock }, () =>
        copyBackup(backup, storage, { ...request, verify: (copy) => decoded(copy, request) }),
      ),
    adopt: (request) => adoptDump(request, { clock, workDirectory }, (copy) => decoded(copy, request)),
    verify({ onProgress = silent, ...request }) {
      const { backup, level, signal } = request;
      const reading = { what: 'verify', clock, onProgress, signal };
      const verify = async () =>
        (await provenSince(request)) ?? verifyBackup(backup, { ...request, scratch, clock, onProgress });
      return level === 'decode' ? whileReading(backup, reading, verify) : whileProving(backup, reading, verify);
    },
    restore(request) {
      if (request.pointInTime === undefined) {
        const reading = { ...request, what: 'restore', clock };
        return whileReading(request.backup, reading, () => restoreBackup(request, { clock, workDirectory, engine }));
      }
      const message = 'a dump holds one moment: it cannot be restored to a point in time';
      const remedy =
        'restore the last backup before it; an engine that keeps the log of changes (pgBackRest) can do more';
      return Promise.reject(new BackupFailure('unsupported', message, { remedy }));
    },
    restores: () => journals.list(),
    confirm: ({ serverUrl, id }) => withSession(adminOf(serverUrl), (admin) => confirmRestore(admin, journals, id)),
    undo: ({ serverUrl, id }) =>
      withSession(adminOf(serverUrl), (admin) => undoRestore(serverUrl, admin, journals, id)),
  };
  return engine;
}

const adminOf = (connectionString: string) => ({ connectionString, applicationName: 'clearway-restore' });
