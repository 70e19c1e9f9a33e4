import type pg from 'pg';
import { BackupFailure } from '../failures.ts';
import { isLeftBehind, type Journals, type RestoreJournal } from './journal.ts';
import { databaseExists, dropDatabase, swapDatabases } from './swap.ts';

/**
 * Deals with what killed restores of a database left behind. One that was killed while it swapped either has swapped or
 * has not: PostgreSQL does both renames or none. What was not swapped is removed; what was, is kept with what it replaced.
 *
 * @returns what was done, for people
 */
export async function cleanUpLeftBehind(
  admin: pg.Client,
  journals: Journals,
  target: Pick<RestoreJournal, 'server' | 'database'>,
): Promise<string[]> {
  const notes: string[] = [];
  for (const journal of await journals.list()) {
    if (journal.server !== target.server || journal.database !== target.database || !isLeftBehind(journal)) continue;
    if (await hasSwapped(admin, journal)) {
      await journals.write({ ...journal, step: 'swapped' });
      notes.push(
        `the restore ${journal.id} was killed after it had swapped: ${journal.oldDatabase ?? 'nothing'} is kept`,
      );
      continue;
    }
    // in place, the server has rolled everything back
    const isInPlace = journal.newDatabase === journal.database;
    if (!isInPlace && (await isOfRestore(admin, journal.newDatabase, journal.id)))
      await dropDatabase(admin, journal.newDatabase);
    await journals.write({ ...journal, step: 'cleaned-up' });
    notes.push(`the restore ${journal.id} was killed before it had swapped: what it left was removed`);
  }
  return notes;
}

/** The comment moves with a database when it is renamed. */
async function hasSwapped(admin: pg.Client, { step, database, id, newDatabase }: RestoreJournal): Promise<boolean> {
  return step === 'swapping' && newDatabase !== database && (await isOfRestore(admin, database, id));
}

/** Whether a database was made by a restore; one that has no comment yet is known by its name, which is nobody else's. */
async function isOfRestore(admin: pg.Client, name: string, id: string): Promise<boolean> {
  const { rows } = await admin.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [name],
  );
  const [row] = rows;
  if (!row) return false;
  return (
    row.comment === `clearway restore ${id}` || (row.comment === null && name.endsWith(`_restoring_${id.slice(-6)}`))
  );
}

/**
 * Removes the database that a restore replaced.
 *
 * @throws BackupFailure `unsupported` when there is nothing to confirm
 */
export async function confirmRestore(admin: pg.Client, journals: Journals, id: string): Promise<RestoreJournal> {
  const journal = await journals.read(id);
  if (journal.step !== 'swapped') throw notSwapped(journal, 'confirm');
  if (journal.oldDatabase !== null) await dropDatabase(admin, journal.oldDatabase);
  return journals.write({ ...journal, step: 'confirmed' });
}

/**
 * Gives the replaced database its name back; the restored one is kept under the name it had while it was restored.
 *
 * @throws BackupFailure `unsupported` when there is nothing to undo, `swap-refused` when connections do not go
 */
export async function undoRestore(
  serverUrl: string,
  admin: pg.Client,
  journals: Journals,
  id: string,
): Promise<RestoreJournal> {
  const journal = await journals.read(id);
  const { database, oldDatabase, newDatabase } = journal;
  if (journal.step !== 'swapped' || oldDatabase === null) throw notSwapped(journal, 'undo');
  if (!(await databaseExists(admin, oldDatabase)))
    throw new BackupFailure('not-found', `the database ${oldDatabase} that was replaced is not there any more`);
  await swapDatabases(serverUrl, { database, oldDatabase: newDatabase, newDatabase: oldDatabase });
  return journals.write({ ...journal, step: 'undone' });
}

const notSwapped = ({ id, step }: RestoreJournal, what: string): BackupFailure =>
  new BackupFailure('unsupported', `there is nothing to ${what}: the restore ${id} is ${step}`);
