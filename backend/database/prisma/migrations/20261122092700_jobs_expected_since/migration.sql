-- AlterTable
ALTER TABLE "job_definitions" ADD COLUMN     "expected_since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

UPDATE "job_definitions" SET "expected_since" = "created_at";
