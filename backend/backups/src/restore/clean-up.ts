import type pg from 'pg';
import { BackupFailure } from '../failures.ts';
import { isLeftBehind, isOpen, type Journals, type RestoreJournal } from './journal.ts';
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
    const { id, oldDatabase } = journal;
    if (await keepIfSwapped(admin, journal)) {
      await journals.write({ ...journal, step: 'swapped' });
      notes.push(`the restore ${id} was killed after it had swapped: ${oldDatabase ?? 'nothing'} is kept`);
      continue;
    }
    await journals.write({ ...journal, step: 'cleaned-up' });
    notes.push(
      isInPlace(journal)
        ? `the restore ${id} was killed in place: the database is as it was, or restored whole; the server did all or nothing`
        : `the restore ${id} was killed before it had swapped: what it left was removed`,
    );
  }
  return notes;
}

/**
 * Ends the journal of a restore that failed, and removes what it made unless that has the name by now.
 *
 * @returns the journal as it is then
 * @throws when the server cannot be asked: the journal stays open then, for the next run
 */
export async function giveUp(
  admin: pg.Client,
  journals: Journals,
  id: string,
  { reason, message }: BackupFailure,
): Promise<RestoreJournal> {
  const journal = await journals.read(id);
  if (!isOpen(journal)) return journal;
  const isSwapped = await keepIfSwapped(admin, journal);
  return journals.write({ ...journal, step: isSwapped ? 'swapped' : 'failed', failure: { reason, message } });
}

/** Whether a restore that ended early has swapped; if it has not, the database that it made is removed. */
async function keepIfSwapped(admin: pg.Client, journal: RestoreJournal): Promise<boolean> {
  if (await hasSwapped(admin, journal)) return true;
  // in place, the server has rolled everything back
  if (!isInPlace(journal) && (await isOfRestore(admin, journal.newDatabase, journal.id)))
    await dropDatabase(admin, journal.newDatabase);
  return false;
}

const isInPlace = ({ newDatabase, database }: RestoreJournal): boolean => newDatabase === database;

/** The comment moves with a database when it is renamed. */
async function hasSwapped(admin: pg.Client, journal: RestoreJournal): Promise<boolean> {
  const { step, database, id } = journal;
  return step === 'swapping' && !isInPlace(journal) && (await isOfRestore(admin, database, id));
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
 * @throws BackupFailure `unsupported` when there is nothing to confirm, `not-found` on another server
 */
export async function confirmRestore(admin: pg.Client, journals: Journals, id: string): Promise<RestoreJournal> {
  const journal = await journals.read(id);
  const { oldDatabase, database } = journal;
  if (journal.step !== 'swapped') throw notSwapped(journal, 'confirm');
  if (oldDatabase !== null) {
    // on another server it is missing, too
    if (!(await databaseExists(admin, oldDatabase)) && !(await isOfRestore(admin, database, id)))
      throw notHere(journal, oldDatabase);
    await dropDatabase(admin, oldDatabase);
  }
  return journals.write({ ...journal, step: 'confirmed' });
}

/**
 * Gives the replaced database its name back; the restored one is kept under the name it had while it was restored.
 *
 * @throws BackupFailure `unsupported` when there is nothing to undo, `not-found` when what was replaced is not there,
 *   `swap-refused` when connections do not go
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
  if (await databaseExists(admin, oldDatabase)) {
    await swapDatabases(serverUrl, { database, oldDatabase: newDatabase, newDatabase: oldDatabase });
    // else it may have been killed after it had given the names back
  } else if (!(await isOfRestore(admin, newDatabase, id))) throw notHere(journal, oldDatabase);
  return journals.write({ ...journal, step: 'undone' });
}

const notHere = ({ server }: RestoreJournal, name: string): BackupFailure =>
  new BackupFailure('not-found', `the database ${name} that was replaced is not here`, {
    remedy: `the restore was made on ${server}: name that server by --server`,
  });

const notSwapped = ({ id, step }: RestoreJournal, what: string): BackupFailure =>
  new BackupFailure('unsupported', `there is nothing to ${what}: the restore ${id} is ${step}`);
