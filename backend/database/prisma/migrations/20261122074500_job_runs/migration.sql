-- CreateEnum
CREATE TYPE "job_run_status" AS ENUM ('RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'LOST', 'DUPLICATE');

-- DropIndex
DROP INDEX "dead_letter_queue_job_id_idx";

-- DropIndex
DROP INDEX "dead_letter_queue_status_created_at_idx";

-- DropIndex
DROP INDEX "dead_letter_queue_created_at_idx";

-- AlterTable
ALTER TABLE "job_metrics" ADD COLUMN     "items_processed" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "last_duration_ms" DOUBLE PRECISION,
ADD COLUMN     "lost_count" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "max_wait_ms" DOUBLE PRECISION,
ADD COLUMN     "timeout_count" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "total_wait_ms" DOUBLE PRECISION NOT NULL DEFAULT 0,
ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
ALTER COLUMN "updated_at" SET DEFAULT CURRENT_TIMESTAMP;

-- AlterTable
ALTER TABLE "performance_baselines" ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
ALTER COLUMN "updated_at" SET DEFAULT CURRENT_TIMESTAMP;

-- AlterTable
ALTER TABLE "dead_letter_queue" ADD COLUMN     "discard_reason" TEXT,
ADD COLUMN     "discarded_at" TIMESTAMPTZ(3),
ADD COLUMN     "enqueued_at" TIMESTAMPTZ(3),
ADD COLUMN     "error_name" TEXT,
ADD COLUMN     "event_id" UUID,
ADD COLUMN     "key" TEXT,
ADD COLUMN     "replay_event_id" UUID,
ADD COLUMN     "request_id" TEXT,
ADD COLUMN     "signature" TEXT NOT NULL DEFAULT 'unknown',
ADD COLUMN     "stack" TEXT,
ADD COLUMN     "trace_id" TEXT,
ALTER COLUMN "id" SET DEFAULT gen_random_uuid(),
ALTER COLUMN "updated_at" SET DEFAULT CURRENT_TIMESTAMP;

-- CreateTable
CREATE TABLE "job_definitions" (
    "job_id" TEXT NOT NULL,
    "description" TEXT,
    "source" TEXT NOT NULL,
    "service" TEXT,
    "settings" JSONB NOT NULL,
    "paused_at" TIMESTAMPTZ(3),
    "paused_by" TEXT,
    "next_due_at" TIMESTAMPTZ(3),
    "last_due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "job_definitions_pkey" PRIMARY KEY ("job_id")
);

-- CreateTable
CREATE TABLE "job_runs" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "job_id" TEXT NOT NULL,
    "event_id" UUID,
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "reported_id" TEXT,
    "status" "job_run_status" NOT NULL,
    "trigger" TEXT NOT NULL,
    "worker" TEXT,
    "enqueued_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "heartbeat_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "wait_ms" DOUBLE PRECISION,
    "duration_ms" DOUBLE PRECISION,
    "items_processed" BIGINT,
    "progress" JSONB,
    "error" JSONB,
    "output" JSONB,
    "logs" JSONB,
    "metadata" JSONB,
    "trace_id" TEXT,
    "request_id" TEXT,
    "cancel_requested_at" TIMESTAMPTZ(3),
    "observed" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "job_runs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "job_ledger" (
    "job_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "event_id" UUID NOT NULL,
    "run_id" UUID,
    "succeeded_at" TIMESTAMPTZ(3),
    "output" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "job_ledger_pkey" PRIMARY KEY ("job_id","key")
);

-- CreateTable
CREATE TABLE "job_metric_buckets" (
    "job_id" TEXT NOT NULL,
    "measure" TEXT NOT NULL,
    "bucket" SMALLINT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "job_metric_buckets_pkey" PRIMARY KEY ("job_id","measure","bucket")
);

-- CreateTable
CREATE TABLE "audit_log" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "reason" TEXT,
    "details" JSONB,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "job_definitions_next_due_at_idx" ON "job_definitions"("next_due_at");

-- CreateIndex
CREATE INDEX "job_runs_job_id_started_at_id_idx" ON "job_runs"("job_id", "started_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "job_runs_started_at_id_idx" ON "job_runs"("started_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "job_runs_ended_at_idx" ON "job_runs"("ended_at");

-- CreateIndex
CREATE INDEX "job_runs_event_id_idx" ON "job_runs"("event_id");

-- CreateIndex
CREATE UNIQUE INDEX "job_runs_job_id_reported_id_key" ON "job_runs"("job_id", "reported_id");

-- CreateIndex
CREATE INDEX "job_ledger_created_at_idx" ON "job_ledger"("created_at");

-- CreateIndex
CREATE INDEX "audit_log_at_idx" ON "audit_log"("at" DESC);

-- CreateIndex
CREATE INDEX "audit_log_subject_at_idx" ON "audit_log"("subject", "at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "dead_letter_queue_event_id_key" ON "dead_letter_queue"("event_id");

-- CreateIndex
CREATE UNIQUE INDEX "dead_letter_queue_replay_event_id_key" ON "dead_letter_queue"("replay_event_id");

-- CreateIndex
CREATE INDEX "dead_letter_queue_job_id_created_at_id_idx" ON "dead_letter_queue"("job_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "dead_letter_queue_signature_created_at_id_idx" ON "dead_letter_queue"("signature", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "dead_letter_queue_status_created_at_id_idx" ON "dead_letter_queue"("status", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "dead_letter_queue_created_at_id_idx" ON "dead_letter_queue"("created_at" DESC, "id" DESC);


-- Partial indexes, which the schema language cannot say: the few open and not yet compared runs among many.
CREATE INDEX "job_runs_running_idx" ON "job_runs"("job_id", "heartbeat_at") WHERE "status" = 'RUNNING';
CREATE INDEX "job_runs_unobserved_idx" ON "job_runs"("job_id", "ended_at", "id") WHERE NOT "observed" AND "ended_at" IS NOT NULL;
