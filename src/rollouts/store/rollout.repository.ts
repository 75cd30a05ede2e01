import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { isId } from '../../platform/id.ts';
import { byId } from '../../platform/api/page.ts';
import type { Window } from '../../platform/api/page.ts';
import type { CreatedBy } from '../../platform/model/reference.model.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { RolloutKind, RolloutPhase, TargetPhase, WavePhase } from '../../generated/prisma/enums.ts';
import { kindsThat } from '../core/kinds.ts';
import { renumberTargets } from './rows.ts';
import type { RolloutJson, TargetJson, WaveJson } from './rows.ts';
import type { AnyStage } from '../core/observation.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import { ACTIVE, ACTIVE_PHASES, BESIDE, CHANGING } from './phase-lists.ts';

const WITH = {
  workload: { select: { id: true, name: true } },
  release: { select: { id: true, number: true } },
  previousRelease: { select: { id: true, number: true } },
} as const satisfies Prisma.RolloutInclude;

export type RolloutRow = Prisma.RolloutGetPayload<{ include: typeof WITH }>;
export type StoredTarget = Prisma.TargetGetPayload<object>;

/** A target with its place, for the API. */
export interface TargetRow {
  id: string;
  rolloutId: string;
  phase: TargetPhase;
  phaseDetail: Prisma.JsonValue;
  stages: AnyStage[];
  stage: number;
  gate: { surge: string; unavailable: string } | null;
  condition: Prisma.JsonValue;
  failure: Prisma.JsonValue;
  namespace: string;
  /** As last observed during the rollout. */
  pods: Prisma.JsonValue;
  cluster: { id: string; name: string };
  region: { id: string; name: string };
  /** The rollout's. */
  strategy: Strategy;
}

/** A wave with the ids of its targets. */
export interface WaveRow {
  id: string;
  rolloutId: string;
  name: string;
  phase: WavePhase;
  maxConcurrent: number | null;
  maxFailed: number;
  evidence: Prisma.JsonValue;
  targets: string[];
}

/** A new rollout, with the columns of its row. Other columns have the table's defaults. */
export interface NewRollout {
  rollout: Pick<RolloutJson, 'id' | 'workload_id' | 'kind' | 'release_id' | 'on_failure' | 'on_unreachable' | 'strategy'> & {
    previous_release_id: string | null;
    values: Record<string, unknown>;
    reason: string | null;
    retry_of_id: string | null;
    created_by: CreatedBy;
  };
  wave: Pick<WaveJson, 'id' | 'position' | 'name' | 'max_concurrent' | 'max_failed'>;
  targets: Pick<
    TargetJson,
    | 'id'
    | 'placement_id'
    | 'from'
    | 'to'
    | 'superseded'
    | 'stages'
    | 'replicas'
    | 'written'
    | 'uid'
    | 'made'
    | 'replicas_before'
    | 'replicas_after'
  >[];
}

export interface RolloutFilter {
  workload?: string[];
  cluster?: string[];
  phase?: RolloutPhase[];
  kind?: RolloutKind[];
}

/** Phases in the order in which targets are shown: failed, running, waiting, done. */
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

  /** Those of these rollouts, of any tenant, that need no more waiting: settled, or paused until someone acts. */
  async restingOf(ids: readonly string[]): Promise<string[]> {
    const rows = await this.database.system.query<{ id: string }>(
      `SELECT id FROM rollouts WHERE id = ANY($1::uuid[]) AND phase NOT IN ('QUEUED', 'RUNNING', 'ROLLING_BACK') AND (phase <> 'PAUSED' OR intent IS NULL)`,
      [[...ids]],
    );
    return rows.map((row) => row.id);
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
    const locked = await this.database.query<{ id: string }>(LOCK_ACTIVE, [tenantId(), workloadId, beside]);
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
  create({ rollout, wave, targets }: NewRollout): void {
    const parts = [rollout, wave, targets].map((part) => JSON.stringify(part));
    this.database.send(CREATE, [tenantId(), ...parts]);
  }

  /** Gives active rollouts another number of pods for these placements. */
  renumber(placements: readonly { id: string; replicas: number | null }[]): void {
    const numbers = placements.map(({ id, replicas }) => ({ id, replicas }));
    this.database.send(renumberTargets(), [tenantId(), JSON.stringify(numbers)]);
  }

  /** Number of the newest release that may run anywhere, null if none does. A FAILED rollout may have left its release on some clusters. */
  async newestRunning(workloadId: string): Promise<number | null> {
    const [row] = await this.database.query<{ number: number | null }>(NEWEST_RUNNING, [tenantId(), workloadId]);
    return row?.number ?? null;
  }

  async targets(rolloutId: string): Promise<StoredTarget[]> {
    return this.database.rows.target.findMany({ where: { tenantId: tenantId(), rolloutId } });
  }

  /**
   * Placements of the workload that may have objects of ours: those with a live release, and those where the last writing rollout neither removed
   * everything nor went back to nothing. Removed clusters do not count: what runs there is their owner's.
   */
  async occupiedPlacements(workloadId: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ id: string }>(OCCUPIED, [tenantId(), workloadId]);
    return new Set(rows.map((row) => row.id));
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
  async writtenBy(superseded: { id: string } | null): Promise<ReadonlyMap<string, StoredTarget>> {
    const targets = superseded ? await this.targets(superseded.id) : [];
    const written = targets.filter((target) => target.written && target.phase !== 'ROLLED_BACK');
    return new Map(written.map((target) => [target.placementId, target]));
  }

  /** The first targets of several rollouts with their places, failed first, in one statement: at most `most` of each. */
  async firstTargets(rolloutIds: readonly string[], most: number): Promise<Map<string, TargetRow[]>> {
    const rows = await this.database.query<TargetRow>(FIRST_TARGETS, [tenantId(), [...rolloutIds], most]);
    return byRollout(rolloutIds, rows);
  }

  /** Targets of a rollout in the order in which its waves name them; one more than the window holds. */
  async targetPage(rolloutId: string, { limit, after }: Window): Promise<TargetRow[]> {
    return this.database.query<TargetRow>(TARGET_PAGE, [tenantId(), [rolloutId], after, limit + 1]);
  }

  /** The waves of several rollouts in one statement, in their order. */
  async waves(rolloutIds: readonly string[]): Promise<Map<string, WaveRow[]>> {
    const rows = await this.database.query<WaveRow>(WAVES, [tenantId(), [...rolloutIds]]);
    return byRollout(rolloutIds, rows);
  }

  /** Number of targets in each phase, by rollout. */
  async targetCounts(rolloutIds: readonly string[]): Promise<Map<string, Partial<Record<TargetPhase, number>>>> {
    const groups = await this.database.query<{ rolloutId: string; phase: TargetPhase; count: number }>(COUNTS, [
      tenantId(),
      [...rolloutIds],
    ]);
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

const LOCK_ACTIVE = `
  SELECT id FROM rollouts
  WHERE tenant_id = $1::uuid AND workload_id = $2::uuid AND (kind IN ${BESIDE}) = $3::boolean AND phase IN ${ACTIVE}
  ORDER BY id FOR UPDATE`;

const NEWEST_RUNNING = `
  SELECT greatest(
    (SELECT max((p.applied ->> 'release')::int) FROM placements p WHERE p.tenant_id = $1::uuid AND p.workload_id = $2::uuid),
    (SELECT l.number FROM workloads w JOIN releases l ON l.tenant_id = w.tenant_id AND l.id = w.current_release_id
      WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid),
    (SELECT CASE WHEN last.phase = 'FAILED' THEN l.number END FROM (
        SELECT r.phase, r.release_id FROM rollouts r
        WHERE r.tenant_id = $1::uuid AND r.workload_id = $2::uuid AND r.kind IN ${CHANGING} ORDER BY r.id DESC LIMIT 1) last
      JOIN releases l ON l.tenant_id = $1::uuid AND l.id = last.release_id)) AS number`;

const COUNTS = `
  SELECT rollout_id AS "rolloutId", phase::text AS phase, count(*)::int AS count FROM targets
  WHERE tenant_id = $1::uuid AND rollout_id = ANY($2::uuid[]) GROUP BY rollout_id, phase`;

const OCCUPIED = `
  SELECT p.id FROM placements p
  JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id AND c.deleted_at IS NULL
  LEFT JOIN LATERAL (
    SELECT (t."to" IS NULL AND t.phase = 'SUCCEEDED') OR (t."from" IS NULL AND t.phase = 'ROLLED_BACK') AS gone
    FROM targets t JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id
    WHERE t.tenant_id = p.tenant_id AND t.placement_id = p.id AND t.written AND r.kind IN ${CHANGING}
    ORDER BY t.rollout_id DESC LIMIT 1) last ON true
  WHERE p.tenant_id = $1::uuid AND p.workload_id = $2::uuid AND (p.applied IS NOT NULL OR NOT last.gone)`;

const CREATE = `
  WITH rollout AS (
    INSERT INTO rollouts (tenant_id, id, workload_id, kind, release_id, previous_release_id, strategy, "values", reason, retry_of_id, on_failure, on_unreachable, created_by)
    SELECT $1::uuid, n.id, n.workload_id, n.kind, n.release_id, n.previous_release_id, n.strategy, n."values", n.reason, n.retry_of_id, n.on_failure, n.on_unreachable, n.created_by
    FROM jsonb_populate_record(NULL::rollouts, $2::jsonb) n RETURNING id
  ), wave AS (
    INSERT INTO waves (tenant_id, id, rollout_id, position, name, max_concurrent, max_failed)
    SELECT $1::uuid, n.id, rollout.id, n.position, n.name, n.max_concurrent, n.max_failed FROM rollout, jsonb_populate_record(NULL::waves, $3::jsonb) n RETURNING id
  )
  INSERT INTO targets (tenant_id, id, rollout_id, wave_id, placement_id, "from", "to", superseded, stages, replicas, written, uid, made, replicas_before, replicas_after)
  SELECT $1::uuid, n.id, rollout.id, wave.id, n.placement_id, n."from", n."to", n.superseded, n.stages, n.replicas, n.written, n.uid, n.made, n.replicas_before, n.replicas_after
  FROM rollout, wave, jsonb_populate_recordset(NULL::targets, $4::jsonb) n`;

/** Targets of the rollouts of $2; removed clusters go on being named. */
const TARGETS = `
    SELECT t.id, t.rollout_id AS "rolloutId", t.phase::text AS phase, t.phase_detail AS "phaseDetail", t.stages, t.stage, t.gate, t.condition, t.failure,
      p.namespace, t.pods, json_build_object('id', c.id, 'name', c.name) AS cluster, json_build_object('id', g.id, 'name', g.name) AS region,
      r.strategy
    FROM targets t
    JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id
    JOIN placements p ON p.tenant_id = t.tenant_id AND p.id = t.placement_id
    JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
    JOIN regions g ON g.id = p.region_id
    WHERE t.tenant_id = $1::uuid AND t.rollout_id = ANY($2::uuid[])`;

const FIRST_TARGETS = `
  SELECT * FROM (
    SELECT t.*, row_number() OVER (
      PARTITION BY "rolloutId" ORDER BY array_position(ARRAY[${FAILED_FIRST.map((phase) => `'${phase}'`).join(',')}], phase), id) AS place
    FROM (${TARGETS}) t) ranked
  WHERE place <= $3::int ORDER BY "rolloutId", place`;

/** By id, which never changes: whatever the rollout does between two pages, none is missed and none comes twice. */
const TARGET_PAGE = `${TARGETS} AND ($3::uuid IS NULL OR t.id > $3::uuid) ORDER BY t.id LIMIT $4::int`;

const WAVES = `
  SELECT w.id, w.rollout_id AS "rolloutId", w.name, w.phase::text AS phase, w.max_concurrent AS "maxConcurrent", w.max_failed AS "maxFailed", w.evidence,
    ARRAY(SELECT t.id::text FROM targets t WHERE t.tenant_id = w.tenant_id AND t.rollout_id = w.rollout_id AND t.wave_id = w.id ORDER BY t.id) AS targets
  FROM waves w WHERE w.tenant_id = $1::uuid AND w.rollout_id = ANY($2::uuid[]) ORDER BY w.rollout_id, w.position`;
