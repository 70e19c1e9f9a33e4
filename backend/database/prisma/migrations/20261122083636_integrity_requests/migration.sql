-- AlterTable
ALTER TABLE "integrity_checks" ADD COLUMN     "requested_at" TIMESTAMPTZ(3);
