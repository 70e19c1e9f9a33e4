import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '@clearway/kernel';
import { identifyProcess, stillRuns } from '@clearway/database';
import { z } from 'zod';
import { BackupFailure } from '../failures.ts';
import type { BackupStorage, LockNote } from '../storage/storage.ts';

const RENEW_MS = 60_000;
/** A note that was not renewed for so long is stale. Both times are the storage's: clocks of machines may differ. */
const STALE_MS = 20 * 60_000;

const noteSchema = z.object({
  token: z.string(),
  host: z.string(),
  process: z.string(),
  work: z.string(),
  since: z.string(),
});

/** Who works on something. */
export type Note = z.infer<typeof noteSchema>;

/** Where notes lie. */
export type NotePlace = Pick<BackupStorage, 'id' | 'locks'>;

/** Makes sure that the note is still there: to be called before each step that cannot be undone. */
export type StillHeld = () => Promise<void>;

/** A note of this process, which is renewed until it is released. */
export interface HeldNote {
  readonly stillHeld: StillHeld;
  release(): Promise<void>;
}

/** A note that says that this process is at something, such as `prune`. */
export const newNote = (work: string, clock: Clock): Note => ({
  token: randomUUID(),
  host: hostname(),
  process: identifyProcess(process.pid) ?? '',
  work,
  since: new Date(clock.nowMs()).toISOString(),
});

/** What a note says; undefined for what is none. */
export function parseNote({ text }: LockNote): Note | undefined {
  try {
    return noteSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether nobody stands behind a note any more: its process is gone from this machine, or it was not renewed. */
export async function isStale({ locks }: NotePlace, note: LockNote): Promise<boolean> {
  const holder = parseNote(note);
  if (holder?.host === hostname() && !stillRuns(holder.process)) return true;
  return (await locks.nowMs()) - note.writtenAtMs > STALE_MS;
}

const timesOf = (clock: Clock): number[] => [clock.monotonicMs(), clock.nowMs()];

/** Who wrote a note, for people. */
export function holderOf(note: LockNote | undefined): string {
  const holder = note && parseNote(note);
  if (!holder) return 'another process';
  return `${holder.work} on ${holder.host}, process ${Number.parseInt(holder.process, 10)}, since ${holder.since}`;
}

/**
 * Renews a note that was written until it is released. A holder that was stopped for long and wakes up may have lost it:
 * `stillHeld` throws `locked` then.
 */
export function holdNote(
  { id, locks }: NotePlace,
  { name, note, clock, ...written }: { name: string; note: Note; version: string; clock: Clock },
): HeldNote {
  let { version } = written;
  let renewedMs = timesOf(clock);
  let renewing: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    const isMine = await locks.replace(name, JSON.stringify(note), version);
    const found = isMine ? await locks.read(name) : undefined;
    if (found === undefined || parseNote(found)?.token !== note.token) {
      throw new BackupFailure('locked', `the lock ${name} in ${id} was lost to another process`);
    }
    version = found.version;
    renewedMs = timesOf(clock);
  };
  const stillHeld: StillHeld = async () => {
    // the one clock may be set, and the other stands still while a machine sleeps
    if (timesOf(clock).every((ms, i) => ms - (renewedMs[i] ?? 0) < RENEW_MS)) return;
    await (renewing ??= renew().finally(() => (renewing = undefined)));
  };
  const timer = setInterval(() => void stillHeld().catch(() => {}), RENEW_MS / 2).unref();
  return {
    stillHeld,
    async release() {
      clearInterval(timer);
      await renewing?.catch(() => {});
      // one that cannot be removed is stale soon
      await locks.remove(name, version).catch(() => {});
    },
  };
}
