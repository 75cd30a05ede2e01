-- A cluster that is removed and a template that is deleted stay as tombstones, as workloads do: what ran goes on referring to them.

SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "clusters" ADD COLUMN     "deleted_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "templates" ADD COLUMN     "deleted_at" TIMESTAMPTZ(3);

-- Their names are free again.
CREATE UNIQUE INDEX clusters_name_alive ON clusters (tenant_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX templates_name_alive ON templates (tenant_id, name) WHERE deleted_at IS NULL;

-- DropIndex
DROP INDEX "clusters_tenant_id_name_key";

-- DropIndex
DROP INDEX "templates_tenant_id_name_key";

-- CreateIndex
CREATE INDEX "clusters_tenant_id_name_idx" ON "clusters"("tenant_id", "name");

-- CreateIndex
CREATE INDEX "templates_tenant_id_name_idx" ON "templates"("tenant_id", "name");

-- What is history is never deleted, so that is not granted.
REVOKE DELETE ON clusters, templates, workloads, release_objects, waves, targets FROM slipway_app;
