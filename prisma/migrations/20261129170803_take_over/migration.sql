SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "rollouts" ADD COLUMN     "take_over" BOOLEAN NOT NULL DEFAULT false;
