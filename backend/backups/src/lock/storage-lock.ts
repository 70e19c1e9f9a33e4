import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@clearway/kernel';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import type { LockNote } from '../storage/storage.ts';
import { lockNameOf } from './lock-name.ts';
import {
  holderOf,
  holdNote,
  isStale,
  newNote,
  parseNote,
  type HeldNote,
  type NotePlace,
  type StillHeld,
} from './note.ts';

const SETTLE_MS = 500;

/** What is locked, and for what. */
export interface StorageLock {
  readonly name: string;
  /** What is told to whom it is refused, such as `the backups of tracks are being worked on`. */
  readonly busy: string;
  /** What the holder is at, such as `prune`. */
  readonly what: string;
  readonly clock: Clock;
}

/**
 * Works on the backups of a database in a storage, alone among all machines. The holder renews its note; one that is not
 * renewed, or whose process is gone from this machine, is stale and is taken over.
 *
 * @param what such as `prune`
 * @throws BackupFailure `locked`, which names who has it
 */
export async function withStorageLock<T>(
  storage: NotePlace,
  { database, what, clock }: { readonly database: string; readonly what: string; readonly clock: Clock },
  work: (stillHeld: StillHeld) => Promise<T>,
): Promise<T> {
  const busy = `the backups of ${database} are being worked on`;
  const lock = await lockStorage(storage, { name: lockNameOf(database), busy, what, clock });
  try {
    return await work(lock.stillHeld);
  } finally {
    await lock.release();
  }
}

/**
 * The same with another name.
 *
 * @throws BackupFailure `locked`
 */
export async function lockStorage(storage: NotePlace, lock: StorageLock): Promise<HeldNote> {
  const { name, clock } = lock;
  const note = newNote(lock.what, clock);
  const held = await storage.locks.read(name);
  if (held && !(await isStale(storage, held))) throw lockedBy(held, storage, lock);
  const text = JSON.stringify(note);
  if (held) {
    // of two that take a stale one over at the same moment, the one that wrote last has it: both have written by then
    await storage.locks.replace(name, text, held.version);
    await sleep(SETTLE_MS);
  } else await storage.locks.create(name, text);
  // what is read back decides: not every storage refuses to write over what another one wrote at the same moment
  const written = await storage.locks.read(name);
  if (!written || parseNote(written)?.token !== note.token) throw lockedBy(written, storage, lock);
  return holdNote(storage, { name, note, version: written.version, clock });
}

/**
 * Works while nobody else makes a backup of the same database to one of the same storages. A storage that does not answer
 * keeps nobody from a backup.
 *
 * @throws BackupFailure `locked`
 */
export async function whileCreating<T>(
  storages: readonly NotePlace[],
  { database, clock }: { readonly database: string; readonly clock: Clock },
  work: () => Promise<T>,
): Promise<T> {
  const busy = `another backup of ${database} is under way`;
  const lock = { name: `create-${lockNameOf(database)}`, busy, what: 'create', clock };
  const held: HeldNote[] = [];
  try {
    // in one order, so that of two at least one gets them all
    for (const storage of storages.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      try {
        held.push(await lockStorage(storage, lock));
      } catch (error) {
        const failure = asBackupFailure(error, 'storage-failed');
        if (failure.reason === 'locked') throw failure;
      }
    }
    return await work();
  } finally {
    for (const note of held.reverse()) await note.release();
  }
}

function lockedBy(note: LockNote | undefined, storage: NotePlace, { busy }: StorageLock): BackupFailure {
  return new BackupFailure('locked', `${busy} in ${storage.id}: ${holderOf(note)}`, {
    remedy: 'wait until it has ended; a process that died loses its lock within 20 minutes',
  });
}
