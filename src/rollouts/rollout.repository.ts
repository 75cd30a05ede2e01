import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { isId } from '../common/id.ts';
import type { PlacementRef } from '../common/nudges.ts';
import { byId } from '../common/page.ts';
import type { Window } from '../common/page.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { RolloutKind, RolloutPhase, TargetPhase } from '../generated/prisma/enums.ts';
import { isSettled, rolloutPhases } from './core/phases.ts';

const WITH = {
  workload: { select: { id: true, name: true } },
  release: { select: { id: true, number: true } },
  previousRelease: { select: { id: true, number: true } },
  waves: { orderBy: { position: 'asc' } },
} as const satisfies Prisma.RolloutInclude;

const WITH_PLACE = {
  placement: { select: { id: true, namespace: true, replicas: true, observed: true, observedAt: true, cluster: { select: { id: true, name: true, region: { select: { id: true, name: true } } } } } },
} as const satisfies Prisma.TargetInclude;

export type RolloutRow = Prisma.RolloutGetPayload<{ include: typeof WITH }>;
export type TargetRow = Prisma.TargetGetPayload<{ include: typeof WITH_PLACE }>;

export interface RolloutFilter {
  workload?: string[];
  cluster?: string[];
  phase?: RolloutPhase[];
  kind?: RolloutKind[];
}

const ACTIVE = (Object.keys(rolloutPhases) as RolloutPhase[]).filter((phase) => !isSettled(phase));

/** Phases in the order in which a person wants to see targets: what went wrong, what is under way, what waits, what is done. */
const FAILED_FIRST = ['FAILED', 'ROLLING_BACK', 'PROGRESSING', 'HELD', 'BAKING', 'PENDING', 'ROLLED_BACK', 'SKIPPED', 'SUCCEEDED'] as const satisfies TargetPhase[];

@Injectable()
export class RolloutRepository {
  constructor(private readonly database: Database) {}

  async find(id: string): Promise<RolloutRow | null> {
    if (!isId(id)) return null;
    return this.database.rows.rollout.findUnique({ where: { tenantId_id: { tenantId: tenantId(), id } }, include: WITH });
  }

  async many(ids: readonly string[]): Promise<RolloutRow[]> {
    return this.database.rows.rollout.findMany({ where: { tenantId: tenantId(), id: { in: [...ids] } }, include: WITH });
  }

  /** Of these rollouts, whoever's they are, those that need no more waiting: settled, or paused for somebody to act. */
  async restingOf(ids: readonly string[]): Promise<string[]> {
    const rows = await this.database.system.query<{ id: string }>(
      `SELECT id FROM rollouts WHERE id = ANY($1::uuid[]) AND phase NOT IN ('QUEUED', 'RUNNING', 'ROLLING_BACK')`,
      [[...ids]],
    );
    return rows.map((row) => row.id);
  }

  /** The same, locked to the end of the transaction. */
  async lock(id: string): Promise<RolloutRow | null> {
    if (!isId(id)) return null;
    const found = await this.database.rows.$queryRaw<unknown[]>`
      SELECT 1 FROM rollouts WHERE tenant_id = ${tenantId()}::uuid AND id = ${id}::uuid FOR UPDATE`;
    return found.length > 0 ? this.find(id) : null;
  }

  /** The workload's active rollout that is not a SCALE, locked. */
  async lockActive(workloadId: string): Promise<RolloutRow | null> {
    const active = await this.database.rows.rollout.findFirst({
      where: { tenantId: tenantId(), workloadId, kind: { not: 'SCALE' }, phase: { in: ACTIVE } },
      select: { id: true },
    });
    const row = active ? await this.lock(active.id) : null;
    return row && !isSettled(row.phase) ? row : null;
  }

  /** One more than the window holds. */
  async page(window: Window, filter: RolloutFilter): Promise<RolloutRow[]> {
    const { take, orderBy, where } = byId(window);
    const named = (references: string[]) => [{ id: { in: references.filter(isId) } }, { name: { in: references } }];
    return this.database.rows.rollout.findMany({
      where: {
        tenantId: tenantId(),
        ...where,
        ...(filter.phase ? { phase: { in: filter.phase } } : {}),
        ...(filter.kind ? { kind: { in: filter.kind } } : {}),
        ...(filter.workload ? { workload: { OR: named(filter.workload) } } : {}),
        ...(filter.cluster ? { targets: { some: { placement: { cluster: { OR: named(filter.cluster) } } } } } : {}),
      },
      orderBy,
      take,
      include: WITH,
    });
  }

  async create(rollout: Omit<Prisma.RolloutUncheckedCreateInput, 'tenantId'>): Promise<void> {
    await this.database.rows.rollout.create({ data: { ...rollout, tenantId: tenantId() } });
  }

  async createWave(wave: Omit<Prisma.WaveUncheckedCreateInput, 'tenantId'>): Promise<void> {
    await this.database.rows.wave.create({ data: { ...wave, tenantId: tenantId() } });
  }

  async createTargets(targets: readonly Omit<Prisma.TargetCreateManyInput, 'tenantId'>[]): Promise<void> {
    await this.database.rows.target.createMany({ data: targets.map((target) => ({ ...target, tenantId: tenantId() })) });
  }

  /** Changes a locked rollout. */
  async change(id: string, change: Prisma.RolloutUncheckedUpdateInput): Promise<void> {
    await this.database.rows.rollout.update({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      data: { ...change, version: { increment: 1 } },
    });
  }

  /** Sets up to which pause the waves are promoted. */
  async promote(rolloutId: string, promotedStep: number): Promise<void> {
    await this.database.rows.wave.updateMany({
      where: { tenantId: tenantId(), rolloutId, phase: 'OPEN', promotedStep: { lt: promotedStep } },
      data: { promotedStep },
    });
  }

  /** Makes every placement of the rollout due: returns whom to nudge. */
  async makePlacementsDue(rolloutId: string): Promise<PlacementRef[]> {
    return this.database.rows.$queryRaw<PlacementRef[]>`
      UPDATE placements p SET due_at = now() FROM targets t
      WHERE p.tenant_id = ${tenantId()}::uuid AND t.tenant_id = p.tenant_id AND t.placement_id = p.id AND t.rollout_id = ${rolloutId}::uuid
      RETURNING p.id, p.region_id AS "regionId"`;
  }

  async targets(rolloutId: string): Promise<Prisma.TargetGetPayload<object>[]> {
    return this.database.rows.target.findMany({ where: { tenantId: tenantId(), rolloutId } });
  }

  /** Ends the targets of a superseded rollout: their placements belong to the new one. */
  async endTargets(rolloutId: string, reason: string): Promise<void> {
    await this.database.rows.target.updateMany({
      where: { tenantId: tenantId(), rolloutId, phase: { in: ['PENDING', 'PROGRESSING', 'HELD', 'BAKING', 'ROLLING_BACK'] } },
      data: { phase: 'SKIPPED', phaseReason: reason, version: { increment: 1 } },
    });
  }

  /** Targets with where they are, failed first, of several rollouts: at most `take` of each, from `skip` on. */
  async targetPage(rolloutIds: readonly string[], take: number, skip = 0): Promise<Map<string, TargetRow[]>> {
    const order = FAILED_FIRST.map((phase) => `'${phase}'`).join(',');
    const ranked = await this.database.rows.$queryRawUnsafe<{ id: string; rollout_id: string }[]>(
      `SELECT id, rollout_id FROM (
         SELECT id, rollout_id, row_number() OVER (PARTITION BY rollout_id ORDER BY array_position(ARRAY[${order}], phase::text), id) AS place
         FROM targets WHERE tenant_id = $1::uuid AND rollout_id = ANY($2::uuid[])) ranked
       WHERE place > $3 AND place <= $4 ORDER BY place`,
      tenantId(),
      [...rolloutIds],
      skip,
      skip + take,
    );
    const rows = await this.database.rows.target.findMany({
      where: { tenantId: tenantId(), id: { in: ranked.map((each) => each.id) } },
      include: WITH_PLACE,
    });
    const byId = new Map(rows.map((row) => [row.id, row]));
    const pages = new Map<string, TargetRow[]>(rolloutIds.map((id) => [id, []]));
    for (const { id, rollout_id } of ranked) pages.get(rollout_id)?.push(byId.get(id)!);
    return pages;
  }

  /** Ids of each wave's targets. */
  async waveMembers(rolloutIds: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await this.database.rows.target.findMany({
      where: { tenantId: tenantId(), rolloutId: { in: [...rolloutIds] } },
      select: { id: true, waveId: true },
      orderBy: { id: 'asc' },
    });
    const members = new Map<string, string[]>();
    for (const { id, waveId } of rows) members.set(waveId, [...(members.get(waveId) ?? []), id]);
    return members;
  }

  /** How many targets of each rollout stand in each phase. */
  async targetCounts(rolloutIds: readonly string[]): Promise<Map<string, Partial<Record<TargetPhase, number>>>> {
    const groups = await this.database.rows.target.groupBy({
      by: ['rolloutId', 'phase'],
      where: { tenantId: tenantId(), rolloutId: { in: [...rolloutIds] } },
      _count: { _all: true },
    });
    const counts = new Map<string, Partial<Record<TargetPhase, number>>>(rolloutIds.map((id) => [id, {}]));
    for (const group of groups) counts.get(group.rolloutId)![group.phase] = group._count._all;
    return counts;
  }
}
