import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { json } from '../../platform/db/statements.ts';
import type { ClusterStatus } from '../../generated/prisma/enums.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld } from '../../runtime/work.ts';
import { tables } from '../columns.ts';
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
    const [row] = await this.database.run(
      tables.selectNoFrom([sql<Date>`clock_timestamp()`.as('at'), credentialVersion(clusterId).as('version')]),
    );
    return row!;
  }

  /** Version of the cluster's current credentials; null if it has none. */
  async credentialVersion(clusterId: string): Promise<number | null> {
    const where = { tenantId_clusterId: { tenantId: tenantId(), clusterId } };
    return (await this.database.rows.credential.findUnique({ where, select: { version: true } }))?.version ?? null;
  }

  /**
   * Stores the finding if the lease is still held, the credentials are still those of the check, and no check that began later has been stored. Fields that the check did not determine stay unchanged.
   *
   * @returns the previous status and the cluster's name; null if nothing was stored
   */
  async save(lease: Lease, clusterId: string, begun: Begun, finding: Finding): Promise<{ before: ClusterStatus; name: string } | null> {
    const [row] = await this.database.run(save(lease, clusterId, begun, finding));
    return row ?? null;
  }
}

/** Of the current credentials, 0 without any. */
const credentialVersion = (clusterId: string) =>
  sql<number>`coalesce(${tables.selectFrom('credentials').select('version').where('tenant_id', '=', tenantId()).where('cluster_id', '=', clusterId)}, 0)`;

const save = ({ kind, id, token }: Lease, clusterId: string, begun: Begun, finding: Finding) =>
  tables
    .with('old', (db) =>
      db
        .selectFrom('clusters')
        .select('status')
        .where('tenant_id', '=', tenantId())
        .where('id', '=', clusterId)
        .where('deleted_at', 'is', null)
        .where((e) => e.exists(leaseHeld({ tenant: tenantId(), kind, id, token })))
        .where(credentialVersion(clusterId), '=', begun.version)
        .where((e) => e.or([e('checked_at', 'is', null), e('checked_at', '<=', begun.at)]))
        .forNoKeyUpdate(),
    )
    .updateTable('clusters as c')
    .from('old')
    .set((e) => ({
      status: finding.status,
      status_reason: finding.statusReason,
      kubernetes_version: e.fn.coalesce(e.val(finding.version), 'c.kubernetes_version'),
      latency_milliseconds: e.fn.coalesce(e.val(finding.latencyMilliseconds), 'c.latency_milliseconds'),
      missing_permissions: json(finding.missing),
      checked_at: begun.at,
    }))
    .where('c.tenant_id', '=', tenantId())
    .where('c.id', '=', clusterId)
    .returning(['old.status as before', 'c.name']);
