-- A song that exists only in its post: quick to share, and in no list of tracks.
ALTER TABLE "posts" ADD COLUMN "audio_title" TEXT,
                    ADD COLUMN "audio_artist" TEXT,
                    ADD COLUMN "audio_duration_seconds" DOUBLE PRECISION;
