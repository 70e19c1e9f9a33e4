import type { Clock } from '@clearway/kernel';
import type { MachineTools } from '../dump/tools.ts';
import { BackupFailure } from '../failures.ts';
import { restoreBackup } from '../restore/restore.ts';
import type { ScratchServer } from '../verify/scratch.ts';
import { verifyBackup } from '../verify/verify.ts';
import { createBackup } from './create.ts';
import type { BackupEngine } from './engine.ts';

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
  const engine: BackupEngine = {
    name: 'logical',
    abilities: { pointInTime: false, incremental: false },
    async create(request) {
      const backup = await createBackup(request, { clock, tools, workDirectory });
      const { identities, signal, onProgress } = request;
      const decoded = await engine.verify({ backup, level: 'decode', identities, signal, onProgress });
      if (decoded.failure) throw decoded.failure;
      return decoded.backup;
    },
    verify: ({ onProgress = silent, ...request }) =>
      verifyBackup(request.backup, { ...request, scratch, clock, onProgress }),
    async restore(request) {
      if (request.pointInTime !== undefined) {
        throw new BackupFailure('unsupported', 'a dump holds one moment: it cannot be restored to a point in time', {
          remedy: 'restore the last backup before it; an engine that keeps the log of changes (pgBackRest) can do more',
        });
      }
      return restoreBackup(request, { clock, workDirectory, engine });
    },
  };
  return engine;
}
