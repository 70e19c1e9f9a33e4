import { makeDirectorySync } from '@clearway/kernel';
import { lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes a directory of the caller's own, or makes sure that an existing one is: a real directory that belongs to the
 * caller and that nobody else can write to. What stands in a place where anyone can make a name first is not trusted.
 *
 * @param mode permissions of a new one: 0o711 lets other accounts pass through to what is theirs
 * @throws when someone else made it, or could have put something into it
 */
export function ownDirectory(path: string, mode: 0o700 | 0o711): string {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (process.platform === 'win32') return path;
  const entry = lstatSync(path);
  if (!entry.isDirectory()) throw new Error(`${path} is not a directory`);
  if (entry.uid !== process.getuid?.()) throw new Error(`${path} belongs to another account (uid ${entry.uid})`);
  if (entry.mode & WRITABLE_BY_OTHERS) throw new Error(`${path} can be written to by other accounts`);
  return path;
}

/**
 * A directory outside the clone for what must be reachable by the server's account. For root below /var/lib, where
 * nobody else can make names; for others in their home, or in /var/tmp when they have none.
 *
 * @param chosen the only place to use
 * @throws with the reason for each place that could not be used
 */
export function sharedDirectory(chosen?: string): string {
  const uid = process.getuid?.();
  const isRoot = uid === 0;
  const temporary = `/var/tmp/clearway-${uid ?? 'user'}`;
  const usual = isRoot ? '/var/lib/clearway' : join(homedir(), '.cache', 'clearway');
  const candidates = chosen === undefined ? [usual, temporary] : [chosen];
  const refusals: string[] = [];
  for (const path of candidates) {
    try {
      makeDirectorySync(dirname(path), { mode: 0o700 });
      return ownDirectory(path, isRoot ? 0o711 : 0o700);
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  throw new Error(`no place for the database outside the clone: ${refusals.join('; ')}`);
}
