-- CreateTable
CREATE TABLE "integrity_checks" (
    "database" TEXT NOT NULL,
    "check_id" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "violations" BIGINT NOT NULL,
    "state" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "integrity_checks_pkey" PRIMARY KEY ("database","check_id")
);

-- CreateTable
CREATE TABLE "integrity_results" (
    "database" TEXT NOT NULL,
    "check_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "status" TEXT NOT NULL,
    "violations" BIGINT NOT NULL,
    "value" DOUBLE PRECISION,
    "duration_ms" DOUBLE PRECISION,

    CONSTRAINT "integrity_results_pkey" PRIMARY KEY ("database","check_id","at")
);

-- CreateTable
CREATE TABLE "data_migrations" (
    "name" TEXT NOT NULL,
    "database" TEXT NOT NULL,
    "phase" TEXT NOT NULL,
    "state" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "data_migrations_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "data_migration_samples" (
    "migration" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "phase" TEXT NOT NULL,
    "total" DOUBLE PRECISION,
    "done" DOUBLE PRECISION,
    "errors" DOUBLE PRECISION,
    "metrics" JSONB NOT NULL,

    CONSTRAINT "data_migration_samples_pkey" PRIMARY KEY ("migration","at")
);

-- CreateIndex
CREATE INDEX "integrity_checks_status_idx" ON "integrity_checks"("status");

-- CreateIndex
CREATE INDEX "integrity_results_database_at_idx" ON "integrity_results"("database", "at");

