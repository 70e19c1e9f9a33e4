import type { Readable } from 'node:stream';
import type { OnProgress } from '../progress.ts';

/** Name of the file that makes a folder a backup: it is stored last. */
export const MANIFEST_FILE = 'manifest.json';
/** Name of the file that says how far a backup was proven. It changes; nothing else of a backup does. */
export const VERIFICATION_FILE = 'verification.json';

/** What a storage is asked to take. */
export interface BackupToStore {
  readonly id: string;
  /** Names of the files, the manifest last. */
  readonly files: readonly string[];
  /** Reads one of the files; it may be read more than once. */
  readonly open: (file: string) => Promise<Readable>;
  readonly sizeOf: (file: string) => Promise<number>;
  /** Folder on this machine that holds just the files: a storage in the same file system may move it. */
  readonly folder?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A note of who works on something, and which version of it this is. */
export interface LockNote {
  readonly text: string;
  /** Changes with each writing. */
  readonly version: string;
  /** When it was written last, by the storage's clock. */
  readonly writtenAtMs: number;
}

/** Notes that lie beside the backups, so that machines that share nothing else know of each other. */
export interface StorageLocks {
  /** Writes a note unless there is one: false then. */
  create(name: string, text: string): Promise<boolean>;
  read(name: string): Promise<LockNote | undefined>;
  /** Names of the notes that begin with something. */
  list(beginning: string): Promise<string[]>;
  /** Writes a note in the place of just this version: false when there is another one now. */
  replace(name: string, text: string, version: string): Promise<boolean>;
  remove(name: string, version: string): Promise<void>;
  /** What time it is by the clock that `writtenAtMs` comes from, in milliseconds since 1970. */
  nowMs(): Promise<number>;
}

/**
 * A place that keeps backups. What it lists is whole: a backup that was not stored completely is not there.
 *
 * All failures are BackupFailures: `not-found`, or `storage-failed`.
 */
export interface BackupStorage {
  /** The configured name. */
  readonly id: string;
  /** Where it is, for people. */
  readonly location: string;
  /** Ids of the backups that are there, oldest first. */
  list(): Promise<string[]>;
  /** The content of a small file; undefined when there is none. */
  readText(id: string, file: string): Promise<string | undefined>;
  /** Bytes of a file; undefined when there is none. */
  sizeOf(id: string, file: string): Promise<number | undefined>;
  open(id: string, file: string): Promise<Readable>;
  /** Takes a backup, whole or not at all. What a killed process sent of it before may count. */
  store(backup: BackupToStore): Promise<void>;
  /** Replaces a small file of a backup in one step. */
  replaceText(id: string, file: string, content: string): Promise<void>;
  /** Removes a backup: it is not listed any more from the first moment on. */
  remove(id: string): Promise<void>;
  /**
   * Removes what killed processes left behind and nobody will continue.
   *
   * @param beforeMs what was touched since then, somebody may be at work on
   * @returns names of what was removed
   */
  tidy(beforeMs: number): Promise<string[]>;
  readonly locks: StorageLocks;
  /** Bytes that can still be stored; undefined where there is no such figure. */
  freeBytes(): Promise<number | undefined>;
}
