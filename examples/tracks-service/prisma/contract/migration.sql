-- Contract: takes the old shape away. There is no way back after it. Run by 'separate contract', which first makes sure, under the
-- same lock, that no song is left in a post. The next release drops the fields from schema.prisma.
ALTER TABLE "posts" DROP COLUMN "audio_title",
                    DROP COLUMN "audio_artist",
                    DROP COLUMN "audio_duration_seconds",
                    DROP COLUMN "separated_at";
DROP TABLE "separation_errors";
