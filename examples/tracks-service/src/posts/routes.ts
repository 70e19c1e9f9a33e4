import { loggedOperation, monitoredQuery, trackMetric } from '@clearway/telemetry';
import { json, Router } from 'express';
import { z } from 'zod';
import type { Database } from '../database.ts';
import type { Post, Track, User } from '../generated/client.ts';
import { page, pageOf, pageQuery } from '../http/pages.ts';
import { check, readableText } from '../http/validation.ts';
import { checkReferences } from '../references.ts';

const newPost = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('audio'),
    trackId: z.uuid(),
    text: readableText(2000).optional(),
    authorId: z.uuid().optional(),
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

const postView = ({ id, kind, text, track, author, createdAt }: ShownPost): object => ({
  id,
  kind,
  text,
  ...(kind === 'audio' && { track }),
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
    response.json(page(posts, wanted, postView));
  });

  router.post('/', json({ limit: '16kb' }), async (request, response) => {
    const post = check(newPost, request.body);
    const trackId = post.kind === 'audio' ? post.trackId : undefined;
    await checkReferences(database, { authorId: post.authorId, trackId });
    const data = {
      kind: post.kind,
      text: post.text ?? null,
      trackId: trackId ?? null,
      authorId: post.authorId ?? null,
    };
    const created = await loggedOperation('create post', () =>
      monitoredQuery('posts.create', () => database.post.create({ data, include: related })),
    );
    trackMetric('posts_created', 1, { kind: post.kind });
    response.status(201).json(postView(created));
  });

  return router;
}
