SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "release_objects" ADD COLUMN     "ran_at" TIMESTAMPTZ(3);

-- A good release has had its success: its placements count as having run it.
UPDATE "release_objects" o SET "ran_at" = l."good_at"
FROM "releases" l WHERE l."tenant_id" = o."tenant_id" AND l."id" = o."release_id" AND l."good_at" IS NOT NULL;
