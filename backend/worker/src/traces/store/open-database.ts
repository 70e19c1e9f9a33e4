import { makeDirectorySync } from '@clearway/kernel';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { APPLICATION_ID, PAGE_BYTES, SCHEMA_VERSION, TABLES } from './schema.ts';
import type { StoreSizes } from './sizes.ts';
import { isOccupied } from './sqlite-errors.ts';

/** Name of the file within its folder. */
export const FILE_NAME = 'traces.db';

/** Files that SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm', '-journal'];

/** A database that can be used, and what had to be done for it. */
export interface OpenedDatabase {
  readonly database: DatabaseSync;
  /** False when the folder cannot be used: traces are then kept in memory. */
  readonly onDisk: boolean;
  /** For operators: what was wrong. */
  readonly problem?: string;
}

/**
 * Opens the database of a folder. A file that cannot be used is moved aside and an empty one takes its place; when that
 * is impossible as well, a small one in memory does.
 *
 * @param folder where the file lies, made when it is missing
 */
export function openDatabase(folder: string, sizes: StoreSizes): OpenedDatabase {
  const file = path.join(folder, FILE_NAME);
  try {
    makeDirectorySync(folder, { mode: 0o700, setting: 'DATA_DIRECTORY' });
    return { database: openFile(file, sizes), onDisk: true };
  } catch (error) {
    return openWithout(file, sizes, error);
  }
}

/** After the file turned out to be broken while it was in use. */
export function reopenDatabase(folder: string, sizes: StoreSizes, broken: unknown): OpenedDatabase {
  return openWithout(path.join(folder, FILE_NAME), sizes, broken);
}

/** Gives bytes back to the disk when the bound was lowered since the file was made. Blocks for as long as that takes. */
export function giveBack(database: DatabaseSync, { databaseBytes }: StoreSizes): void {
  const pages = Number(Object.values(database.prepare('PRAGMA page_count').get() ?? {})[0]);
  if (pages * PAGE_BYTES <= databaseBytes) return;
  database.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)');
  limitPages(database, databaseBytes);
}

/** SQLite then answers "full" to what would go beyond it. */
function limitPages(database: DatabaseSync, bytes: number): void {
  database.exec(`PRAGMA max_page_count = ${Math.floor(bytes / PAGE_BYTES)}`);
}

function openWithout(file: string, sizes: StoreSizes, broken: unknown): OpenedDatabase {
  const why = (broken as Error).message;
  if (isOccupied(broken)) return openInMemory(why, sizes);
  try {
    const aside = moveAside(file);
    const problem = `the trace store could not be used (${why}): ${aside} keeps it, a new one was begun`;
    return { database: openFile(file, sizes), onDisk: true, problem };
  } catch (error) {
    return openInMemory(`${why}; ${(error as Error).message}`, sizes);
  }
}

function openInMemory(why: string, sizes: StoreSizes): OpenedDatabase {
  const problem = `the trace store cannot be kept on disk (${why}): traces are in memory`;
  return { database: openFile(':memory:', sizes), onDisk: false, problem };
}

function openFile(file: string, sizes: StoreSizes): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 1000 });
  try {
    prepare(database, sizes);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync, { databaseBytes, walBytes }: StoreSizes): void {
  const pragma = (text: string) => database.prepare(`PRAGMA ${text}`).get() as Record<string, unknown> | undefined;
  // one process owns the file: a second one gets an error, and no shared-memory file is needed
  pragma('locking_mode = EXCLUSIVE');
  pragma(`page_size = ${PAGE_BYTES}`);
  pragma('auto_vacuum = INCREMENTAL');
  pragma('journal_mode = WAL');
  // what was committed survives a killed process; a machine that stops may lose the last moments
  pragma('synchronous = NORMAL');
  pragma(`journal_size_limit = ${walBytes}`);
  pragma(`wal_autocheckpoint = ${Math.max(1, Math.floor(walBytes / 4 / PAGE_BYTES))}`);
  pragma('cache_size = -8192');
  if (pragma('user_version')?.['user_version'] === 0) create(database);
  const version = pragma('user_version')?.['user_version'];
  const application = pragma('application_id')?.['application_id'];
  if (version !== SCHEMA_VERSION || application !== APPLICATION_ID) throw new Error('it is of another version');
  // finds most of what a crash or a stranger did to the file; the rest is found when it is read
  database.prepare('SELECT sum(bytes) FROM (SELECT bytes FROM traces ORDER BY class, id LIMIT 1000)').get();
  limitPages(database, databaseBytes);
}

function create(database: DatabaseSync): void {
  database.exec(
    `BEGIN; ${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`,
  );
}

/** Moves a database aside. Only the newest one is kept, so that a disk that breaks files cannot be filled with them. */
function moveAside(file: string): string {
  const folder = path.dirname(file);
  const prefix = `${path.basename(file)}.unusable-`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix)) rmSync(path.join(folder, name), { recursive: true, force: true });
  }
  const aside = `${file}.unusable-${new Date().toISOString().replaceAll(':', '')}`;
  for (const suffix of COMPANIONS) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  }
  return path.basename(aside);
}
