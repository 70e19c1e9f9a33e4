-- How many posts and playlists a track is in, for GET /v1/tracks/:id/report.
CREATE VIEW "track_reach" AS
SELECT t."id" AS "track_id",
       (SELECT count(*) FROM "posts" p WHERE p."track_id" = t."id") AS "posts",
       (SELECT count(DISTINCT e."playlist_id") FROM "playlist_entries" e WHERE e."track_id" = t."id") AS "playlists"
  FROM "tracks" t;
