import { Injectable } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { isId } from '../common/id.ts';
import type { PlacementRef } from '../common/nudges.ts';
import { byId } from '../common/page.ts';
import type { Window } from '../common/page.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { RolloutKind, RolloutPhase, TargetPhase } from '../generated/prisma/enums.ts';
import { isSettled, isTerminal, rolloutPhases, targetPhases } from './core/phases.ts';

const WITH = {
  workload: { select: { id: true, name: true } },
  release: { select: { id: true, number: true } },
  previousRelease: { select: { id: true, number: true } },
  waves: { orderBy: { position: 'asc' } },
} as const satisfies Prisma.RolloutInclude;

const WITH_PLACE = {
  placement: {
    select: {
      id: true,
      namespace: true,
      replicas: true,
      observed: true,
      observedAt: true,
      cluster: { select: { id: true, name: true, region: { select: { id: true, name: true } } } },
    },
  },
} as const satisfies Prisma.TargetInclude;

export type RolloutRow = Prisma.RolloutGetPayload<{ include: typeof WITH }>;
export type TargetRow = Prisma.TargetGetPayload<{ include: typeof WITH_PLACE }>;
export type StoredTarget = Prisma.TargetGetPayload<object>;

/** A target as it is written down; its sides are as `Side` has them. */
export interface NewTarget extends Omit<Prisma.TargetCreateManyInput, 'tenantId' | 'from' | 'to'> {
  from: object | null;
  to: object | null;
}

export interface RolloutFilter {
  workload?: string[];
  cluster?: string[];
  phase?: RolloutPhase[];
  kind?: RolloutKind[];
}

const UNDER_WAY = (Object.keys(targetPhases) as TargetPhase[]).filter((phase) => !isTerminal(phase));
const ACTIVE = (Object.keys(rolloutPhases) as RolloutPhase[]).filter((phase) => !isSettled(phase));

/** Phases in the order in which a person wants to see targets: what went wrong, what is under way, what waits, what is done. */
const FAILED_FIRST = [
  'FAILED',
  'ROLLING_BACK',
  'PROGRESSING',
  'HELD',
  'BAKING',
  'PENDING',
  'ROLLED_BACK',
  'SKIPPED',
  'SUCCEEDED',
] as const satisfies TargetPhase[];

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
      `SELECT id FROM rollouts WHERE id = ANY($1::uuid[]) AND phase NOT IN ('QUEUED', 'RUNNING', 'ROLLING_BACK') AND (phase <> 'PAUSED' OR intent IS NULL)`,
      [[...ids]],
    );
    return rows.map((row) => row.id);
  }

  /** The workload's active rollout that is not a SCALE, locked to the end of the transaction. */
  async lockActive(workloadId: string): Promise<RolloutRow | null> {
    const [active] = await this.lockAll({ workloadId, kind: { not: 'SCALE' } });
    return active ?? null;
  }

  /** The workload's active changes of scale, locked. */
  async lockScales(workloadId: string): Promise<RolloutRow[]> {
    return this.lockAll({ workloadId, kind: 'SCALE' });
  }

  private async lockAll(where: Prisma.RolloutWhereInput): Promise<RolloutRow[]> {
    const active = { ...where, tenantId: tenantId(), phase: { in: ACTIVE } };
    const ids = (await this.database.rows.rollout.findMany({ where: active, select: { id: true }, orderBy: { id: 'asc' } })).map(
      ({ id }) => id,
    );
    if (ids.length === 0) return [];
    await this.database.rows
      .$queryRaw`SELECT 1 FROM rollouts WHERE tenant_id = ${tenantId()}::uuid AND id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`;
    return (await this.many(ids)).filter((row) => !isSettled(row.phase));
  }

  /** The active rollout that takes the workload's objects away, if there is one. */
  async activeRemoval(workloadId: string): Promise<string | null> {
    const where = { tenantId: tenantId(), workloadId, kind: 'DELETE' as const, phase: { in: ACTIVE }, intent: null };
    return (await this.database.rows.rollout.findFirst({ where, select: { id: true } }))?.id ?? null;
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

  async createTargets(targets: readonly NewTarget[]): Promise<void> {
    const orNull = (side: object | null) => (side === null ? Prisma.DbNull : (side as Prisma.InputJsonObject));
    const rows = targets.map(({ from, to, ...target }) => ({ ...target, from: orNull(from), to: orNull(to), tenantId: tenantId() }));
    await this.database.rows.target.createMany({ data: rows });
  }

  /** Changes a locked rollout. */
  async change(id: string, change: Prisma.RolloutUncheckedUpdateInput): Promise<void> {
    await this.database.rows.rollout.update({
      where: { tenantId_id: { tenantId: tenantId(), id } },
      data: { ...change, version: { increment: 1 } },
    });
  }

  /** Makes every placement of the rollout due: returns whom to nudge. */
  async makePlacementsDue(rolloutId: string): Promise<PlacementRef[]> {
    return this.database.rows.$queryRaw<PlacementRef[]>`
      UPDATE placements p SET due_at = now() FROM targets t
      WHERE p.tenant_id = ${tenantId()}::uuid AND t.tenant_id = p.tenant_id AND t.placement_id = p.id AND t.rollout_id = ${rolloutId}::uuid
      RETURNING p.id, p.region_id AS "regionId"`;
  }

  async targets(rolloutId: string): Promise<StoredTarget[]> {
    return this.database.rows.target.findMany({ where: { tenantId: tenantId(), rolloutId } });
  }

  /**
   * Placements of the workload on which something of ours may stand: where a release is live, and where a rollout wrote last that neither took everything
   * away nor went back to nothing.
   */
  async occupiedPlacements(workloadId: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.rows.$queryRaw<{ id: string }[]>`
      SELECT p.id FROM placements p LEFT JOIN LATERAL (
        SELECT (t."to" IS NULL AND t.phase = 'SUCCEEDED') OR (t."from" IS NULL AND t.phase = 'ROLLED_BACK') AS gone
        FROM targets t JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id
        WHERE t.tenant_id = p.tenant_id AND t.placement_id = p.id AND t.written AND r.kind <> 'SCALE'
        ORDER BY t.rollout_id DESC LIMIT 1) last ON true
      WHERE p.tenant_id = ${tenantId()}::uuid AND p.workload_id = ${workloadId}::uuid AND (p.applied IS NOT NULL OR NOT last.gone)`;
    return new Set(rows.map((row) => row.id));
  }

  /** Placements on which the active rollout makes or changes a Deployment, and whether there is one yet. */
  async madePlacements(workloadId: string): Promise<ReadonlyMap<string, boolean>> {
    const rollout = { workloadId, kind: { not: 'SCALE' as const }, phase: { in: ACTIVE } };
    const rows = await this.database.rows.target.findMany({
      where: { tenantId: tenantId(), to: { not: Prisma.DbNull }, rollout },
      select: { placementId: true, uid: true },
    });
    return new Map(rows.map(({ placementId, uid }) => [placementId, uid !== null]));
  }

  /** By placement, the targets of a superseded rollout whose placements still bear what it has written. */
  async writtenBy(superseded: { id: string } | null): Promise<ReadonlyMap<string, StoredTarget>> {
    const targets = superseded ? await this.targets(superseded.id) : [];
    const written = targets.filter((target) => target.written && target.phase !== 'ROLLED_BACK');
    return new Map(written.map((target) => [target.placementId, target]));
  }

  /** Ends a locked rollout and its targets: their placements belong to another. */
  async supersede(id: string, reason: string): Promise<void> {
    await this.database.rows.$executeRaw`
      UPDATE rollouts SET phase = 'SUPERSEDED', pause_reason = NULL, phase_reason = ${reason}, settled_at = now(), due_at = NULL, version = version + 1, updated_at = now()
      WHERE tenant_id = ${tenantId()}::uuid AND id = ${id}::uuid`;
    await this.database.rows.target.updateMany({
      where: { tenantId: tenantId(), rolloutId: id, phase: { in: UNDER_WAY } },
      data: { phase: 'SKIPPED', phaseReason: reason, condition: Prisma.DbNull, version: { increment: 1 } },
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
