SET lock_timeout = '5s';

-- A sentence becomes {code, data, since}. Sentences of before have no code of their own.
ALTER TABLE "rollouts" ADD COLUMN "phase_detail" JSONB;
ALTER TABLE "targets" ADD COLUMN "phase_detail" JSONB;

UPDATE "rollouts" SET "phase_detail" = jsonb_build_object('code', 'LEGACY', 'data', jsonb_build_object('message', "phase_reason"),
  'since', to_char("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) WHERE "phase_reason" IS NOT NULL;
UPDATE "targets" SET "phase_detail" = jsonb_build_object('code', 'LEGACY', 'data', jsonb_build_object('message', "phase_reason"),
  'since', to_char("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) WHERE "phase_reason" IS NOT NULL;

ALTER TABLE "rollouts" DROP COLUMN "phase_reason";
ALTER TABLE "targets" DROP COLUMN "phase_reason";
