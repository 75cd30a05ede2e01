SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "targets" ADD COLUMN     "replicas" INTEGER;

-- What is under way keeps the number that it has been steered to.
UPDATE "targets" t SET "replicas" = p."replicas"
FROM "placements" p WHERE p."tenant_id" = t."tenant_id" AND p."id" = t."placement_id" AND p."replicas" IS NOT NULL;
