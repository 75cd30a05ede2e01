SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "targets" DROP COLUMN "stopped_milliseconds",
ADD COLUMN     "made" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "retried_at" TIMESTAMPTZ(3);
