import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { isId } from '../common/id.ts';
import { byId, type Window } from '../common/page.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { ClusterStatus } from '../generated/prisma/client.ts';

const withRegion = { region: { select: { id: true, name: true } } } satisfies Prisma.ClusterInclude;

export type ClusterRow = Prisma.ClusterGetPayload<{ include: typeof withRegion }>;

export interface ClusterFilter {
  region?: string[] | undefined;
  status?: ClusterStatus[] | undefined;
  /** `name=value`, or `name` for any value. */
  label?: string[] | undefined;
}

/** A live placement on a cluster that is being forgotten. */
export interface LeftBehind {
  workloadId: string;
  workload: string;
  namespace: string;
}

const inRegion = (references: string[]): Prisma.ClusterWhereInput => ({
  region: { OR: [{ id: { in: references.filter(isId) } }, { name: { in: references } }] },
});

function bearing(label: string): Prisma.ClusterWhereInput {
  const at = label.indexOf('=');
  const [name, value] = at < 0 ? [label, null] : [label.slice(0, at), label.slice(at + 1)];
  return value === null ? { labels: { path: [name], string_starts_with: '' } } : { labels: { path: [name], equals: value } };
}

@Injectable()
export class ClusterRepository {
  constructor(private readonly database: Database) {}

  find(reference: string): Promise<ClusterRow | null> {
    const which = isId(reference) ? { id: reference } : { name: reference };
    return this.database.rows.cluster.findFirst({ where: { tenantId: tenantId(), ...which }, include: withRegion });
  }

  list(window: Window, { region, status, label }: ClusterFilter): Promise<ClusterRow[]> {
    const { where: after, ...page } = byId(window);
    const AND: Prisma.ClusterWhereInput[] = [
      { tenantId: tenantId(), ...after },
      ...(region ? [inRegion(region)] : []),
      ...(status ? [{ status: { in: status } }] : []),
      ...(label ? [{ OR: label.map(bearing) }] : []),
    ];
    return this.database.rows.cluster.findMany({ ...page, where: { AND }, include: withRegion });
  }

  /** The row, locked until the transaction ends. */
  async lock(reference: string): Promise<ClusterRow | null> {
    const found = await this.find(reference);
    if (!found) return null;
    this.database.send('SELECT 1 FROM clusters WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [tenantId(), found.id]);
    return this.find(found.id);
  }

  create(cluster: { id: string; name: string; regionId: string; labels: Record<string, string>; server: string }): Promise<ClusterRow> {
    return this.database.rows.cluster.create({ data: { ...cluster, tenantId: tenantId() }, include: withRegion });
  }

  update(id: string, change: Prisma.ClusterUncheckedUpdateInput): Promise<ClusterRow> {
    const data = { ...change, version: { increment: 1 } };
    return this.database.rows.cluster.update({ where: this.key(id), data, include: withRegion });
  }

  /** Requests a check. Returns the time of the request by the database's clock. */
  async requestCheck(id: string): Promise<Date> {
    const text = `
      UPDATE clusters SET check_requested_at = date_trunc('milliseconds', clock_timestamp()), due_at = clock_timestamp()
      WHERE tenant_id = $1::uuid AND id = $2::uuid RETURNING check_requested_at AS at`;
    const [row] = await this.database.query<{ at: Date }>(text, [tenantId(), id]);
    if (!row) throw new Error(`cluster ${id} disappeared within its own transaction`);
    return row.at;
  }

  /** Records that no worker has done the check, unless one has in the meantime. */
  async noteUnserved(id: string, askedAt: Date, statusReason: string): Promise<void> {
    const unclaimed = { leaseOwner: null, checkRequestedAt: askedAt, OR: [{ checkedAt: null }, { checkedAt: { lt: askedAt } }] };
    await this.database.rows.cluster.updateMany({ where: { tenantId: tenantId(), id, ...unclaimed }, data: { statusReason } });
  }

  async delete(id: string): Promise<void> {
    await this.database.rows.cluster.delete({ where: this.key(id) });
  }

  /** Whether a placement there is wanted or live. Removed placements, and those of removed workloads, do not count. */
  async isInhabited(clusterId: string): Promise<boolean> {
    const lives = { OR: [{ wanted: true }, { applied: { not: Prisma.DbNull } }] };
    const living = { tenantId: tenantId(), clusterId, workload: { deletedAt: null }, ...lives };
    return (await this.database.rows.placement.count({ where: living })) > 0;
  }

  /** Number of active rollouts with a target there. */
  activeRollouts(clusterId: string): Promise<number> {
    const phase = { in: ['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'] as ('QUEUED' | 'RUNNING' | 'PAUSED' | 'ROLLING_BACK')[] };
    return this.database.rows.rollout.count({ where: { tenantId: tenantId(), phase, targets: { some: { placement: { clusterId } } } } });
  }

  /** Deletes every placement there and its dependent rows. Returns those that were live. */
  async forgetPlacements(clusterId: string): Promise<LeftBehind[]> {
    const { placement, target, releaseObject } = this.database.rows;
    const there = { tenantId: tenantId(), placement: { clusterId } };
    const rows = await placement.findMany({
      where: { tenantId: tenantId(), clusterId },
      select: { namespace: true, applied: true, workload: { select: { id: true, name: true } } },
    });
    await target.deleteMany({ where: there });
    await releaseObject.deleteMany({ where: there });
    await placement.deleteMany({ where: { tenantId: tenantId(), clusterId } });
    return rows
      .filter((row) => row.applied !== null)
      .map(({ namespace, workload }) => ({ workloadId: workload.id, workload: workload.name, namespace }));
  }

  private key(id: string) {
    return { tenantId_id: { tenantId: tenantId(), id } };
  }
}
