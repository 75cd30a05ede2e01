import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import type { ClusterStatus } from '../../generated/prisma/enums.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld } from '../../runtime/work.ts';
import type { Finding } from './check.ts';

/** When a check began and with which credentials: its finding counts from then, and for those credentials only. */
export interface Begun {
  at: Date;
  version: number;
}

/** Rows of a cluster that this worker checks, accessed as its tenant. */
@Injectable()
export class CheckRepository {
  constructor(private readonly database: Database) {}

  /** The start of a check, by the database's clock, and the version of the current credentials (0 = none). */
  async begin(clusterId: string): Promise<Begun> {
    const [row] = await this.database.query<Begun>(BEGIN, [tenantId(), clusterId]);
    return row!;
  }

  /** Version of the cluster's current credentials; null if it has none. */
  async credentialVersion(clusterId: string): Promise<number | null> {
    const where = { tenantId_clusterId: { tenantId: tenantId(), clusterId } };
    return (await this.database.rows.credential.findUnique({ where, select: { version: true } }))?.version ?? null;
  }

  /**
   * Stores the finding if the lease is still held and the credentials are still those of the check. Fields that the check did not determine stay unchanged.
   *
   * @returns the previous status and the cluster's name; null if nothing was stored
   */
  async save(lease: Lease, clusterId: string, begun: Begun, finding: Finding): Promise<{ before: ClusterStatus; name: string } | null> {
    const [row] = await this.database.query<{ before: ClusterStatus; name: string }>(SAVE, [
      tenantId(),
      clusterId,
      finding.status,
      finding.statusReason,
      finding.version,
      finding.latencyMilliseconds,
      JSON.stringify(finding.missing),
      begun.at,
      begun.version,
      lease.kind,
      lease.id,
      lease.token,
    ]);
    return row ?? null;
  }
}

const VERSION = 'coalesce((SELECT version FROM credentials WHERE tenant_id = $1::uuid AND cluster_id = $2::uuid), 0)';

const BEGIN = `SELECT clock_timestamp() AS at, ${VERSION} AS version`;

const SAVE = `
  WITH old AS (
    SELECT status FROM clusters
    WHERE tenant_id = $1::uuid AND id = $2::uuid AND deleted_at IS NULL
      AND EXISTS (${leaseHeld({ kind: '$10', id: '$11', token: '$12' })}) AND ${VERSION} = $9::int FOR NO KEY UPDATE)
  UPDATE clusters c SET status = $3::"ClusterStatus", status_reason = $4, kubernetes_version = coalesce($5, c.kubernetes_version),
    latency_milliseconds = coalesce($6::int, c.latency_milliseconds), missing_permissions = $7::jsonb, checked_at = $8::timestamptz
  FROM old WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid
  RETURNING old.status AS before, c.name`;
