import { randomBytes } from 'node:crypto';
import type { Clock } from '@clearway/kernel';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import type { OnProgress } from '../progress.ts';
import { databaseOf } from '../retention/groups.ts';
import { MANIFEST_FILE } from '../storage/storage.ts';
import { lockNameOf } from './lock-name.ts';
import { holderOf, holdNote, isStale, newNote, type HeldNote, type NotePlace } from './note.ts';
import { lockStorage } from './storage-lock.ts';
import { pause } from './when-unlocked.ts';

const LEASES = 'reading-';
const LOOK_MS = 500;

/** How a backup is read. */
export interface ReadOptions {
  /** Such as `restore`. */
  readonly what: string;
  readonly clock: Clock;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a copy while a note beside it keeps it from being pruned. The note is written before it is looked whether somebody
 * prunes, and who prunes looks for notes before each removal: so one of both sees the other. A storage that takes no note,
 * such as a full disk or one that may only be read, keeps nobody from a restore.
 *
 * @throws BackupFailure `not-found` when it was pruned before
 */
export function whileReading<T>(backup: StoredBackup, options: ReadOptions, work: () => Promise<T>): Promise<T> {
  return withLease(
    backup,
    options,
    () => takeLease(backup, options).catch((error: unknown) => warn(error, options)),
    work,
  );
}

/**
 * The same, by one at a time: two that prove the same copy would do the same twice.
 *
 * @throws BackupFailure `locked`, which names who does it; `not-found`
 */
export function whileProving<T>(backup: StoredBackup, options: ReadOptions, work: () => Promise<T>): Promise<T> {
  const { id, storage } = backup;
  const lock = { ...options, name: `${LEASES}${id}-proving`, busy: `${id} is being proven` };
  return withLease(backup, options, () => lockStorage(storage, lock), work);
}

async function withLease<T>(
  backup: StoredBackup,
  options: ReadOptions,
  take: () => Promise<HeldNote | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  const lease = await take();
  try {
    if (lease) await untilNotPruned(backup, options);
    if ((await backup.storage.readText(backup.id, MANIFEST_FILE)) === undefined) {
      const message = `${backup.id} was removed from ${backup.storage.id} meanwhile`;
      throw new BackupFailure('not-found', message, { remedy: 'take another one: clearway backup list' });
    }
    return await work();
  } finally {
    await lease?.release();
  }
}

async function takeLease({ id, storage }: StoredBackup, { what, clock }: ReadOptions): Promise<HeldNote | undefined> {
  const name = `${LEASES}${id}-${randomBytes(4).toString('hex')}`;
  const note = newNote(what, clock);
  await storage.locks.create(name, JSON.stringify(note));
  const written = await storage.locks.read(name);
  return written && holdNote(storage, { name, note, version: written.version, clock });
}

function warn(error: unknown, { onProgress }: ReadOptions): undefined {
  const { message } = asBackupFailure(error, 'storage-failed');
  onProgress?.({
    phase: 'preparing',
    isWarning: true,
    message: `nothing keeps the backup from being pruned: ${message}`,
  });
}

async function untilNotPruned(backup: StoredBackup, { signal, onProgress }: ReadOptions): Promise<void> {
  const name = lockNameOf(databaseOf(backup));
  for (;;) {
    const pruning = await backup.storage.locks.read(name);
    if (!pruning || (await isStale(backup.storage, pruning))) return;
    onProgress?.({ phase: 'waiting', message: `waiting for ${holderOf(pruning)}` });
    await pause(LOOK_MS, signal);
  }
}

/**
 * Who reads a copy at the moment, for people; undefined when nobody does. Notes of readers that are gone are removed.
 *
 * @param id of the backup; whoever reads anything when it is left out
 */
export async function readerOf(place: NotePlace, id?: string): Promise<string | undefined> {
  const { locks } = place;
  let reader: string | undefined;
  for (const name of await locks.list(id === undefined ? LEASES : `${LEASES}${id}-`)) {
    const note = await locks.read(name);
    if (!note) continue;
    if (await isStale(place, note)) await locks.remove(name, note.version);
    else reader ??= holderOf(note);
  }
  return reader;
}
