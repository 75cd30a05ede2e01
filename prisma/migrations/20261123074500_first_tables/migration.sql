SET lock_timeout = '5s';

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('VIEWER', 'DEPLOYER', 'ADMIN');

-- CreateEnum
CREATE TYPE "ClusterStatus" AS ENUM ('UNKNOWN', 'CONNECTED', 'UNREACHABLE', 'DENIED');

-- CreateEnum
CREATE TYPE "StrategyType" AS ENUM ('ROLLING', 'CANARY');

-- CreateEnum
CREATE TYPE "RolloutKind" AS ENUM ('DEPLOY', 'ROLLBACK', 'RESTART', 'SCALE', 'DELETE');

-- CreateEnum
CREATE TYPE "RolloutPhase" AS ENUM ('QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK', 'SUCCEEDED', 'ROLLED_BACK', 'FAILED', 'CANCELED', 'SUPERSEDED');

-- CreateEnum
CREATE TYPE "PauseReason" AS ENUM ('STEP', 'APPROVAL', 'MANUAL', 'FAILURE');

-- CreateEnum
CREATE TYPE "RolloutIntent" AS ENUM ('ABORT', 'GIVE_UP');

-- CreateEnum
CREATE TYPE "OnFailure" AS ENUM ('ROLLBACK_ALL', 'ROLLBACK_WAVE', 'ROLLBACK_TARGET', 'PAUSE');

-- CreateEnum
CREATE TYPE "OnUnreachable" AS ENUM ('WAIT', 'SKIP', 'FAIL');

-- CreateEnum
CREATE TYPE "WavePhase" AS ENUM ('PENDING', 'OPEN', 'COMPLETED');

-- CreateEnum
CREATE TYPE "TargetPhase" AS ENUM ('PENDING', 'PROGRESSING', 'HELD', 'BAKING', 'ROLLING_BACK', 'SUCCEEDED', 'FAILED', 'ROLLED_BACK', 'SKIPPED');

-- CreateTable
CREATE TABLE "tenants" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "data_key_sealed" BYTEA NOT NULL,
    "limits" JSONB NOT NULL DEFAULT '{}',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "regions" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "regions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "Role" NOT NULL,
    "sha256" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "clusters" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "region_id" UUID NOT NULL,
    "labels" JSONB NOT NULL DEFAULT '{}',
    "server" TEXT NOT NULL,
    "status" "ClusterStatus" NOT NULL DEFAULT 'UNKNOWN',
    "status_reason" TEXT,
    "kubernetes_version" TEXT,
    "latency_milliseconds" INTEGER,
    "missing_permissions" JSONB NOT NULL DEFAULT '[]',
    "checked_at" TIMESTAMPTZ(3),
    "check_requested_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(6),
    "lease_owner" TEXT,
    "lease_token" BIGINT NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "clusters_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "credentials" (
    "tenant_id" UUID NOT NULL,
    "cluster_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credentials_pkey" PRIMARY KEY ("tenant_id","cluster_id")
);

-- CreateTable
CREATE TABLE "templates" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "latest_revision" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "templates_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "revisions" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "template_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "created_by" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revisions_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "workloads" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "template_id" UUID NOT NULL,
    "values" JSONB NOT NULL DEFAULT '{}',
    "placement_rule" JSONB,
    "current_release_id" UUID,
    "pinned_revision" INTEGER,
    "pinned_at_latest" INTEGER,
    "latest_release" INTEGER NOT NULL DEFAULT 0,
    "deleted_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "workloads_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "placements" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workload_id" UUID NOT NULL,
    "cluster_id" UUID NOT NULL,
    "region_id" UUID NOT NULL,
    "namespace" TEXT NOT NULL,
    "values" JSONB NOT NULL DEFAULT '{}',
    "replicas" INTEGER,
    "wanted" BOOLEAN NOT NULL DEFAULT true,
    "last_written_replicas" INTEGER,
    "applied" JSONB,
    "observed" JSONB,
    "observed_at" TIMESTAMPTZ(3),
    "progress_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(6),
    "lease_owner" TEXT,
    "lease_token" BIGINT NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "placements_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "releases" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workload_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "revision_id" UUID NOT NULL,
    "values" JSONB NOT NULL,
    "placements" JSONB NOT NULL,
    "reason" TEXT,
    "good_at" TIMESTAMPTZ(3),
    "created_by" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "releases_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "rendered" (
    "tenant_id" UUID NOT NULL,
    "digest" TEXT NOT NULL,
    "objects" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rendered_pkey" PRIMARY KEY ("tenant_id","digest")
);

-- CreateTable
CREATE TABLE "release_objects" (
    "tenant_id" UUID NOT NULL,
    "release_id" UUID NOT NULL,
    "placement_id" UUID NOT NULL,
    "digest" TEXT NOT NULL,
    "template_digest" TEXT NOT NULL,
    "replicas" INTEGER NOT NULL,
    "strategy" JSONB NOT NULL,

    CONSTRAINT "release_objects_pkey" PRIMARY KEY ("tenant_id","release_id","placement_id")
);

-- CreateTable
CREATE TABLE "rollouts" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "workload_id" UUID NOT NULL,
    "kind" "RolloutKind" NOT NULL,
    "release_id" UUID,
    "previous_release_id" UUID,
    "strategy" JSONB NOT NULL,
    "values" JSONB NOT NULL DEFAULT '{}',
    "reason" TEXT,
    "retry_of_id" UUID,
    "on_failure" "OnFailure" NOT NULL DEFAULT 'ROLLBACK_ALL',
    "on_unreachable" "OnUnreachable" NOT NULL DEFAULT 'WAIT',
    "phase" "RolloutPhase" NOT NULL DEFAULT 'QUEUED',
    "pause_reason" "PauseReason",
    "intent" "RolloutIntent",
    "phase_reason" TEXT,
    "failure" JSONB,
    "created_by" JSONB NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "settled_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(6),
    "lease_owner" TEXT,
    "lease_token" BIGINT NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rollouts_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "waves" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "rollout_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "phase" "WavePhase" NOT NULL DEFAULT 'PENDING',
    "promoted_step" INTEGER NOT NULL DEFAULT -1,
    "max_concurrent" INTEGER,
    "max_failed" INTEGER NOT NULL DEFAULT 0,
    "evidence" JSONB,

    CONSTRAINT "waves_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "targets" (
    "tenant_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "rollout_id" UUID NOT NULL,
    "wave_id" UUID NOT NULL,
    "placement_id" UUID NOT NULL,
    "phase" "TargetPhase" NOT NULL DEFAULT 'PENDING',
    "phase_reason" TEXT,
    "from" JSONB,
    "to" JSONB,
    "written" BOOLEAN NOT NULL DEFAULT false,
    "undoing" BOOLEAN NOT NULL DEFAULT false,
    "uid" TEXT,
    "replicas_before" INTEGER,
    "replicas_after" INTEGER,
    "step" INTEGER NOT NULL DEFAULT 0,
    "step_n" INTEGER,
    "surge" TEXT,
    "unavailable" TEXT,
    "entered_at" TIMESTAMPTZ(3),
    "held_at" TIMESTAMPTZ(3),
    "stopped_at" TIMESTAMPTZ(3),
    "stopped_milliseconds" BIGINT NOT NULL DEFAULT 0,
    "condition" JSONB,
    "failure" JSONB,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "targets_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "event_heads" (
    "tenant_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_heads_pkey" PRIMARY KEY ("tenant_id")
);

-- CreateTable
CREATE TABLE "events" (
    "tenant_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "type" TEXT NOT NULL,
    "time" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "workload_id" UUID,
    "rollout_id" UUID,
    "target_id" UUID,
    "message" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "events_pkey" PRIMARY KEY ("tenant_id","seq")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "tenant_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "resource" TEXT NOT NULL,
    "resource_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("tenant_id","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "tenants_name_key" ON "tenants"("name");

-- CreateIndex
CREATE UNIQUE INDEX "regions_name_key" ON "regions"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_id_key" ON "api_keys"("id");

-- CreateIndex
CREATE UNIQUE INDEX "clusters_tenant_id_name_key" ON "clusters"("tenant_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "templates_tenant_id_name_key" ON "templates"("tenant_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "revisions_tenant_id_template_id_number_key" ON "revisions"("tenant_id", "template_id", "number");

-- CreateIndex
CREATE INDEX "workloads_tenant_id_name_idx" ON "workloads"("tenant_id", "name");

-- CreateIndex
CREATE INDEX "placements_tenant_id_cluster_id_idx" ON "placements"("tenant_id", "cluster_id");

-- CreateIndex
CREATE UNIQUE INDEX "placements_tenant_id_workload_id_cluster_id_namespace_key" ON "placements"("tenant_id", "workload_id", "cluster_id", "namespace");

-- CreateIndex
CREATE UNIQUE INDEX "releases_tenant_id_workload_id_number_key" ON "releases"("tenant_id", "workload_id", "number");

-- CreateIndex
CREATE INDEX "rollouts_tenant_id_workload_id_idx" ON "rollouts"("tenant_id", "workload_id");

-- CreateIndex
CREATE UNIQUE INDEX "waves_tenant_id_rollout_id_position_key" ON "waves"("tenant_id", "rollout_id", "position");

-- CreateIndex
CREATE INDEX "targets_tenant_id_placement_id_idx" ON "targets"("tenant_id", "placement_id");

-- CreateIndex
CREATE UNIQUE INDEX "targets_tenant_id_rollout_id_placement_id_key" ON "targets"("tenant_id", "rollout_id", "placement_id");

-- CreateIndex
CREATE INDEX "events_tenant_id_rollout_id_seq_idx" ON "events"("tenant_id", "rollout_id", "seq");

-- CreateIndex
CREATE INDEX "events_tenant_id_workload_id_seq_idx" ON "events"("tenant_id", "workload_id", "seq");

-- CreateIndex
CREATE INDEX "events_time_idx" ON "events" USING BRIN ("time");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "clusters" ADD CONSTRAINT "clusters_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "clusters" ADD CONSTRAINT "clusters_region_id_fkey" FOREIGN KEY ("region_id") REFERENCES "regions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_tenant_id_cluster_id_fkey" FOREIGN KEY ("tenant_id", "cluster_id") REFERENCES "clusters"("tenant_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "templates" ADD CONSTRAINT "templates_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revisions" ADD CONSTRAINT "revisions_tenant_id_template_id_fkey" FOREIGN KEY ("tenant_id", "template_id") REFERENCES "templates"("tenant_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "workloads" ADD CONSTRAINT "workloads_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "workloads" ADD CONSTRAINT "workloads_tenant_id_template_id_fkey" FOREIGN KEY ("tenant_id", "template_id") REFERENCES "templates"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "workloads" ADD CONSTRAINT "workloads_tenant_id_current_release_id_fkey" FOREIGN KEY ("tenant_id", "current_release_id") REFERENCES "releases"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "placements" ADD CONSTRAINT "placements_tenant_id_workload_id_fkey" FOREIGN KEY ("tenant_id", "workload_id") REFERENCES "workloads"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "placements" ADD CONSTRAINT "placements_tenant_id_cluster_id_fkey" FOREIGN KEY ("tenant_id", "cluster_id") REFERENCES "clusters"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "releases" ADD CONSTRAINT "releases_tenant_id_workload_id_fkey" FOREIGN KEY ("tenant_id", "workload_id") REFERENCES "workloads"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "releases" ADD CONSTRAINT "releases_tenant_id_revision_id_fkey" FOREIGN KEY ("tenant_id", "revision_id") REFERENCES "revisions"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "release_objects" ADD CONSTRAINT "release_objects_tenant_id_release_id_fkey" FOREIGN KEY ("tenant_id", "release_id") REFERENCES "releases"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "release_objects" ADD CONSTRAINT "release_objects_tenant_id_placement_id_fkey" FOREIGN KEY ("tenant_id", "placement_id") REFERENCES "placements"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "release_objects" ADD CONSTRAINT "release_objects_tenant_id_digest_fkey" FOREIGN KEY ("tenant_id", "digest") REFERENCES "rendered"("tenant_id", "digest") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_tenant_id_workload_id_fkey" FOREIGN KEY ("tenant_id", "workload_id") REFERENCES "workloads"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_tenant_id_release_id_fkey" FOREIGN KEY ("tenant_id", "release_id") REFERENCES "releases"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_tenant_id_previous_release_id_fkey" FOREIGN KEY ("tenant_id", "previous_release_id") REFERENCES "releases"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "waves" ADD CONSTRAINT "waves_tenant_id_rollout_id_fkey" FOREIGN KEY ("tenant_id", "rollout_id") REFERENCES "rollouts"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "targets" ADD CONSTRAINT "targets_tenant_id_rollout_id_fkey" FOREIGN KEY ("tenant_id", "rollout_id") REFERENCES "rollouts"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "targets" ADD CONSTRAINT "targets_tenant_id_wave_id_fkey" FOREIGN KEY ("tenant_id", "wave_id") REFERENCES "waves"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "targets" ADD CONSTRAINT "targets_tenant_id_placement_id_fkey" FOREIGN KEY ("tenant_id", "placement_id") REFERENCES "placements"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_heads" ADD CONSTRAINT "event_heads_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
