import { randomBytes } from 'node:crypto';

const ID = /^\d{8}T\d{6}Z-[a-z0-9][a-z0-9-]{0,39}-[0-9a-f]{6}$/;

/** Whether a text has the form of a backup's id: such a text is safe as a name of a file. */
export const isBackupId = (text: string): boolean => ID.test(text);

/**
 * Makes the id of a backup: sorted as texts, ids are sorted by time.
 *
 * @example
 * newBackupId('tracks', Date.UTC(2026, 10, 22, 2)) // '20261122T020000Z-tracks-3f9a1c'
 */
export function newBackupId(database: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
  const name = database
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40);
  return `${time}-${name.replace(/-+$/, '') || 'database'}-${randomBytes(3).toString('hex')}`;
}

/** When the backup of an id was begun, in milliseconds since 1970. */
export function timeOfBackupId(id: string): number {
  const [, date = '', time = ''] = /^(\d{8})T(\d{6})Z/.exec(id) ?? [];
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  return Date.parse(iso);
}

/** The name in an id, which is that of its database in the letters that ids have. */
export const nameOfBackupId = (id: string): string => id.slice(17, -7);

/** Whether an id has the name of a database. Others whose names differ only in what ids leave out have it, too. */
export const isNamedAfter = (id: string, database: string): boolean =>
  nameOfBackupId(id) === nameOfBackupId(newBackupId(database, 0));
