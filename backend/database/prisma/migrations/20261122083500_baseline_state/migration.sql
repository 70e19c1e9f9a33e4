-- AlterTable
ALTER TABLE "performance_baselines" ADD COLUMN     "baseline_p50_ms" DOUBLE PRECISION,
ADD COLUMN     "evidence" TEXT,
ADD COLUMN     "phase" TEXT NOT NULL DEFAULT 'learning',
ADD COLUMN     "ratio" DOUBLE PRECISION,
ADD COLUMN     "since_at" TIMESTAMPTZ(3),
ADD COLUMN     "since_run_id" TEXT,
ADD COLUMN     "state" JSONB,
ADD COLUMN     "verdict" TEXT NOT NULL DEFAULT 'learning';

-- every run changes the row of its job: room for it on the same page
ALTER TABLE "performance_baselines" SET (fillfactor = 50);
