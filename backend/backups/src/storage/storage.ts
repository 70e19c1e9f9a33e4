import type { Readable } from 'node:stream';

/** Name of the file that makes a folder a backup: it is stored last. */
export const MANIFEST_FILE = 'manifest.json';
/** Name of the file that says how far a backup was proven. It changes; nothing else of a backup does. */
export const VERIFICATION_FILE = 'verification.json';

/** What a storage is asked to take. */
export interface BackupToStore {
  readonly id: string;
  /** Folder on this machine that holds the files; a storage in the same file system may move it. */
  readonly folder: string;
  /** Names of the files, the manifest last. */
  readonly files: readonly string[];
  readonly signal?: AbortSignal | undefined;
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
  /** Takes a backup, whole or not at all. */
  store(backup: BackupToStore): Promise<void>;
  /** Replaces a small file of a backup in one step. */
  replaceText(id: string, file: string, content: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Bytes that can still be stored; undefined where there is no such figure. */
  freeBytes(): Promise<number | undefined>;
}
