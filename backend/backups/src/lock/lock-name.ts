import { createHash } from 'node:crypto';

/** A name for the lock of a database that every storage takes, and no other database has. */
export function lockNameOf(database: string): string {
  const readable = database.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return `${readable.slice(0, 40)}-${createHash('sha256').update(database).digest('hex').slice(0, 8)}`;
}
