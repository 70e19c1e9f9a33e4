-- Expand: room for the new shape beside the old one. Songs within posts become tracks, batch by batch, while the service
-- serves both shapes (src/separation). The columns are dropped by prisma/contract, after everything was moved.
ALTER TABLE "posts" ADD COLUMN "separated_at" TIMESTAMPTZ(3);

-- Posts whose song cannot become a track as it is: left alone, and counted.
CREATE TABLE "separation_errors" (
    "post_id" UUID NOT NULL,
    "error" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "separation_errors_pkey" PRIMARY KEY ("post_id")
);
