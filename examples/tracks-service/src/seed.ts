import { openDatabase, type Database } from './database.ts';
import { ALBUMS, LISTENERS, SHARED_SONGS, THOUGHTS } from './seed-data.ts';
import { isMissingColumn } from './sql-state.ts';

/** Ids that are the same in every start, and older than any id that the service makes. */
const fixedId = (kind: number, n: number): string =>
  `00000000-0000-7000-8000-${kind.toString(16).padStart(4, '0')}${n.toString(16).padStart(8, '0')}`;
const userId = (n: number): string => fixedId(1, n % LISTENERS.length);
const trackId = (n: number): string => fixedId(2, n);

/**
 * Fills the database with a few users, tracks, posts and playlists. What is there already stays as it is, so it may run
 * at every start, and several times at once.
 *
 * @param connectionString a migrated database of this service
 */
export async function seed(connectionString: string): Promise<void> {
  const database = openDatabase(connectionString);
  const skipDuplicates = true;
  const rows = seedRows();
  try {
    await database.$transaction([
      database.user.createMany({ data: rows.users, skipDuplicates }),
      database.track.createMany({ data: rows.tracks, skipDuplicates }),
      database.post.createMany({ data: rows.posts, skipDuplicates }),
      database.playlist.createMany({ data: rows.playlists, skipDuplicates }),
      database.playlistEntry.createMany({ data: rows.entries, skipDuplicates }),
    ]);
    await seedSharedSongs(database);
  } finally {
    await database.$disconnect();
  }
}

/** As an older release wrote them; not once that shape is gone. */
async function seedSharedSongs(database: Database): Promise<void> {
  const ids = SHARED_SONGS.map((_, n) => fixedId(3, 200 + n));
  const authors = SHARED_SONGS.map((_, n) => userId(n));
  try {
    await database.$executeRaw`
      INSERT INTO posts (id, kind, author_id, audio_title, audio_artist, audio_duration_seconds)
      SELECT id::uuid, 'audio', author::uuid, title, 'Schema Drift', 180
        FROM unnest(${ids}::text[], ${authors}::text[], ${[...SHARED_SONGS]}::text[]) AS song (id, author, title)
      ON CONFLICT DO NOTHING`;
  } catch (error) {
    if (!isMissingColumn(error)) throw error;
  }
}

function seedRows() {
  const users = LISTENERS.map((name, n) => ({ id: userId(n), name, email: `${name.toLowerCase()}@example.com` }));
  const tracks = ALBUMS.flatMap(({ artist, titles }) => titles.map((title) => ({ artist, title }))).map((track, n) => ({
    ...track,
    id: trackId(n),
    durationSeconds: 150 + ((n * 37) % 240),
    ownerId: userId(n),
  }));
  const posts = [
    ...tracks.slice(0, 8).map(({ id }, n) => ({
      id: fixedId(3, n),
      kind: 'audio' as const,
      trackId: id,
      authorId: userId(n),
    })),
    ...THOUGHTS.map((text, n) => ({ id: fixedId(3, 100 + n), kind: 'text' as const, text, authorId: userId(n + 1) })),
  ];
  const playlists = ALBUMS.map(({ artist }, n) => ({
    id: fixedId(4, n),
    title: `Best of ${artist}`,
    ownerId: userId(n),
  }));
  const entries = playlists.flatMap(({ id }, n) =>
    tracks
      .filter(({ artist }) => artist === ALBUMS[n]?.artist)
      .map((track, at) => ({ id: fixedId(5, n * 100 + at), playlistId: id, trackId: track.id, position: at + 1 })),
  );
  return { users, tracks, posts, playlists, entries };
}
