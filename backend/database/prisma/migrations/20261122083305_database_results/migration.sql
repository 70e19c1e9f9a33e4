-- CreateTable
CREATE TABLE "database_samples" (
    "database_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "figures" JSONB NOT NULL,

    CONSTRAINT "database_samples_pkey" PRIMARY KEY ("database_id","at")
);

-- CreateTable
CREATE TABLE "database_results" (
    "database_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "document" JSONB NOT NULL,

    CONSTRAINT "database_results_pkey" PRIMARY KEY ("database_id","kind","at")
);

-- CreateTable
CREATE TABLE "database_events" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "database_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "event" JSONB NOT NULL,

    CONSTRAINT "database_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "database_samples_at_idx" ON "database_samples"("at");

-- CreateIndex
CREATE INDEX "database_results_at_idx" ON "database_results"("at");

-- CreateIndex
CREATE INDEX "database_events_database_id_at_idx" ON "database_events"("database_id", "at" DESC);

-- CreateIndex
CREATE INDEX "database_events_at_idx" ON "database_events"("at");
