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
