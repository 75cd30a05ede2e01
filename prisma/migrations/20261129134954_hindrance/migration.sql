SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "targets" ADD COLUMN     "hindrance" JSONB;
