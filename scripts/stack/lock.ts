import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
// the source, since this runs before anything is built
import { makeDirectorySync } from '../../backend/kernel/src/make-directory.ts';

/** What the running start says of itself to a second one. */
export interface RunningStart {
  readonly pid: number;
  /** When the process was started, as the system tells it: a process id may have been given out again. */
  readonly processStart: string;
  readonly startedAt: string;
  readonly ready: boolean;
  /** Names and addresses of what runs. */
  readonly addresses: readonly { readonly name: string; readonly address: string; readonly note: string }[];
}

/** The lock was taken by us, or another start holds it. */
export type LockResult = { readonly lock: StartLock } | { readonly holder: RunningStart };

/** A lock that is held; released at the end. */
export interface StartLock {
  /** Whether a start that did not end in order had left its lock behind. */
  readonly foundStale: boolean;
  /** Rewrites what a second start is told. */
  update(facts: Pick<RunningStart, 'ready' | 'addresses'>): void;
  release(): void;
}

/**
 * One start at a time in one data directory. The lock of a start that was killed is recognised, and taken over.
 *
 * @param file usually `.data/start.lock`
 */
export function takeLock(file: string): LockResult {
  makeDirectorySync(path.dirname(file), { setting: 'DATA_DIRECTORY' });
  const own: RunningStart = {
    pid: process.pid,
    processStart: processStart(process.pid) ?? '',
    startedAt: new Date().toISOString(),
    ready: false,
    addresses: [],
  };
  for (let foundStale = false; ; foundStale = true) {
    if (place(file, own)) return { lock: holdLock(file, own, foundStale) };
    const holder = readLock(file);
    if (holder && isRunning(holder)) return { holder };
    removeStale(file);
  }
}

/** Who holds the lock, if anybody. */
export function readLock(file: string): RunningStart | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunningStart;
  } catch {
    return undefined;
  }
}

function holdLock(file: string, own: RunningStart, foundStale: boolean): StartLock {
  return {
    foundStale,
    update: (facts) => writeWhole(file, { ...own, ...facts }),
    release: () => {
      if (readLock(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

/** Puts the file there with its whole content in one step; false when there is one. */
function place(file: string, content: RunningStart): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return placePlainly(file, content); // a file system without hard links
  } finally {
    rmSync(draft, { force: true });
  }
}

function placePlainly(file: string, content: RunningStart): boolean {
  try {
    writeFileSync(file, JSON.stringify(content), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeWhole(file: string, content: RunningStart): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content));
  renameSync(draft, file);
}

/** Takes a stale lock away. Another start may have replaced it in between: then that one is put back. */
function removeStale(file: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // another start took it away
  }
  const moved = readLock(aside);
  if (moved && isRunning(moved)) linkSync(aside, file);
  rmSync(aside, { force: true });
}

function isRunning(holder: RunningStart): boolean {
  const start = processStart(holder.pid);
  return start !== undefined && (holder.processStart === '' || start === '' || start === holder.processStart);
}

/** When a process was started, in the system's own terms; undefined when there is none, '' when that is not known. */
export function processStart(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    if (process.platform === 'linux') {
      // proc(5): the name in brackets may hold spaces; the state is field 3, the start time field 22
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return fields[0] === 'Z' ? undefined : (fields[19] ?? '');
    }
    if (process.platform !== 'win32')
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    // not to be had
  }
  return '';
}
