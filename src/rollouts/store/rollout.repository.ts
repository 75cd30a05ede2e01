import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { InferResult, Insertable } from 'kysely';
import { jsonBuildObject } from 'kysely/helpers/postgres';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { anyOf, prepared, uuid } from '../../platform/db/statements.ts';
import type { Parameters } from '../../platform/db/statements.ts';
import { isId } from '../../platform/id.ts';
import { byId } from '../../platform/api/page.ts';
import type { Window } from '../../platform/api/page.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { TargetPhase } from '../../generated/prisma/enums.ts';
import type { RolloutKind, RolloutPhase } from '../../generated/prisma/enums.ts';
import { kindsThat } from '../core/kinds.ts';
import type { History } from '../core/history.ts';
import { isOccupied } from '../core/occupied.ts';
import { isResting } from '../core/phases.ts';
import { leftWritten } from '../core/rollout/start.ts';
import type { TargetFields } from '../core/rollout/start.ts';
import { tables } from './columns.ts';
import type { RolloutTables } from './columns.ts';
import { ACTIVE, ACTIVE_PHASES, BESIDE } from './phase-lists.ts';
import { newTargets, targetFields } from './rows.ts';
import type { NewTarget } from './rows.ts';
import { historyOf, occupancies, renumber } from './rules.ts';

const WITH = {
  workload: { select: { id: true, name: true } },
  release: { select: { id: true, number: true } },
  previousRelease: { select: { id: true, number: true } },
} as const satisfies Prisma.RolloutInclude;

export type RolloutRow = Prisma.RolloutGetPayload<{ include: typeof WITH }>;

/** A target with its place, for the API. */
export type TargetRow = InferResult<ReturnType<typeof placedTargets>>[number];

/** A wave with the ids of its targets. */
export type WaveRow = InferResult<ReturnType<typeof wavesOf>>[number];

type New<T extends keyof RolloutTables> = Omit<Insertable<RolloutTables[T]>, 'tenant_id'>;

/** A new rollout, with the columns of its rows. Those that it lacks have the table's defaults. */
export interface NewRollout {
  rollout: New<'rollouts'>;
  wave: Omit<New<'waves'>, 'rollout_id'>;
  targets: readonly NewTarget[];
}

export interface RolloutFilter {
  workload?: string[];
  cluster?: string[];
  phase?: RolloutPhase[];
  kind?: RolloutKind[];
}

/** Phases in the order in which targets are shown: failed, running, waiting, done. */
const SHOWN = {
  FAILED: 0,
  ROLLING_BACK: 1,
  PROGRESSING: 2,
  HELD: 3,
  BAKING: 4,
  PENDING: 5,
  ROLLED_BACK: 6,
  SKIPPED: 7,
  SUCCEEDED: 8,
} as const satisfies Record<TargetPhase, number>;
const FAILED_FIRST = Object.values(TargetPhase).sort((a, b) => SHOWN[a] - SHOWN[b]);

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

  /** Those of these rollouts, of any tenant, that need no more waiting: settled, or paused until someone acts. */
  async restingOf(ids: readonly string[]): Promise<string[]> {
    const which = tables.selectFrom('rollouts').select(['id', 'phase', 'intent']).where('id', '=', anyOf(ids));
    return (await this.database.system.run(which)).filter(isResting).map((row) => row.id);
  }

  /** The workload's active rollout, apart from those that run beside it, locked until the transaction ends. */
  async lockActive(workloadId: string): Promise<RolloutRow | null> {
    const [id] = await this.lockAll(workloadId, false);
    return id === undefined ? null : this.find(id);
  }

  /** Ids of the workload's active rollouts that run beside that one, locked. */
  async lockBeside(workloadId: string): Promise<string[]> {
    return this.lockAll(workloadId, true);
  }

  private async lockAll(workloadId: string, beside: boolean): Promise<string[]> {
    const locked = await this.database.run(lockActive({ tenant: tenantId(), workloadId, beside }));
    return locked.map((row) => row.id);
  }

  /** The active rollout that removes the workload's objects, if there is one. */
  async activeRemoval(workloadId: string): Promise<string | null> {
    const where = {
      tenantId: tenantId(),
      workloadId,
      kind: { in: kindsThat(({ writes }) => writes === 'NOTHING') },
      phase: { in: ACTIVE_PHASES },
      intent: null,
    };
    return (await this.database.rows.rollout.findFirst({ where, select: { id: true } }))?.id ?? null;
  }

  /** Newest first, one row more than the window's limit. */
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

  /** Stores a rollout with its wave and its targets. */
  create(rollout: NewRollout): void {
    this.database.write(create(rollout));
  }

  /** Gives active rollouts another number of pods for these placements. */
  renumber(placements: readonly { id: string; replicas: number | null }[]): void {
    const numbers = placements.map(({ id, replicas }) => ({ placementId: id, replicas }));
    this.database.write(renumber(numbers, 'ALL'));
  }

  /** What the workload ran and runs. */
  async history(workloadId: string): Promise<History> {
    const [row] = await this.database.run(historyOf(workloadId));
    return { ...row!, done: row!.done ?? [] };
  }

  /** The numbers of pods that the rollout brought its placements to, by placement; null = the release's. */
  async numbers(rolloutId: string): Promise<ReadonlyMap<string, number | null>> {
    const where = { tenantId: tenantId(), rolloutId };
    const rows = await this.database.rows.target.findMany({ where, select: { placementId: true, replicas: true } });
    return new Map(rows.map(({ placementId, replicas }) => [placementId, replicas]));
  }

  /** Placements of the workload that may have objects of ours. */
  async occupiedPlacements(workloadId: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.run(occupancies({ tenant: tenantId(), workloadId }));
    return new Set(rows.filter(isOccupied).map((row) => row.id));
  }

  /** Placements on which the active rollout creates or changes a Deployment, and whether it exists yet. */
  async madePlacements(workloadId: string): Promise<ReadonlyMap<string, boolean>> {
    const rollout = { workloadId, kind: { in: kindsThat(({ writes }) => writes === 'TEMPLATE') }, phase: { in: ACTIVE_PHASES } };
    const rows = await this.database.rows.target.findMany({
      where: { tenantId: tenantId(), to: { not: Prisma.DbNull }, rollout },
      select: { placementId: true, uid: true },
    });
    return new Map(rows.map(({ placementId, uid }) => [placementId, uid !== null]));
  }

  /** By placement, the targets of a superseded rollout whose placements still have what it wrote. */
  async writtenBy(superseded: { id: string } | null): Promise<ReadonlyMap<string, TargetFields>> {
    if (!superseded) return new Map();
    const rows = await this.database.run(
      tables
        .selectFrom('targets as t')
        .select(tables.row('targets', 't').as('target'))
        .where('t.tenant_id', '=', tenantId())
        .where('t.rollout_id', '=', superseded.id),
    );
    const written = rows.map(({ target }) => targetFields(target)).filter(leftWritten);
    return new Map(written.map((target) => [target.placementId, target]));
  }

  /** The first targets of several rollouts with their places, failed first, in one statement: at most `most` of each. */
  async firstTargets(rolloutIds: readonly string[], most: number): Promise<Map<string, TargetRow[]>> {
    const rows = await this.database.run(firstTargets(rolloutIds, most));
    return byRollout(rolloutIds, rows);
  }

  /** Targets of a rollout in the order in which its waves name them; one more than the window holds. */
  async targetPage(rolloutId: string, { limit, after }: Window): Promise<TargetRow[]> {
    return this.database.run(targetPage(rolloutId, after, limit + 1));
  }

  /** The waves of several rollouts in one statement, in their order. */
  async waves(rolloutIds: readonly string[]): Promise<Map<string, WaveRow[]>> {
    const rows = await this.database.run(wavesOf(rolloutIds));
    return byRollout(rolloutIds, rows);
  }

  /** Number of targets in each phase, by rollout. */
  async targetCounts(rolloutIds: readonly string[]): Promise<Map<string, Partial<Record<TargetPhase, number>>>> {
    const groups = await this.database.run(phaseCounts(rolloutIds));
    const counts = new Map<string, Partial<Record<TargetPhase, number>>>(rolloutIds.map((id) => [id, {}]));
    for (const group of groups) counts.get(group.rolloutId)![group.phase] = group.count;
    return counts;
  }
}

function byRollout<R extends { rolloutId: string }>(rolloutIds: readonly string[], rows: readonly R[]): Map<string, R[]> {
  const found = new Map<string, R[]>(rolloutIds.map((id) => [id, []]));
  for (const row of rows) found.get(row.rolloutId)?.push(row);
  return found;
}

const lockActive = prepared((p: Parameters<{ tenant: string; workloadId: string; beside: boolean }>) =>
  tables
    .selectFrom('rollouts')
    .select('id')
    .where('tenant_id', '=', p.tenant)
    .where('workload_id', '=', p.workloadId)
    .where((e) => e(e('kind', 'in', BESIDE), '=', p.beside))
    .where('phase', 'in', ACTIVE)
    .orderBy('id')
    .forUpdate(),
);

const phaseCounts = (rolloutIds: readonly string[]) =>
  tables
    .selectFrom('targets')
    .select(['rollout_id as rolloutId', 'phase', sql<number>`count(*)::int`.as('count')])
    .where('tenant_id', '=', tenantId())
    .where('rollout_id', '=', anyOf(rolloutIds))
    .groupBy(['rollout_id', 'phase']);

const create = ({ rollout, wave, targets }: NewRollout) =>
  tables
    .with('rollout', (db) => db.insertInto('rollouts').values({ ...rollout, tenant_id: tenantId() }))
    .with('wave', (db) => db.insertInto('waves').values({ ...wave, tenant_id: tenantId(), rollout_id: rollout.id }))
    .insertInto('targets')
    .columns(['tenant_id', 'rollout_id', 'wave_id', ...newTargets.columns])
    .expression((select) =>
      select
        .selectFrom(newTargets.of(targets).as('n'))
        .select([uuid(tenantId()).as('tenant_id'), uuid(rollout.id).as('rollout_id'), uuid(wave.id).as('wave_id')])
        .select(newTargets.under('n')),
    );

/** Targets of these rollouts; removed clusters go on being named. */
const placedTargets = (rolloutIds: readonly string[]) =>
  tables
    .selectFrom('targets as t')
    .innerJoin('rollouts as r', (on) => on.onRef('r.tenant_id', '=', 't.tenant_id').onRef('r.id', '=', 't.rollout_id'))
    .innerJoin('placements as p', (on) => on.onRef('p.tenant_id', '=', 't.tenant_id').onRef('p.id', '=', 't.placement_id'))
    .innerJoin('clusters as c', (on) => on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id'))
    .innerJoin('regions as g', 'g.id', 'p.region_id')
    .select(['t.id', 't.rollout_id as rolloutId', 't.phase', 't.phase_detail as phaseDetail', 't.stages', 't.stage', 't.gate'])
    .select(['t.condition', 't.hindrance', 't.failure', 't.pods', 'p.namespace', 'r.strategy'])
    .select((e) => [
      jsonBuildObject({ id: e.ref('c.id'), name: e.ref('c.name') }).as('cluster'),
      jsonBuildObject({ id: e.ref('g.id'), name: e.ref('g.name') }).as('region'),
    ])
    .where('t.tenant_id', '=', tenantId())
    .where('t.rollout_id', '=', anyOf(rolloutIds));

const failedFirst = sql`array_position(array[${sql.join(FAILED_FIRST.map((phase) => sql.lit(phase)))}]::"TargetPhase"[], t.phase)`;

const firstTargets = (rolloutIds: readonly string[], most: number) =>
  tables
    .selectFrom((select) =>
      select
        .selectFrom(placedTargets(rolloutIds).as('t'))
        .selectAll('t')
        .select((e) =>
          e.fn
            .agg<string>('row_number')
            .over((over) => over.partitionBy('t.rolloutId').orderBy(failedFirst).orderBy('t.id'))
            .as('place'),
        )
        .as('ranked'),
    )
    .selectAll('ranked')
    .where('place', '<=', sql<string>`${most}`)
    .orderBy('rolloutId')
    .orderBy('place');

/** By id, which never changes: whatever the rollout does between two pages, none is missed and none comes twice. */
const targetPage = (rolloutId: string, after: string | null, limit: number) =>
  placedTargets([rolloutId])
    .$if(after !== null, (all) => all.where('t.id', '>', after))
    .orderBy('t.id')
    .limit(limit);

const wavesOf = (rolloutIds: readonly string[]) =>
  tables
    .selectFrom('waves as w')
    .select(['w.id', 'w.rollout_id as rolloutId', 'w.name', 'w.phase', 'w.max_concurrent as maxConcurrent', 'w.max_failed as maxFailed'])
    .select('w.evidence')
    .select((e) =>
      sql<string[]>`array${e
        .selectFrom('targets as t')
        .select(sql<string>`t.id::text`.as('id'))
        .whereRef('t.tenant_id', '=', 'w.tenant_id')
        .whereRef('t.rollout_id', '=', 'w.rollout_id')
        .whereRef('t.wave_id', '=', 'w.id')
        .orderBy('t.id')}`.as('targets'),
    )
    .where('w.tenant_id', '=', tenantId())
    .where('w.rollout_id', '=', anyOf(rolloutIds))
    .orderBy('w.rollout_id')
    .orderBy('w.position');
