SET lock_timeout = '5s';

-- CreateEnum
CREATE TYPE "PodSecurityLevel" AS ENUM ('PRIVILEGED', 'BASELINE', 'RESTRICTED');

-- AlterTable
ALTER TABLE "tenants" ADD COLUMN     "pod_security" "PodSecurityLevel" NOT NULL DEFAULT 'BASELINE';

GRANT SELECT (pod_security) ON "tenants" TO slipway_system;
