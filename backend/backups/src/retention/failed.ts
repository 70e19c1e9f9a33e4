import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isBackupId, timeOfBackupId } from '../catalogue/id.ts';
import { FAILED_FOLDER } from '../engine/staging.ts';

/** Forgets the backups that failed before a moment. Returns their ids. */
export async function clearFailed(workDirectory: string, beforeMs: number): Promise<string[]> {
  const folder = path.join(workDirectory, FAILED_FOLDER);
  const names = await readdir(folder).catch(() => [] as string[]);
  const old = names.filter((name) => isBackupId(name) && timeOfBackupId(name) < beforeMs);
  for (const name of old) await rm(path.join(folder, name), { recursive: true, force: true });
  return old.sort();
}
