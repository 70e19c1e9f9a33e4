import { loggedOperation, monitoredQuery, trackMetric } from '@clearway/telemetry';
import { json, Router } from 'express';
import { z } from 'zod';
import type { Database } from '../database.ts';
import type { Post, Track, User } from '../generated/client.ts';
import { page, pageOf, pageQuery } from '../http/pages.ts';
import { check, readableText } from '../http/validation.ts';
import { checkReferences } from '../references.ts';
import { songsWithin, type SongWithin } from './songs-within.ts';

const newSong = z.strictObject({
  title: readableText(200),
  artist: readableText(200),
  durationSeconds: z.number().positive().max(86_400).optional(),
});
const newPost = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('audio'),
      trackId: z.uuid().optional(),
      track: newSong.optional(),
      text: readableText(2000).optional(),
      authorId: z.uuid().optional(),
    })
    .refine(({ trackId, track }) => (trackId === undefined) !== (track === undefined), {
      path: ['trackId'],
      error: 'expected trackId, or a track to make',
    }),
  z.strictObject({ kind: z.literal('text'), text: readableText(2000), authorId: z.uuid().optional() }),
]);

const related = {
  author: { select: { id: true, name: true } },
  track: { select: { id: true, title: true, artist: true } },
} as const;

type ShownPost = Post & {
  author: Pick<User, 'id' | 'name'> | null;
  track: Pick<Track, 'id' | 'title' | 'artist'> | null;
};

const postView = ({ id, kind, text, track, author, createdAt }: ShownPost, song?: SongWithin): object => ({
  id,
  kind,
  text,
  ...(kind === 'audio' && { track: track ?? song ?? null }),
  author,
  createdAt: createdAt.toISOString(),
});

/** `/v1/posts`: audio posts that show a track, and text posts. */
export function postRoutes(database: Database): Router {
  const router = Router();

  router.get('/', async (request, response) => {
    const wanted = pageOf(request.query);
    const posts = await monitoredQuery('posts.list', () =>
      database.post.findMany({ ...pageQuery(wanted), include: related }),
    );
    const alone = posts.filter(({ kind, track }) => kind === 'audio' && track === null);
    const songs = await songsWithin(
      database,
      alone.map(({ id }) => id),
    );
    response.json(page(posts, wanted, (post) => postView(post, songs.get(post.id))));
  });

  router.post('/', json({ limit: '16kb' }), async (request, response) => {
    const post = check(newPost, request.body);
    const { trackId, track } = post.kind === 'audio' ? post : {};
    await checkReferences(database, { authorId: post.authorId, trackId });
    const author = post.authorId === undefined ? {} : { author: { connect: { id: post.authorId } } };
    const owner = post.authorId === undefined ? {} : { owner: { connect: { id: post.authorId } } };
    const data = {
      kind: post.kind,
      text: post.text ?? null,
      ...author,
      ...(trackId !== undefined && { track: { connect: { id: trackId } } }),
      // one transaction: no track without its post
      ...(track && { track: { create: { ...track, durationSeconds: track.durationSeconds ?? null, ...owner } } }),
    };
    const created = await loggedOperation('create post', () =>
      monitoredQuery('posts.create', () => database.post.create({ data, include: related })),
    );
    trackMetric('posts_created', 1, { kind: post.kind });
    response.status(201).json(postView(created));
  });

  return router;
}
