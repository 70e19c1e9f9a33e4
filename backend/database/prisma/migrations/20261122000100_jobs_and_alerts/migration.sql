-- CreateEnum
CREATE TYPE "dead_letter_status" AS ENUM ('PENDING', 'PROCESSING', 'SUCCEEDED', 'FAILED');

-- CreateEnum
CREATE TYPE "alert_severity" AS ENUM ('CRITICAL', 'ERROR', 'WARNING', 'INFO');

-- CreateTable
CREATE TABLE "job_metrics" (
    "id" UUID NOT NULL,
    "job_id" TEXT NOT NULL,
    "total_executions" INTEGER NOT NULL DEFAULT 0,
    "success_count" INTEGER NOT NULL DEFAULT 0,
    "failure_count" INTEGER NOT NULL DEFAULT 0,
    "total_duration_ms" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "min_duration_ms" DOUBLE PRECISION,
    "max_duration_ms" DOUBLE PRECISION,
    "last_execution_at" TIMESTAMPTZ(3),
    "last_success_at" TIMESTAMPTZ(3),
    "last_failure_at" TIMESTAMPTZ(3),
    "metadata" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "job_metrics_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "performance_baselines" (
    "id" UUID NOT NULL,
    "job_id" TEXT NOT NULL,
    "baseline_avg_ms" DOUBLE PRECISION NOT NULL,
    "baseline_p95_ms" DOUBLE PRECISION NOT NULL,
    "sample_size" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "performance_baselines_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dead_letter_queue" (
    "id" UUID NOT NULL,
    "job_id" TEXT NOT NULL,
    "event_data" JSONB NOT NULL,
    "error" TEXT NOT NULL,
    "metadata" JSONB,
    "status" "dead_letter_status" NOT NULL DEFAULT 'PENDING',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_attempt_at" TIMESTAMPTZ(3),
    "processed_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "dead_letter_queue_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "alerts" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "severity" "alert_severity" NOT NULL,
    "title" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "metadata" JSONB,
    "resolved" BOOLEAN NOT NULL DEFAULT false,
    "resolved_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "alerts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "job_metrics_job_id_key" ON "job_metrics"("job_id");

-- CreateIndex
CREATE INDEX "job_metrics_last_execution_at_idx" ON "job_metrics"("last_execution_at");

-- CreateIndex
CREATE INDEX "job_metrics_last_failure_at_idx" ON "job_metrics"("last_failure_at");

-- CreateIndex
CREATE UNIQUE INDEX "performance_baselines_job_id_key" ON "performance_baselines"("job_id");

-- CreateIndex
CREATE INDEX "performance_baselines_updated_at_idx" ON "performance_baselines"("updated_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_job_id_idx" ON "dead_letter_queue"("job_id");

-- CreateIndex
CREATE INDEX "dead_letter_queue_status_created_at_idx" ON "dead_letter_queue"("status", "created_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_created_at_idx" ON "dead_letter_queue"("created_at");

-- CreateIndex
CREATE INDEX "dead_letter_queue_last_attempt_at_idx" ON "dead_letter_queue"("last_attempt_at");

-- CreateIndex
CREATE INDEX "alerts_type_idx" ON "alerts"("type");

-- CreateIndex
CREATE INDEX "alerts_severity_idx" ON "alerts"("severity");

-- CreateIndex
CREATE INDEX "alerts_resolved_created_at_idx" ON "alerts"("resolved", "created_at");

-- CreateIndex
CREATE INDEX "alerts_created_at_idx" ON "alerts"("created_at");

-- CreateIndex
CREATE INDEX "alerts_resolved_at_idx" ON "alerts"("resolved_at");

