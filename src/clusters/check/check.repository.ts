import { Injectable } from '@nestjs/common';
import { tenantId } from '../../common/context.ts';
import { Database } from '../../common/database.ts';
import type { ClusterStatus } from '../../generated/prisma/enums.ts';
import type { Finding } from './check.ts';

/** The lease on a cluster's row, part of each statement's condition. */
export interface Held {
  id: string;
  token: string;
}

/** Rows of a cluster that this worker checks, accessed as its tenant. */
@Injectable()
export class CheckRepository {
  constructor(private readonly database: Database) {}

  /** Version of the cluster's current credentials; null if it has none. */
  async credentialVersion(clusterId: string): Promise<number | null> {
    const where = { tenantId_clusterId: { tenantId: tenantId(), clusterId } };
    return (await this.database.rows.credential.findUnique({ where, select: { version: true } }))?.version ?? null;
  }

  /**
   * Stores the finding if the lease is still held. Fields that the check did not determine stay unchanged.
   *
   * @returns the previous status and the cluster's name; null if the lease is lost
   */
  async save(held: Held, finding: Finding): Promise<{ before: ClusterStatus; name: string } | null> {
    const [row] = await this.database.query<{ before: ClusterStatus; name: string }>(SAVE, [
      tenantId(),
      held.id,
      held.token,
      finding.status,
      finding.statusReason,
      finding.version,
      finding.latencyMilliseconds,
      JSON.stringify(finding.missing),
    ]);
    return row ?? null;
  }
}

const SAVE = `
  WITH old AS (
    SELECT status FROM clusters
    WHERE tenant_id = $1::uuid AND id = $2::uuid AND lease_token = $3::bigint AND lease_until > now() FOR NO KEY UPDATE)
  UPDATE clusters c SET status = $4::"ClusterStatus", status_reason = $5, kubernetes_version = coalesce($6, c.kubernetes_version),
    latency_milliseconds = coalesce($7::int, c.latency_milliseconds), missing_permissions = $8::jsonb, checked_at = clock_timestamp()
  FROM old WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid
  RETURNING old.status AS before, c.name`;
