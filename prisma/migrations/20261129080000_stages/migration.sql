SET lock_timeout = '5s';

ALTER TYPE "StrategyType" ADD VALUE 'BATCHES';

-- A target goes through a list of stages. No rollout is under way during this migration, so that what targets of before went through is only ever shown.
ALTER TABLE "targets" ADD COLUMN "stages" JSONB, ADD COLUMN "stage" INTEGER NOT NULL DEFAULT 0, ADD COLUMN "progress" JSONB, ADD COLUMN "gate" JSONB;

UPDATE "targets" SET "stages" = jsonb_build_array(jsonb_build_object('kind', 'OPEN', 'step', "step")),
  "gate" = CASE WHEN "surge" IS NOT NULL THEN jsonb_build_object('n', "step_n", 'surge', "surge", 'unavailable', "unavailable") END;

ALTER TABLE "targets" ALTER COLUMN "stages" SET NOT NULL;
ALTER TABLE "targets" DROP COLUMN "step", DROP COLUMN "step_n", DROP COLUMN "surge", DROP COLUMN "unavailable", DROP COLUMN "held_at";
