import type pg from 'pg';

/** What a batch did. */
export interface Batch {
  readonly moved: number;
  /** Rows that cannot be moved as they are; they are written down. */
  readonly failed: number;
  /** The last post that was looked at; undefined when none was left behind the given one. */
  readonly last: string | undefined;
}

const PENDING = `audio_title IS NOT NULL AND separated_at IS NULL
  AND NOT EXISTS (SELECT FROM separation_errors e WHERE e.post_id = posts.id)`;

/** The track gets the post's id: a batch that runs twice makes nothing twice, and the way back is known. */
const SEPARATE = `
  WITH made AS (
    INSERT INTO tracks (id, title, artist, duration_seconds, owner_id, created_at, updated_at)
    SELECT id, audio_title, audio_artist, audio_duration_seconds, author_id, created_at, now() FROM posts
     WHERE id = ANY ($1::uuid[])
    ON CONFLICT (id) DO NOTHING
  )
  UPDATE posts SET track_id = id, separated_at = now() WHERE id = ANY ($1::uuid[])`;

/**
 * Moves the songs of the next posts into tracks, in one transaction. Posts that a request is changing at this moment are
 * passed over and found again in the next round.
 *
 * @param client connected, with no transaction open
 * @param after the id of the last post looked at
 */
export async function separateBatch(client: pg.ClientBase, after: string, size: number): Promise<Batch> {
  return inTransaction(client, async () => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM posts WHERE ${PENDING} AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [after, size],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return { moved: 0, failed: 0, last: undefined };
    const failed = await separate(client, ids);
    return { moved: ids.length - failed, failed, last: ids.at(-1) };
  });
}

/** All together; one by one only when one of them cannot be moved. Returns how many could not. */
async function separate(client: pg.ClientBase, ids: readonly string[]): Promise<number> {
  await client.query('SAVEPOINT batch');
  try {
    await client.query(SEPARATE, [ids]);
    return 0;
  } catch (error) {
    const { code = '', message } = error as Partial<pg.DatabaseError> & Error;
    // only what the data violates: anything else would fail for each row as well
    if (!/^2[23]/.test(code)) throw error;
    await client.query('ROLLBACK TO batch');
    if (ids.length === 1) {
      await client.query('INSERT INTO separation_errors (post_id, error) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
        ids[0],
        `${code} ${message}`,
      ]);
      return 1;
    }
    let failed = 0;
    for (const id of ids) failed += await separate(client, [id]);
    return failed;
  }
}

/** What the track says now, which may have been edited since, goes back into the post. */
const RESTORE = `
  UPDATE posts SET audio_title = t.title, audio_artist = t.artist, audio_duration_seconds = t.duration_seconds,
                   track_id = NULL, separated_at = NULL
    FROM tracks t WHERE t.id = posts.track_id AND posts.id = ANY ($1::uuid[])`;
/** Its track was deleted meanwhile: the song is gone, and stays so. */
const FORGET = `
  UPDATE posts SET audio_title = NULL, audio_artist = NULL, audio_duration_seconds = NULL, separated_at = NULL
   WHERE id = ANY ($1::uuid[]) AND track_id IS NULL AND separated_at IS NOT NULL`;
/** A track that others have come to use, or that has a file, stays. */
const DELETE_UNUSED = `
  DELETE FROM tracks t WHERE t.id = ANY ($1::uuid[]) AND t.file_name IS NULL
     AND NOT EXISTS (SELECT FROM posts p WHERE p.track_id = t.id)
     AND NOT EXISTS (SELECT FROM playlist_entries e WHERE e.track_id = t.id)`;

/** The way back: puts the songs of the next posts where they were, in one transaction. */
export async function undoBatch(client: pg.ClientBase, after: string, size: number): Promise<Batch> {
  return inTransaction(client, async () => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM posts WHERE separated_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [after, size],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return { moved: 0, failed: 0, last: undefined };
    // locked first: nobody begins to use a track between the look at its uses and its deletion
    await client.query('SELECT FROM tracks WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE', [ids]);
    await client.query(FORGET, [ids]);
    await client.query(RESTORE, [ids]);
    await client.query(DELETE_UNUSED, [ids]);
    return { moved: ids.length, failed: 0, last: ids.at(-1) };
  });
}

async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '30s'");
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
