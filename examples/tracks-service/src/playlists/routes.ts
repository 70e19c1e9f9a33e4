import { loggedOperation, monitoredQuery, trackMetric } from '@clearway/telemetry';
import { json, Router } from 'express';
import { z } from 'zod';
import type { Database } from '../database.ts';
import type { Playlist } from '../generated/client.ts';
import { page, pageOf, pageQuery } from '../http/pages.ts';
import { notFound } from '../http/problem.ts';
import { check, idOf, readableText } from '../http/validation.ts';
import { checkReferences } from '../references.ts';

const newPlaylist = z.strictObject({ title: readableText(200), ownerId: z.uuid().optional() });
const newEntry = z.strictObject({ trackId: z.uuid() });

type ShownPlaylist = Playlist & { _count: { entries: number } };

const playlistView = ({ id, title, ownerId, createdAt, _count }: ShownPlaylist): object => ({
  id,
  title,
  ownerId,
  entries: _count.entries,
  createdAt: createdAt.toISOString(),
});

const withCount = { _count: { select: { entries: true } } } as const;

/** `/v1/playlists`: playlists and their entries. */
export function playlistRoutes(database: Database): Router {
  const router = Router();

  router.get('/', async (request, response) => {
    const wanted = pageOf(request.query);
    const playlists = await monitoredQuery('playlists.list', () =>
      database.playlist.findMany({ ...pageQuery(wanted), include: withCount }),
    );
    response.json(page(playlists, wanted, playlistView));
  });

  router.post('/', json({ limit: '16kb' }), async (request, response) => {
    const { title, ownerId } = check(newPlaylist, request.body);
    await checkReferences(database, { ownerId });
    const data = { title, ownerId: ownerId ?? null };
    const created = await loggedOperation('create playlist', () =>
      monitoredQuery('playlists.create', () => database.playlist.create({ data, include: withCount })),
    );
    trackMetric('playlists_created', 1);
    response.status(201).json(playlistView(created));
  });

  router.post('/:id/entries', json({ limit: '16kb' }), async (request, response) => {
    const playlistId = idOf(request.params.id, 'playlist');
    const { trackId } = check(newEntry, request.body);
    await checkReferences(database, { trackId });
    const entry = await loggedOperation(
      'add playlist entry',
      () => monitoredQuery('playlists.add_entry', () => addEntry(database, playlistId, trackId)),
      { playlist_id: playlistId },
    );
    if (!entry) throw notFound('playlist');
    response.status(201).json(entry);
  });

  return router;
}

/** Appends a track; undefined when there is no such playlist. The playlist's row is locked, so that two entries at once get two positions. */
function addEntry(database: Database, playlistId: string, trackId: string): Promise<object | undefined> {
  return database.$transaction(async (transaction) => {
    const found = await transaction.$queryRaw<object[]>`
      SELECT id::text FROM playlists WHERE id = ${playlistId}::uuid FOR UPDATE`;
    if (found.length === 0) return undefined;
    const { _max } = await transaction.playlistEntry.aggregate({ where: { playlistId }, _max: { position: true } });
    const data = { playlistId, trackId, position: (_max.position ?? 0) + 1 };
    return transaction.playlistEntry.create({ data, select: { id: true, trackId: true, position: true } });
  });
}
