import { monitoredQuery } from '@clearway/telemetry';
import type { Database } from './database.ts';
import { invalid, type InvalidPart } from './http/problem.ts';

/** Things that a new one refers to. */
export interface References {
  readonly ownerId?: string | undefined;
  readonly authorId?: string | undefined;
  readonly trackId?: string | undefined;
}

/**
 * Makes sure that what a new thing refers to exists.
 *
 * @throws Problem 400 that names each reference to nothing
 */
export async function checkReferences(database: Database, references: References): Promise<void> {
  const userId = references.ownerId ?? references.authorId;
  const [user, track] = await Promise.all([
    userId === undefined
      ? true
      : monitoredQuery('users.exists', () => database.user.findUnique({ where: { id: userId }, select: { id: true } })),
    references.trackId === undefined
      ? true
      : monitoredQuery('tracks.exists', () =>
          database.track.findUnique({ where: { id: references.trackId ?? '' }, select: { id: true } }),
        ),
  ]);
  const errors: InvalidPart[] = [];
  if (!user) errors.push({ path: references.ownerId === undefined ? 'authorId' : 'ownerId', message: 'no such user' });
  if (!track) errors.push({ path: 'trackId', message: 'no such track' });
  if (errors.length > 0) throw invalid(errors);
}
