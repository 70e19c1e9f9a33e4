import type { Track, User } from '../generated/client.ts';

/** A track as clients see it. */
export interface TrackView {
  readonly id: string;
  readonly title: string;
  readonly artist: string;
  readonly durationSeconds: number | null;
  readonly owner: { readonly id: string; readonly name: string } | null;
  readonly file: { readonly sizeBytes: number; readonly sha256: string; readonly type: string } | null;
  readonly createdAt: string;
}

/** What a track is read with. */
export const withOwner = { owner: { select: { id: true, name: true } } } as const;

/** Shows a track. */
export function trackView(track: Track & { owner: Pick<User, 'id' | 'name'> | null }): TrackView {
  const { id, title, artist, durationSeconds, owner, fileSizeBytes, fileSha256, fileType } = track;
  const file =
    fileSizeBytes !== null && fileSha256 !== null && fileType !== null
      ? { sizeBytes: Number(fileSizeBytes), sha256: fileSha256, type: fileType }
      : null;
  return { id, title, artist, durationSeconds, owner, file, createdAt: track.createdAt.toISOString() };
}
