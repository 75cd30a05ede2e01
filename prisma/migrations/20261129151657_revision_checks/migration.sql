SET lock_timeout = '5s';

-- CreateEnum
CREATE TYPE "CheckState" AS ENUM ('PENDING', 'PASSED', 'FAILED', 'UNKNOWN');

-- CreateTable
CREATE TABLE "revision_checks" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "revision_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "cluster_id" UUID NOT NULL,
    "namespace" TEXT,
    "workload_id" UUID,
    "values" JSONB NOT NULL DEFAULT '{}',
    "kubernetes_version" TEXT,
    "state" "CheckState" NOT NULL DEFAULT 'PENDING',
    "findings" JSONB NOT NULL DEFAULT '[]',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "revision_checks_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "revision_checks_tenant_id_revision_id_idx" ON "revision_checks"("tenant_id", "revision_id");

-- CreateIndex
CREATE INDEX "revision_checks_tenant_id_cluster_id_idx" ON "revision_checks"("tenant_id", "cluster_id");

-- CreateIndex
CREATE INDEX "revision_checks_tenant_id_workload_id_idx" ON "revision_checks"("tenant_id", "workload_id");

-- CreateIndex
CREATE INDEX "revision_checks_created_at_idx" ON "revision_checks"("created_at");

-- AddForeignKey
ALTER TABLE "revision_checks" ADD CONSTRAINT "revision_checks_tenant_id_revision_id_fkey" FOREIGN KEY ("tenant_id", "revision_id") REFERENCES "revisions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revision_checks" ADD CONSTRAINT "revision_checks_tenant_id_cluster_id_fkey" FOREIGN KEY ("tenant_id", "cluster_id") REFERENCES "clusters"("tenant_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revision_checks" ADD CONSTRAINT "revision_checks_tenant_id_workload_id_fkey" FOREIGN KEY ("tenant_id", "workload_id") REFERENCES "workloads"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

GRANT SELECT, INSERT, UPDATE, DELETE ON revision_checks TO slipway_app;
GRANT SELECT (tenant_id, id, revision_id, state, created_at), DELETE ON revision_checks TO slipway_system;

ALTER TABLE revision_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE revision_checks FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON revision_checks TO slipway_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
DO $$
BEGIN
  EXECUTE 'CREATE POLICY owner ON revision_checks TO CURRENT_USER USING (true) WITH CHECK (true)';
END
$$;

-- Whoever waits for the checks of a revision, in whatever tenant, is told when they are done. A row lives for 30 days.
CREATE POLICY system_reads ON revision_checks FOR SELECT TO slipway_system USING (true);
CREATE POLICY system_deletes_expired ON revision_checks FOR DELETE TO slipway_system USING (created_at < now() - interval '30 days');
