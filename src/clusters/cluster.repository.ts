import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { LostRace } from '../platform/db/database-errors.ts';
import { Database } from '../platform/db/database.ts';
import { isId } from '../platform/id.ts';
import { byId, type Window } from '../platform/api/page.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { ClusterStatus } from '../generated/prisma/client.ts';
import { tables } from './columns.ts';

const withRegion = { region: { select: { id: true, name: true } } } satisfies Prisma.ClusterInclude;

export type ClusterRow = Prisma.ClusterGetPayload<{ include: typeof withRegion }>;

export interface ClusterFilter {
  region?: string[] | undefined;
  status?: ClusterStatus[] | undefined;
  /** `name=value`, or `name` for any value. */
  label?: string[] | undefined;
}

/** A placement on a cluster that is being forgotten. */
export interface GivenUp extends LeftBehind {
  id: string;
  /** Something of it runs there. */
  live: boolean;
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

  /** The cluster of this id or name, if it is not removed. */
  find(reference: string): Promise<ClusterRow | null> {
    const which = isId(reference) ? { id: reference } : { name: reference };
    return this.database.rows.cluster.findFirst({ where: { tenantId: tenantId(), ...which, deletedAt: null }, include: withRegion });
  }

  list(window: Window, { region, status, label }: ClusterFilter): Promise<ClusterRow[]> {
    const { where: after, ...page } = byId(window);
    const AND: Prisma.ClusterWhereInput[] = [
      { tenantId: tenantId(), deletedAt: null, ...after },
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
    this.database.write(
      tables.selectFrom('clusters').select('id').where('tenant_id', '=', tenantId()).where('id', '=', found.id).forUpdate(),
    );
    return this.find(found.id);
  }

  /**
   * The same with every workload that has placements there: nobody accepts a rollout to a cluster that is being removed. The workloads come first, as everybody
   * locks them.
   */
  async lockWithWorkloads(reference: string): Promise<ClusterRow | null> {
    const found = await this.find(reference);
    if (!found) return null;
    const workloads = await this.database.run(lockWorkloads(found.id));
    const row = await this.lock(found.id);
    const held = workloads.map(({ id }) => id);
    const others = { tenantId: tenantId(), clusterId: found.id, workloadId: { notIn: held } };
    if ((await this.database.rows.placement.count({ where: others })) > 0)
      throw new LostRace('a workload has come to the cluster meanwhile');
    return row;
  }

  create(cluster: { id: string; name: string; regionId: string; labels: Record<string, string>; server: string }): Promise<ClusterRow> {
    return this.database.rows.cluster.create({ data: { ...cluster, tenantId: tenantId() }, include: withRegion });
  }

  update(id: string, change: Prisma.ClusterUncheckedUpdateInput): Promise<ClusterRow> {
    const data = { ...change, version: { increment: 1 } };
    return this.database.rows.cluster.update({ where: this.key(id), data, include: withRegion });
  }

  /** Records that no worker has done the check, unless one has in the meantime. */
  async noteUnserved(id: string, askedAt: Date, statusReason: string): Promise<void> {
    const unchecked = { OR: [{ checkedAt: null }, { checkedAt: { lt: askedAt } }] };
    await this.database.rows.cluster.updateMany({
      where: { tenantId: tenantId(), id, deletedAt: null, ...unchecked },
      data: { statusReason },
    });
  }

  /** Leaves a tombstone of a locked cluster. */
  softDelete(id: string): void {
    this.database.write(softDelete(id));
  }

  /** Placements that are wanted or live there, as in `web in default`. Those of removed workloads do not count. */
  async inhabitants(clusterId: string): Promise<string[]> {
    const lives = { OR: [{ wanted: true }, { applied: { not: Prisma.DbNull } }] };
    const rows = await this.database.rows.placement.findMany({
      where: { tenantId: tenantId(), clusterId, workload: { deletedAt: null }, ...lives },
      select: { namespace: true, workload: { select: { name: true } } },
      orderBy: { id: 'asc' },
    });
    return rows.map(({ namespace, workload }) => `${workload.name} in ${namespace}`);
  }

  /** Number of active rollouts with a target there: those that have not settled. */
  activeRollouts(clusterId: string): Promise<number> {
    const where = { tenantId: tenantId(), settledAt: null, targets: { some: { placement: { clusterId } } } };
    return this.database.rows.rollout.count({ where });
  }

  /** Gives up every placement there: none is wanted or live any more. The rows stay for the targets that refer to them. */
  async giveUpPlacements(clusterId: string): Promise<GivenUp[]> {
    return this.database.run(giveUp(clusterId));
  }

  private key(id: string) {
    return { tenantId_id: { tenantId: tenantId(), id } };
  }
}

const lockWorkloads = (clusterId: string) =>
  tables
    .selectFrom('workloads as w')
    .select('w.id')
    .where('w.tenant_id', '=', tenantId())
    .where('w.id', 'in', (e) =>
      e.selectFrom('placements as p').select('p.workload_id').where('p.tenant_id', '=', tenantId()).where('p.cluster_id', '=', clusterId),
    )
    .orderBy('w.id')
    .forNoKeyUpdate();

const softDelete = (id: string) =>
  tables
    .updateTable('clusters')
    .set({ deleted_at: sql`now()`, version: sql`version + 1`, updated_at: sql`now()` })
    .where('tenant_id', '=', tenantId())
    .where('id', '=', id);

const giveUp = (clusterId: string) =>
  tables
    .with('there', (db) =>
      db
        .selectFrom('placements as p')
        .select((e) => ['p.id', e('p.applied', 'is not', null).as('live')])
        .where('p.tenant_id', '=', tenantId())
        .where('p.cluster_id', '=', clusterId)
        .orderBy('p.id')
        .forNoKeyUpdate(),
    )
    .with('given_up', (db) =>
      db
        .updateTable('placements as p')
        .from('there')
        .set({ wanted: false, applied: null })
        .where('p.tenant_id', '=', tenantId())
        .whereRef('p.id', '=', 'there.id')
        .returning(['p.id', 'p.workload_id', 'p.namespace', 'there.live']),
    )
    .selectFrom('given_up as g')
    .innerJoin('workloads as w', (on) => on.on('w.tenant_id', '=', tenantId()).onRef('w.id', '=', 'g.workload_id'))
    .select(['g.id', sql<boolean>`g.live`.as('live'), 'w.id as workloadId', 'w.name as workload', 'g.namespace'])
    .orderBy('g.id');
