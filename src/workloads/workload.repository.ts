import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Database } from '../platform/db/database.ts';
import { LostRace } from '../platform/db/database-errors.ts';
import { isId } from '../platform/id.ts';
import { byId } from '../platform/api/page.ts';
import type { Window } from '../platform/api/page.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { tenantId } from '../platform/db/context.ts';
import { anyOf, json, prepared } from '../platform/db/statements.ts';
import type { Parameters } from '../platform/db/statements.ts';
import { tables } from './columns.ts';

const WITH = {
  template: { select: { id: true, name: true, latestRevision: true } },
  currentRelease: { select: { id: true, number: true } },
  placements: { include: { cluster: { select: { id: true, name: true } } }, orderBy: { id: 'asc' } },
} as const satisfies Prisma.WorkloadInclude;

/** Placements that are wanted or live. The others, such as those of removed clusters, are kept only for the history of rollouts. */
const LIVES = { OR: [{ wanted: true }, { applied: { not: Prisma.DbNull } }] } satisfies Prisma.PlacementWhereInput;

export type WorkloadRow = Prisma.WorkloadGetPayload<{ include: typeof WITH }>;
export type PlacementRow = WorkloadRow['placements'][number];

/** Columns of a workload that a client may change; `placementRule` null = the placements are a list. */
export interface WorkloadChange extends Omit<Prisma.WorkloadUncheckedUpdateInput, 'placementRule'> {
  placementRule?: object | null;
}

/** A placement of a new or changed workload. */
export interface NewPlacement {
  id: string;
  clusterId: string;
  regionId: string;
  namespace: string;
  values: Prisma.InputJsonObject;
  replicas: number | null;
}

@Injectable()
export class WorkloadRepository {
  constructor(private readonly database: Database) {}

  /** The workload with this id or name; null if it does not exist or is deleted. */
  async find(reference: string): Promise<WorkloadRow | null> {
    const by = isId(reference) ? { id: reference } : { name: reference };
    return this.database.rows.workload.findFirst({ where: { tenantId: tenantId(), ...by, deletedAt: null }, include: WITH });
  }

  /**
   * Like `find`, with the row locked until the transaction ends, so that rollouts of a workload are accepted one at a time. Both statements are sent at once; the
   * second reads after the first has its lock.
   */
  async lock(reference: string): Promise<WorkloadRow | null> {
    const locking = this.database.run((isId(reference) ? lockById : lockByName)({ tenant: tenantId(), reference }));
    const [[locked], row] = await Promise.all([locking, this.find(reference)]);
    if (locked?.id !== row?.id) throw new LostRace('another workload has got this name meanwhile');
    return row;
  }

  /** Newest first, one row more than the window's limit. */
  async page(window: Window, filter: { template?: string[]; cluster?: string[] }): Promise<WorkloadRow[]> {
    const { take, orderBy, where } = byId(window);
    const named = (references: string[]) => [{ id: { in: references.filter(isId) } }, { name: { in: references } }];
    return this.database.rows.workload.findMany({
      where: {
        tenantId: tenantId(),
        deletedAt: null,
        ...where,
        ...(filter.template ? { template: { OR: named(filter.template) } } : {}),
        ...(filter.cluster ? { placements: { some: { AND: [LIVES, { cluster: { OR: named(filter.cluster) } }] } } } : {}),
      },
      include: WITH,
      orderBy,
      take,
    });
  }

  async create(row: Omit<Prisma.WorkloadUncheckedCreateInput, 'tenantId' | 'placements'>, placements: NewPlacement[]): Promise<void> {
    await this.database.rows.workload.create({ data: { ...row, tenantId: tenantId() } });
    await this.addPlacements(row.id, placements);
  }

  async addPlacements(workloadId: string, placements: NewPlacement[]): Promise<void> {
    if (placements.length === 0) return;
    await this.database.rows.placement.createMany({
      data: placements.map((placement) => ({ ...placement, tenantId: tenantId(), workloadId })),
    });
  }

  async changePlacement(
    id: string,
    change: { values?: Prisma.InputJsonObject | undefined; replicas?: number | null; wanted?: boolean },
  ): Promise<void> {
    await this.database.rows.placement.update({ where: { tenantId_id: { tenantId: tenantId(), id } }, data: change });
  }

  async setReplicas(placementIds: readonly string[], replicas: number | null): Promise<void> {
    await this.database.rows.placement.updateMany({ where: { tenantId: tenantId(), id: { in: [...placementIds] } }, data: { replicas } });
  }

  /** Removes placements: those without a rollout are deleted, and the others are no longer wanted. */
  async takeAway(ids: readonly string[]): Promise<void> {
    const rows = { tenantId: tenantId(), id: { in: [...ids] } };
    await this.database.rows.placement.deleteMany({ where: { ...rows, targets: { none: {} }, releaseObjects: { none: {} } } });
    await this.database.rows.placement.updateMany({ where: rows, data: { wanted: false } });
  }

  async isNameTaken(name: string): Promise<boolean> {
    return (await this.database.rows.workload.count({ where: { tenantId: tenantId(), name, deletedAt: null } })) > 0;
  }

  /** Stores a client's change and increments the version. */
  async change(id: string, { placementRule, ...change }: WorkloadChange): Promise<void> {
    const rule = placementRule === null ? Prisma.DbNull : (placementRule as Prisma.InputJsonObject | undefined);
    await this.database.rows.workload.update({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      data: { ...change, placementRule: rule, version: { increment: 1 } },
    });
  }

  /** Clusters by id or name. They stay until the transaction ends: whoever removes one waits, and sees what was placed there. */
  async clusters(references: readonly string[]): Promise<ClusterReference[]> {
    const named = clusters().where((e) => e.or([e('id', '=', anyOf(references.filter(isId))), e('name', '=', anyOf(references))]));
    return this.database.run(named);
  }

  /** Clusters with all of these labels, locked likewise. */
  async clustersLabelled(labels: Record<string, string>): Promise<ClusterReference[]> {
    return this.database.run(clusters().where(sql<boolean>`labels @> ${json(labels)}`));
  }

  /** The template of this id or name; it stays likewise. */
  async template(reference: string): Promise<{ id: string } | null> {
    const [row] = await this.database.run(
      tables
        .selectFrom('templates')
        .select('id')
        .where('tenant_id', '=', tenantId())
        .where(isId(reference) ? 'id' : 'name', '=', reference)
        .where('deleted_at', 'is', null)
        .forKeyShare(),
    );
    return row ?? null;
  }
}

const locking = (by: 'id' | 'name') =>
  prepared((p: Parameters<{ tenant: string; reference: string }>) =>
    tables
      .selectFrom('workloads')
      .select('id')
      .where('tenant_id', '=', p.tenant)
      .where(by, '=', p.reference)
      .where('deleted_at', 'is', null)
      .forNoKeyUpdate(),
  );
const lockById = locking('id');
const lockByName = locking('name');

/** Locked in the order of their ids, so that two transactions do not wait for each other. */
const clusters = () =>
  tables
    .selectFrom('clusters')
    .select(['id', 'name', 'region_id as regionId'])
    .where('tenant_id', '=', tenantId())
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forKeyShare();

export interface ClusterReference {
  id: string;
  name: string;
  regionId: string;
}
