import { createWriteStream, mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  BackupFailure,
  directoryStorage,
  listBackups,
  type BackupEngine,
  type BackupStorage,
} from '../../src/index.ts';
import type { Detection } from './damage.ts';
import { startBackupProcess } from './processes.ts';

/** One way in which a place can fail a backup that was good. */
export interface StorageDamage {
  readonly name: string;
  /** Tries to make a backup in a folder; what came of it. */
  readonly attempt: (at: { engine: BackupEngine; connectionString: string; folder: string }) => Promise<unknown>;
}

const create = (
  { engine, connectionString, folder }: Parameters<StorageDamage['attempt']>[0],
  fault: (storage: BackupStorage) => BackupStorage['store'],
): Promise<unknown> => {
  const storage = directoryStorage(folder);
  return engine.create({ connectionString, storage: { ...storage, store: fault(storage) }, acceptNewIdentity: true });
};

export const STORAGE_DAMAGE: readonly StorageDamage[] = [
  {
    name: 'the storage says yes and keeps nothing',
    attempt: (at) => create(at, () => () => Promise.resolve()),
  },
  {
    name: 'the storage says yes and loses the dump',
    attempt: (at) =>
      create(at, (storage) => async (backup) => {
        await storage.store(backup);
        rmSync(path.join(storage.location, backup.id, backup.files[0] ?? ''));
      }),
  },
  {
    name: 'the storage says yes and keeps a part',
    attempt: (at) =>
      create(at, (storage) => async (backup) => {
        await storage.store(backup);
        truncateSync(path.join(storage.location, backup.id, backup.files[0] ?? ''), 1000);
      }),
  },
  {
    name: 'the upload is cut in the middle',
    attempt: (at) =>
      create(at, ({ location }) => async ({ id, open, files }) => {
        mkdirSync(path.join(location, id), { recursive: true });
        await pipeline(await open(files[0] ?? ''), createWriteStream(path.join(location, id, 'half')));
        throw new BackupFailure('storage-failed', 'the connection was cut');
      }),
  },
  {
    name: 'the disk is full in the middle',
    async attempt({ connectionString, folder }) {
      // blocks of 512 bytes: less than the dump takes
      const task = { action: 'create', connectionString, directory: folder, pgDump: null } as const;
      const result = await startBackupProcess(task, 'trap "" XFSZ; ulimit -f 8;').result;
      if (result?.['failure'] !== undefined) throw new BackupFailure('storage-failed', String(result['message']));
    },
  },
];

/** Lets a place fail, and looks at what is called good afterwards. */
export async function detectAtStoring(
  { name, attempt }: StorageDamage,
  { engine, connectionString }: { readonly engine: BackupEngine; readonly connectionString: string },
): Promise<Detection> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clearway-storage-damage-'));
  try {
    const failure = await attempt({ engine, connectionString, folder }).then(
      () => undefined,
      (error: unknown) => error as BackupFailure,
    );
    const { backups } = await listBackups(directoryStorage(folder));
    const results = await Promise.all(backups.map((backup) => engine.verify({ backup, level: 'exact' })));
    const isFound = failure instanceof BackupFailure && results.every((result) => result.failure);
    return {
      name,
      when: 'storing',
      decode: isFound,
      restore: isFound,
      exact: isFound,
      reason: failure?.reason ?? 'passed',
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
