import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@clearway/kernel';
import { identifyProcess, stillRuns } from '@clearway/database';
import { z } from 'zod';
import { BackupFailure } from '../failures.ts';
import type { BackupStorage, LockNote } from '../storage/storage.ts';
import { lockNameOf } from './lock-name.ts';

const SETTLE_MS = 500;
const RENEW_MS = 60_000;
/**
 * A note that was not renewed for so long is stale. The times are the storage's and this machine's, which may differ: S3
 * refuses requests that are more than 15 minutes off.
 */
const STALE_MS = 20 * 60_000;

const noteSchema = z.object({
  token: z.string(),
  host: z.string(),
  process: z.string(),
  work: z.string(),
  since: z.string(),
});
type Note = z.infer<typeof noteSchema>;

/** Where the note lies. */
type LockPlace = Pick<BackupStorage, 'id' | 'locks'>;

/** Makes sure that the lock is still held: to be called before each step that cannot be undone. */
export type StillHeld = () => Promise<void>;

/**
 * Works on the backups of a database in a storage, alone among all machines. The holder renews its note; one that is not
 * renewed, or whose process is gone from this machine, is stale and is taken over.
 *
 * A holder that was stopped for long and wakes up may have lost the lock: that is why it asks before each step.
 *
 * @param what such as `prune`
 * @throws BackupFailure `locked`, which names who has it
 */
export async function withStorageLock<T>(
  storage: LockPlace,
  { database, what, clock }: { readonly database: string; readonly what: string; readonly clock: Clock },
  work: (stillHeld: StillHeld) => Promise<T>,
): Promise<T> {
  const name = lockNameOf(database);
  const since = new Date(clock.nowMs()).toISOString();
  const mine: Note = {
    token: randomUUID(),
    host: hostname(),
    process: identifyProcess(process.pid) ?? '',
    work: what,
    since,
  };
  let version = await acquire(storage, name, mine, { database, clock });
  let renewedMs = clock.monotonicMs();
  let renewing: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    const isMine = await storage.locks.replace(name, JSON.stringify(mine), version);
    const note = isMine ? await storage.locks.read(name) : undefined;
    if (note === undefined || parse(note)?.token !== mine.token) {
      throw new BackupFailure(
        'locked',
        `the lock on the backups of ${database} in ${storage.id} was lost to another process`,
      );
    }
    version = note.version;
    renewedMs = clock.monotonicMs();
  };
  const stillHeld: StillHeld = async () => {
    if (clock.monotonicMs() - renewedMs < RENEW_MS) return;
    await (renewing ??= renew().finally(() => (renewing = undefined)));
  };
  const timer = setInterval(() => void stillHeld().catch(() => {}), RENEW_MS / 2).unref();
  try {
    return await work(stillHeld);
  } finally {
    clearInterval(timer);
    await renewing?.catch(() => {});
    // one that cannot be removed is stale soon
    await storage.locks.remove(name, version).catch(() => {});
  }
}

/** Writes the note, or takes a stale one over. Returns its version. */
async function acquire(
  storage: LockPlace,
  name: string,
  mine: Note,
  { database, clock }: { readonly database: string; readonly clock: Clock },
): Promise<string> {
  const held = await storage.locks.read(name);
  if (held && !isStale(held, clock.nowMs())) throw lockedBy(held, storage, database);
  const text = JSON.stringify(mine);
  if (held) {
    // of two that take a stale one over at the same moment, the one that wrote last has it: both have written by then
    await storage.locks.replace(name, text, held.version);
    await sleep(SETTLE_MS);
  } else await storage.locks.create(name, text);
  // what is read back decides: not every storage refuses to write over what another one wrote at the same moment
  const written = await storage.locks.read(name);
  if (!written || parse(written)?.token !== mine.token) throw lockedBy(written, storage, database);
  return written.version;
}

function isStale(note: LockNote, nowMs: number): boolean {
  const holder = parse(note);
  if (holder?.host === hostname()) return !stillRuns(holder.process);
  return nowMs - note.writtenAtMs > STALE_MS;
}

function lockedBy(note: LockNote | undefined, storage: LockPlace, database: string): BackupFailure {
  const holder = note && parse(note);
  const who = holder
    ? `${holder.work} on ${holder.host}, process ${Number.parseInt(holder.process, 10)}, since ${holder.since}`
    : 'another process';
  return new BackupFailure('locked', `the backups of ${database} in ${storage.id} are being worked on: ${who}`, {
    remedy: 'wait until it has ended; a process that died loses its lock within 20 minutes',
  });
}

function parse({ text }: LockNote): Note | undefined {
  try {
    return noteSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
