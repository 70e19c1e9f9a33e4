import { makeDirectorySync } from '@clearway/kernel';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { everyoneMayEnter, type ServerAccount } from './account.ts';
import { createFile, readIfPresent, replaceFile } from './files.ts';

/**
 * Where the cluster lives: the directory asked for, or a private one outside the clone when the server's account could
 * not enter it. A file `<directory>.location` in the clone then names that place, and the place names the clone, so that
 * a copied clone gets a cluster of its own, and a moved one keeps its.
 *
 * @param requested the data directory that the caller asked for
 * @param sharedDirectory gives the directory below which such places are made
 */
export function clusterDirectory(
  requested: string,
  account: ServerAccount | undefined,
  sharedDirectory: () => string,
): string {
  makeDirectorySync(dirname(resolve(requested)), { setting: 'DATA_DIRECTORY' });
  const wanted = join(realpathSync(dirname(resolve(requested))), basename(resolve(requested)));
  if (!account || existsSync(join(wanted, 'data')) || everyoneMayEnter(dirname(wanted))) return wanted;
  const pointer = `${wanted}.location`;
  return existingPlace(pointer, wanted) ?? newPlace(pointer, wanted, sharedDirectory());
}

function existingPlace(pointer: string, wanted: string): string | undefined {
  const place = readIfPresent(pointer)?.trim();
  if (!place || !existsSync(place)) return undefined;
  const origin = readIfPresent(join(place, 'origin'))?.trim();
  if (origin === wanted) return join(place, 'cluster');
  const copied = origin !== undefined && readIfPresent(`${origin}.location`)?.trim() === place;
  if (copied) return undefined;
  replaceFile(join(place, 'origin'), wanted);
  return join(place, 'cluster');
}

function newPlace(pointer: string, wanted: string, parent: string): string {
  const place = mkdtempSync(join(parent, 'database-'));
  chmodSync(place, 0o711);
  replaceFile(join(place, 'origin'), wanted);
  if (existsSync(pointer)) replaceFile(pointer, place);
  else if (!createFile(pointer, place)) {
    rmSync(place, { recursive: true }); // another starter was first
    return join(readIfPresent(pointer)?.trim() ?? place, 'cluster');
  }
  return join(place, 'cluster');
}
