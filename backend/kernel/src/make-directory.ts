import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** How a directory is made. */
export interface MakeDirectoryOptions {
  /** Permissions of what is made. */
  readonly mode?: number;
  /** The variable that names the place, for the message. */
  readonly setting?: string;
}

/**
 * Makes a directory and those above it, where they are missing. Not by `recursive`: Node tries that forever where the system
 * lets nobody make anything, as in `/proc`.
 *
 * @throws Error with the system's code, which says where nothing can be made and what to set instead
 * @example
 * makeDirectorySync(env.DATA_DIRECTORY, { mode: 0o700, setting: 'DATA_DIRECTORY' });
 */
export function makeDirectorySync(directory: string, options: MakeDirectoryOptions = {}): void {
  const { mode, setting } = options;
  const at = path.resolve(directory);
  if (isDirectory(at)) return;
  makeDirectorySync(path.dirname(at), options);
  try {
    mkdirSync(at, mode);
  } catch (error) {
    if (isDirectory(at)) return;
    const { code } = error as NodeJS.ErrnoException;
    const instead = 'a folder that this account may write to';
    const remedy = setting === undefined ? `name ${instead}` : `set ${setting} to ${instead}`;
    throw Object.assign(new Error(`no folder can be made at ${at} (${code}): ${remedy}`, { cause: error }), { code });
  }
}

function isDirectory(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}
