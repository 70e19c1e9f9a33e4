import { monitoredQuery } from '@clearway/telemetry';
import type { Database } from '../database.ts';

/** A song that exists only in its post: the shape of older audio posts, until they are separated. */
export interface SongWithin {
  /** Of the track that it became a moment ago. */
  readonly id: string | null;
  readonly title: string | null;
  readonly artist: string | null;
  readonly durationSeconds: number | null;
}

type Row = SongWithin & { readonly post: string };

/**
 * Reads the songs that posts still hold themselves. Once the columns are gone there are none.
 *
 * @param ids of audio posts that were read without a track; some may have got theirs since
 */
export async function songsWithin(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SongWithin>> {
  if (ids.length === 0) return new Map();
  const rows = await monitoredQuery(
    'posts.songs_within',
    // by name within the row, so that the query also stands once the columns are gone
    () => database.$queryRaw<Row[]>`
      SELECT id::text AS post, track_id::text AS id, song ->> 'audio_title' AS title, song ->> 'audio_artist' AS artist,
             (song ->> 'audio_duration_seconds')::float8 AS "durationSeconds"
        FROM posts CROSS JOIN LATERAL (SELECT to_jsonb(posts) AS song) AS whole
       WHERE id = ANY (${ids}::uuid[]) AND song ->> 'audio_title' IS NOT NULL
         AND (song ->> 'separated_at' IS NULL OR track_id IS NOT NULL)`,
  );
  return new Map(rows.map(({ post, ...song }) => [post, song]));
}
