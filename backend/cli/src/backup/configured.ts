import { existsSync } from 'node:fs';
import path from 'node:path';
import type { BackedUpDatabase, Backups } from '@clearway/backups';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';

/** The databases that are backed up as clearway.yaml says, as the worker does; without such a file, Clearway's own. */
export async function configuredBackups(
  context: CliContext,
  database?: string,
): Promise<{ readonly backups: Backups; readonly databases: readonly BackedUpDatabase[] }> {
  const { openBackups } = await import('@clearway/backups');
  const { clock, directory, variables } = context;
  const file = variables['CLEARWAY_CONFIG'] ?? DEFAULT_FILE;
  const sections = existsSync(path.resolve(directory, file))
    ? (await loadFile(file, context)).configuration
    : { databases: [], backups: await usualBackups(), backupStorages: [] };
  const backups = openBackups({ sections, variables, directory, clock });
  if (database === undefined) return { backups, databases: backups.databases };
  const found = backups.databases.filter(({ id, nameOnServer }) => database === id || database === nameOnServer);
  if (found.length > 0) return { backups, databases: found };
  const known = backups.databases.map(({ id }) => id).join(', ');
  throw new UsageError(`backups says nothing of ${database}: name one of ${known}, or add it to clearway.yaml`);
}

async function usualBackups() {
  const { backupsSchema, USUAL_BACKUPS } = await import('@clearway/contracts');
  return backupsSchema.parse(USUAL_BACKUPS);
}
