-- CreateEnum
CREATE TYPE "replay_status" AS ENUM ('RUNNING', 'COMPLETED', 'STOPPED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "replay_item_status" AS ENUM ('WAITING', 'RELEASED', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'WITHDRAWN');

-- DropIndex
DROP INDEX "dead_letter_queue_created_at_id_idx";

-- DropIndex
DROP INDEX "dead_letter_queue_job_id_created_at_id_idx";

-- DropIndex
DROP INDEX "dead_letter_queue_signature_created_at_id_idx";

-- DropIndex
DROP INDEX "dead_letter_queue_status_created_at_id_idx";

-- AlterTable
ALTER TABLE "dead_letter_queue" ADD COLUMN     "discarded_by" TEXT,
ADD COLUMN     "edited_data" JSONB;

-- AlterTable
ALTER TABLE "job_definitions" ADD COLUMN     "retired_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "dead_letter_groups" (
    "signature" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "pending" INTEGER NOT NULL DEFAULT 0,
    "processing" INTEGER NOT NULL DEFAULT 0,
    "succeeded" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "discarded" INTEGER NOT NULL DEFAULT 0,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "dead_letter_groups_pkey" PRIMARY KEY ("signature")
);

-- CreateTable
CREATE TABLE "replays" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "actor" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "selection" JSONB NOT NULL,
    "is_canary" BOOLEAN NOT NULL,
    "few" INTEGER NOT NULL,
    "events_per_second" DOUBLE PRECISION NOT NULL,
    "retries" INTEGER,
    "stop_on" TEXT NOT NULL,
    "signatures" TEXT[],
    "status" "replay_status" NOT NULL DEFAULT 'RUNNING',
    "stage" SMALLINT NOT NULL,
    "total" INTEGER NOT NULL,
    "released" INTEGER NOT NULL DEFAULT 0,
    "succeeded" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "withdrawn" INTEGER NOT NULL DEFAULT 0,
    "stop" JSONB,
    "credit" DOUBLE PRECISION NOT NULL DEFAULT 1,
    "paced_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "replays_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "replay_items" (
    "replay_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "dead_letter_id" UUID NOT NULL,
    "status" "replay_item_status" NOT NULL DEFAULT 'WAITING',
    "event_id" UUID,
    "was_status" "dead_letter_status" NOT NULL,
    "released_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "replay_items_pkey" PRIMARY KEY ("replay_id","position")
);

-- CreateIndex
CREATE INDEX "dead_letter_groups_last_seen_at_signature_idx" ON "dead_letter_groups"("last_seen_at" DESC, "signature" DESC);

-- CreateIndex
CREATE INDEX "dead_letter_groups_job_id_idx" ON "dead_letter_groups"("job_id");

-- CreateIndex
CREATE INDEX "replays_created_at_id_idx" ON "replays"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "replays_status_idx" ON "replays"("status");

-- CreateIndex
CREATE INDEX "replays_ended_at_idx" ON "replays"("ended_at");

-- CreateIndex
CREATE UNIQUE INDEX "replay_items_event_id_key" ON "replay_items"("event_id");

-- CreateIndex
CREATE INDEX "replay_items_replay_id_status_idx" ON "replay_items"("replay_id", "status");

-- CreateIndex
CREATE INDEX "replay_items_dead_letter_id_idx" ON "replay_items"("dead_letter_id");

-- CreateIndex
CREATE INDEX "dead_letter_queue_job_id_created_at_id_status_discarded_at_idx" ON "dead_letter_queue"("job_id", "created_at" DESC, "id" DESC, "status", "discarded_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_signature_created_at_id_status_discarded__idx" ON "dead_letter_queue"("signature", "created_at" DESC, "id" DESC, "status", "discarded_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_status_created_at_id_discarded_at_idx" ON "dead_letter_queue"("status", "created_at" DESC, "id" DESC, "discarded_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_created_at_id_status_discarded_at_idx" ON "dead_letter_queue"("created_at" DESC, "id" DESC, "status", "discarded_at");

-- AddForeignKey
ALTER TABLE "replay_items" ADD CONSTRAINT "replay_items_replay_id_fkey" FOREIGN KEY ("replay_id") REFERENCES "replays"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "replay_items" ADD CONSTRAINT "replay_items_dead_letter_id_fkey" FOREIGN KEY ("dead_letter_id") REFERENCES "dead_letter_queue"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- One replay at a time has a letter: two operators who press at once are told apart here. A partial index, which the schema
-- language cannot say.
CREATE UNIQUE INDEX "replay_items_open_idx" ON "replay_items"("dead_letter_id") WHERE "status" IN ('WAITING', 'RELEASED');

-- Adds to the counts of groups. Rows are locked in the order of their signatures, so that two transactions do not wait for
-- each other. A letter that only leaves has not been seen.
CREATE FUNCTION "dead_letter_groups_add"(text[], text[], text[], integer[], timestamptz[])
RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
  INSERT INTO dead_letter_groups AS g
    (signature, job_id, pending, processing, succeeded, failed, discarded, first_seen_at, last_seen_at)
  SELECT signature, max(job_id),
    coalesce(sum(sign) FILTER (WHERE state = 'PENDING'), 0), coalesce(sum(sign) FILTER (WHERE state = 'PROCESSING'), 0),
    coalesce(sum(sign) FILTER (WHERE state = 'SUCCEEDED'), 0), coalesce(sum(sign) FILTER (WHERE state = 'FAILED'), 0),
    coalesce(sum(sign) FILTER (WHERE state = 'DISCARDED'), 0),
    coalesce(min(first_seen), 'infinity'), coalesce(max(last_seen), '-infinity')
  FROM (
    SELECT signature, max(job_id) AS job_id, state, sum(sign) AS sign, min(seen) AS first_seen, max(seen) AS last_seen
    FROM unnest($1, $2, $3, $4, $5) AS change (signature, job_id, state, sign, seen)
    GROUP BY signature, state
    HAVING sum(sign) <> 0
  ) AS change
  GROUP BY signature
  ORDER BY signature
  ON CONFLICT (signature) DO UPDATE SET
    pending = g.pending + excluded.pending, processing = g.processing + excluded.processing,
    succeeded = g.succeeded + excluded.succeeded, failed = g.failed + excluded.failed,
    discarded = g.discarded + excluded.discarded,
    first_seen_at = least(g.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(g.last_seen_at, excluded.last_seen_at);
$$;

CREATE FUNCTION "dead_letter_groups_count"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM dead_letter_groups_add(array_agg(signature), array_agg(job_id),
      array_agg(CASE WHEN discarded_at IS NULL THEN status::text ELSE 'DISCARDED' END), array_agg(1),
      array_agg(coalesce(last_attempt_at, created_at)::timestamptz))
    FROM new_letters;
  ELSIF TG_OP = 'UPDATE' THEN
    PERFORM dead_letter_groups_add(array_agg(signature), array_agg(job_id), array_agg(state), array_agg(sign), array_agg(seen))
    FROM (
      SELECT signature, job_id, CASE WHEN discarded_at IS NULL THEN status::text ELSE 'DISCARDED' END AS state, 1 AS sign,
        coalesce(last_attempt_at, created_at)::timestamptz AS seen
      FROM new_letters
      UNION ALL
      SELECT signature, job_id, CASE WHEN discarded_at IS NULL THEN status::text ELSE 'DISCARDED' END, -1, NULL
      FROM old_letters
    ) AS changes;
  ELSE
    PERFORM dead_letter_groups_add(array_agg(signature), array_agg(job_id),
      array_agg(CASE WHEN discarded_at IS NULL THEN status::text ELSE 'DISCARDED' END), array_agg(-1),
      array_agg(NULL::timestamptz))
    FROM old_letters;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM dead_letter_groups
    WHERE signature IN (SELECT signature FROM old_letters) AND pending + processing + succeeded + failed + discarded = 0;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "dead_letter_groups_insert" AFTER INSERT ON "dead_letter_queue"
  REFERENCING NEW TABLE AS new_letters FOR EACH STATEMENT EXECUTE FUNCTION "dead_letter_groups_count"();
CREATE TRIGGER "dead_letter_groups_update" AFTER UPDATE ON "dead_letter_queue"
  REFERENCING OLD TABLE AS old_letters NEW TABLE AS new_letters FOR EACH STATEMENT EXECUTE FUNCTION "dead_letter_groups_count"();
CREATE TRIGGER "dead_letter_groups_delete" AFTER DELETE ON "dead_letter_queue"
  REFERENCING OLD TABLE AS old_letters FOR EACH STATEMENT EXECUTE FUNCTION "dead_letter_groups_count"();

CREATE FUNCTION "dead_letter_groups_clear"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM dead_letter_groups;
  RETURN NULL;
END $$;
CREATE TRIGGER "dead_letter_groups_truncate" AFTER TRUNCATE ON "dead_letter_queue"
  FOR EACH STATEMENT EXECUTE FUNCTION "dead_letter_groups_clear"();

-- The letters that are there already.
INSERT INTO "dead_letter_groups" (signature, job_id, pending, processing, succeeded, failed, discarded, first_seen_at, last_seen_at)
SELECT signature, max(job_id),
  count(*) FILTER (WHERE discarded_at IS NULL AND status = 'PENDING'),
  count(*) FILTER (WHERE discarded_at IS NULL AND status = 'PROCESSING'),
  count(*) FILTER (WHERE discarded_at IS NULL AND status = 'SUCCEEDED'),
  count(*) FILTER (WHERE discarded_at IS NULL AND status = 'FAILED'),
  count(*) FILTER (WHERE discarded_at IS NOT NULL),
  min(coalesce(last_attempt_at, created_at)), max(coalesce(last_attempt_at, created_at))
FROM "dead_letter_queue" GROUP BY signature;

-- Search for a part of an error's text. The extension belongs to every PostgreSQL and an owner of a database may add it;
-- where it is missing the search reads every letter.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX "dead_letter_queue_error_text_idx" ON "dead_letter_queue" USING gin (lower("error") gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'without pg_trgm (%) the search for error texts is slower', SQLERRM;
END $$;
