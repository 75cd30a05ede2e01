SET lock_timeout = '5s';

-- CreateTable
CREATE TABLE "work" (
    "tenant_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "region_id" UUID,
    "cluster_id" UUID,
    "due_at" TIMESTAMPTZ(6) NOT NULL,
    "lease_owner" TEXT,
    "lease_token" BIGINT,
    "lease_until" TIMESTAMPTZ(3),

    CONSTRAINT "work_pkey" PRIMARY KEY ("tenant_id","kind","id")
);

-- CreateTable
CREATE TABLE "inquiries" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "cluster_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "answer" JSONB,
    "answered_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "inquiries_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "work_lease_token_key" ON "work"("lease_token");

-- CreateIndex
CREATE INDEX "work_kind_due_at_idx" ON "work"("kind", "due_at");

-- What a worker holds, and whether a region has one.
CREATE INDEX work_leased ON work (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX work_regions ON work (region_id) WHERE lease_until IS NOT NULL;

-- CreateIndex
CREATE INDEX "inquiries_tenant_id_cluster_id_idx" ON "inquiries"("tenant_id", "cluster_id");

-- CreateIndex
CREATE INDEX "inquiries_created_at_idx" ON "inquiries"("created_at");

-- AddForeignKey
ALTER TABLE "work" ADD CONSTRAINT "work_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "inquiries" ADD CONSTRAINT "inquiries_tenant_id_cluster_id_fkey" FOREIGN KEY ("tenant_id", "cluster_id") REFERENCES "clusters"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- No two claims have the same token, even of a row that was deleted in between.
CREATE SEQUENCE work_lease_tokens;

GRANT SELECT, INSERT, UPDATE, DELETE ON work, inquiries TO slipway_app;
GRANT SELECT, UPDATE (due_at, lease_owner, lease_token, lease_until), DELETE ON work TO slipway_system;
GRANT USAGE ON SEQUENCE work_lease_tokens TO slipway_system;
GRANT SELECT (tenant_id, id, created_at, answered_at), DELETE ON inquiries TO slipway_system;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['work', 'inquiries'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      $policy$CREATE POLICY own_tenant ON %1$I TO slipway_app
        USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
        WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))$policy$, name);
    EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;
CREATE POLICY system_leases ON work TO slipway_system USING (true) WITH CHECK (true);

-- Whoever waits for an answer, in whatever tenant, is told when it is there. An inquiry lives for ten minutes.
CREATE POLICY system_reads ON inquiries FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_deletes_expired ON inquiries FOR DELETE TO slipway_system USING (created_at < now() - interval '10 minutes');

-- No process of the version before may make something due between the copy and the end of its columns.
LOCK TABLE clusters, placements, rollouts IN ACCESS EXCLUSIVE MODE;

-- What is due, and what is leased by a worker that this migration has stopped, goes on in the new table.
INSERT INTO work (tenant_id, kind, id, due_at) SELECT tenant_id, 'rollouts', id, least(due_at, now()) FROM rollouts WHERE due_at IS NOT NULL;
INSERT INTO work (tenant_id, kind, id, region_id, cluster_id, due_at)
  SELECT tenant_id, 'placements', id, region_id, cluster_id, least(due_at, now()) FROM placements WHERE due_at IS NOT NULL;
INSERT INTO work (tenant_id, kind, id, region_id, cluster_id, due_at)
  SELECT tenant_id, 'clusters', id, region_id, id, due_at FROM clusters WHERE due_at IS NOT NULL AND deleted_at IS NULL;

-- The system role finds due rows in this table alone, so it sees no others for that any more.
DROP POLICY system_leases ON rollouts;
DROP POLICY system_leases ON placements;
DROP POLICY system_leases ON clusters;
DROP POLICY system_reads ON placements;
DROP POLICY system_reads ON clusters;
REVOKE ALL ON placements, clusters FROM slipway_system;

-- AlterTable
ALTER TABLE "clusters" DROP COLUMN "check_requested_at",
DROP COLUMN "due_at",
DROP COLUMN "lease_owner",
DROP COLUMN "lease_token",
DROP COLUMN "lease_until";

-- AlterTable
ALTER TABLE "placements" DROP COLUMN "due_at",
DROP COLUMN "lease_owner",
DROP COLUMN "lease_token",
DROP COLUMN "lease_until";

-- AlterTable
ALTER TABLE "rollouts" DROP COLUMN "due_at",
DROP COLUMN "lease_owner",
DROP COLUMN "lease_token",
DROP COLUMN "lease_until";
