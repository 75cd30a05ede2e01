import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { LostRace } from '../../platform/db/database-errors.ts';
import { isId } from '../../platform/id.ts';
import { Announce } from '../../platform/queue/announce.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld, Work } from '../../runtime/work.ts';
import type { WorkRow } from '../../runtime/work.ts';
import { limitsOf } from '../../tenants/limits.ts';
import { kinds } from '../core/kinds.ts';
import type { RolloutObservation } from '../core/observation.ts';
import { isSettled } from '../core/phases.ts';
import { changesOf } from '../core/rollout/reduce-rollout.ts';
import type { Reduction } from '../core/rollout/reduce-rollout.ts';
import { renumberTargets, rolloutState, saveTargets, targetChange, placedTarget, waveState } from './rows.ts';
import type { Place, RolloutJson, TargetJson, PlacedTarget, WaveJson } from './rows.ts';
import { storableJson } from '../../platform/db/storable.ts';
import { CHANGING, MOVING, OPEN, UNDER_WAY } from './phase-lists.ts';

/** A rollout's rows for decisions, locked until the transaction ends. */
export interface LockedRollout extends RolloutObservation {
  workloadId: string;
  releaseId: string | null;
  /** By target. */
  places: ReadonlyMap<string, Pick<PlacedTarget, 'place' | 'version'>>;
}

declare module '../../runtime/kinds.ts' {
  interface WorkKinds {
    /** Rollouts that have not ended: decisions about them, from rows alone. */
    rollouts: 'ANY';
  }
}

declare module '../../platform/queue/announce.ts' {
  interface Announcements {
    /** A rollout or one of its targets has changed. */
    rollout: { tenantId: string; id: string };
  }
}

export interface Locking {
  /** The caller's lease; null = the caller needs none. */
  lease: Lease | null;
  /** Locks the open targets too, so that nobody changes them before they are saved. */
  targets: boolean;
}

/** Rollouts with all their rows, locked for a decision: of the rollout's loop, of a verb, or of a rollout that supersedes them. Runs in the caller's transaction. */
@Injectable()
export class LockedRolloutRepository {
  constructor(
    private readonly database: Database,
    private readonly work: Work,
    private readonly announce: Announce,
  ) {}

  /**
   * Locks the rollout's row and then reads all its rows, so that a concurrent change is either visible here or waits.
   *
   * @returns null if the rollout does not exist, or the lease is lost
   */
  async lock(id: string, { lease, targets }: Locking): Promise<LockedRollout | null> {
    if (!isId(id)) return null;
    // Sent together and run in this order: each statement reads after those before it have their locks.
    if (lease) this.database.send(LOCK_QUOTA, [tenantId(), id, `quota ${tenantId()}`]);
    const locking = this.database.query<{ rollout: RolloutJson }>(LOCK, [tenantId(), id, lease?.token ?? null]);
    if (targets) this.database.send(LOCK_TARGETS, [tenantId(), id]);
    const [[locked], [parts]] = await Promise.all([locking, this.database.query<PartsRow>(PARTS, [tenantId(), id])]);
    return locked && parts ? lockedRollout(locked.rollout, parts) : null;
  }

  /**
   * Saves what a reduction has changed, in one statement, and makes the placements due that it wakes. A rollout that has ended is not due any more.
   *
   * @param by CLIENT: the rollout's version, which does not count its own changes, rises
   * @throws LostRace if a target has changed since it was read
   */
  async save(before: LockedRollout, { rows, wake, numbers }: Reduction<LockedRollout>, by: 'CLIENT' | 'PRODUCT'): Promise<void> {
    const { rollout, places } = rows;
    const { waves, targets } = changesOf(before, rows);
    if (numbers.length > 0) this.keepNumbers(numbers);
    const changed = targets.map((state) => targetChange({ state, version: places.get(state.id)!.version }));
    const [saved] = await this.database.query<{ targets: number }>(SAVE, [
      tenantId(),
      rollout.id,
      rollout.phase,
      rollout.pauseReason,
      rollout.intent,
      rollout.phaseDetail && storableJson(rollout.phaseDetail),
      rollout.failure && storableJson(rollout.failure),
      rollout.startedAt,
      rollout.settledAt,
      by === 'CLIENT',
      storableJson(waves.map(({ id, phase, promotedStep, evidence }) => ({ id, phase, promoted_step: promotedStep, evidence }))),
      storableJson(changed),
    ]);
    if (saved?.targets !== targets.length) throw new LostRace('a target has changed since the decision');
    this.work.due('placements', placementsOf(rows, wake));
    if (isSettled(rollout.phase)) this.work.forget('rollouts', [rollout.id]);
    const changedRollout = { kind: 'rollout', tenantId: tenantId(), id: rollout.id } as const;
    this.database.afterCommit(() => this.announce.publish(changedRollout));
  }

  /** Updates the workload and its release after a success, as the kind of rollout says. */
  succeed({ rollout, workloadId, releaseId }: LockedRollout): void {
    const { success } = kinds[rollout.kind];
    if (success === null) return;
    if (success === 'DELETED') {
      this.database.send(DELETED, [tenantId(), workloadId]);
      return;
    }
    this.database.send(GOOD, [tenantId(), releaseId]);
    this.database.send(success === 'DEPLOYED' ? DEPLOYED : GONE_BACK, [tenantId(), workloadId, rollout.id]);
  }

  /** Sets the number of pods in other rollouts of these placements, so that they do not repeat a change of scale that is being undone. */
  private keepNumbers(numbers: Reduction['numbers']): void {
    const rows = numbers.map(({ placementId, replicas }) => ({ id: placementId, replicas }));
    this.database.send(KEEP_NUMBERS, [tenantId(), JSON.stringify(rows)]);
  }
}

/** The placements of a rollout that have these ids, as work. */
function placementsOf({ targets, places }: LockedRollout, ids: readonly string[]): WorkRow[] {
  const wanted = new Set(ids);
  return targets
    .filter((target) => wanted.has(target.placementId))
    .map(({ id, placementId }) => {
      const { regionId, clusterId } = places.get(id)!.place;
      return { id: placementId, regionId, clusterId };
    });
}

interface PartsRow {
  now: Date;
  limits: unknown;
  elsewhere: number;
  waves: WaveJson[] | null;
  targets: (Place & { target: TargetJson })[] | null;
}

function lockedRollout(rollout: RolloutJson, parts: PartsRow): LockedRollout {
  const targets = (parts.targets ?? []).map(({ target, ...place }) => placedTarget(target, place));
  return {
    now: parts.now,
    workloadId: rollout.workload_id,
    releaseId: rollout.release_id,
    rollout: rolloutState(rollout),
    quota: limitsOf(parts.limits).concurrentTargets,
    elsewhere: parts.elsewhere,
    waves: (parts.waves ?? []).map(waveState),
    targets: targets.map(({ state }) => state),
    places: new Map(targets.map(({ state, place, version }) => [state.id, { place, version }])),
  };
}

/** Locks the workload first, as everywhere, because settling changes it. */
const LOCK = `
  WITH workload AS MATERIALIZED (
    SELECT w.id FROM workloads w
    WHERE w.tenant_id = $1::uuid AND w.id = (SELECT workload_id FROM rollouts WHERE tenant_id = $1::uuid AND id = $2::uuid) FOR NO KEY UPDATE)
  SELECT to_jsonb(r) AS rollout FROM rollouts r
  WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid AND ($3::bigint IS NULL OR EXISTS (${leaseHeld({ kind: `'rollouts'`, id: '$2', token: '$3' })})) AND EXISTS (SELECT 1 FROM workload)
  FOR NO KEY UPDATE OF r`;

/** Serializes the rollouts of a tenant that may start targets, so that each counts what the others have started. */
const LOCK_QUOTA = `
  SELECT pg_advisory_xact_lock(hashtextextended($3, 11)) FROM rollouts r
  WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid AND r.phase IN ('QUEUED', 'RUNNING')
    AND EXISTS (SELECT 1 FROM targets t WHERE t.tenant_id = r.tenant_id AND t.rollout_id = r.id AND t.phase IN ('PENDING', 'HELD'))`;

const PARTS = `
  SELECT clock_timestamp() AS now, (SELECT limits FROM tenants WHERE id = $1::uuid) AS limits,
    (SELECT count(*)::int FROM targets t JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id
      WHERE t.tenant_id = $1::uuid AND t.rollout_id <> $2::uuid AND t.phase IN ${MOVING}
        AND r.phase IN ${UNDER_WAY}) AS elsewhere,
    (SELECT json_agg(to_jsonb(v) ORDER BY v.position) FROM waves v WHERE v.tenant_id = $1::uuid AND v.rollout_id = $2::uuid) AS waves,
    (SELECT json_agg(json_build_object('target', to_jsonb(t), 'regionId', p.region_id, 'clusterId', p.cluster_id, 'cluster', c.name, 'region', g.name, 'namespace', p.namespace) ORDER BY t.id)
      FROM targets t
      JOIN placements p ON p.tenant_id = t.tenant_id AND p.id = t.placement_id
      JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
      JOIN regions g ON g.id = p.region_id
      WHERE t.tenant_id = $1::uuid AND t.rollout_id = $2::uuid) AS targets`;

/** Targets are locked after their rollout and before their placements, as everywhere. */
const LOCK_TARGETS = `
  SELECT t.id FROM targets t WHERE t.tenant_id = $1::uuid AND t.rollout_id = $2::uuid AND t.phase IN ${OPEN} ORDER BY t.id FOR NO KEY UPDATE`;

/** The rollout's row is locked already. */
const SAVE = `
  WITH rollout AS (
    UPDATE rollouts SET phase = $3::"RolloutPhase", pause_reason = $4::"PauseReason", intent = $5::"RolloutIntent", phase_detail = $6::jsonb, failure = $7::jsonb,
      started_at = $8::timestamptz, settled_at = $9::timestamptz, version = version + $10::boolean::int, updated_at = now()
    WHERE tenant_id = $1::uuid AND id = $2::uuid
  ), wave AS (
    UPDATE waves v SET phase = n.phase::"WavePhase", promoted_step = n.promoted_step, evidence = n.evidence
    FROM jsonb_to_recordset($11::jsonb) AS n(id uuid, phase text, promoted_step int, evidence jsonb) WHERE v.tenant_id = $1::uuid AND v.id = n.id
  ), saved AS (${saveTargets('$1', '$12')})
  SELECT (SELECT count(*) FROM saved)::int AS targets`;

const KEEP_NUMBERS = renumberTargets(`r.kind IN ${CHANGING}`);

const GOOD = 'UPDATE releases SET good_at = coalesce(good_at, now()) WHERE tenant_id = $1::uuid AND id = $2::uuid';

/**
 * The request's merged values become the workload's, and the revision pinned by an earlier rollback is no longer the default. The version counts changed
 * values only, because clients cannot write the current release.
 */
const DEPLOYED = `
  UPDATE workloads w SET "values" = w."values" || r."values", current_release_id = r.release_id, pinned_revision = NULL, pinned_at_latest = NULL,
    version = w.version + CASE WHEN w."values" @> r."values" THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

/**
 * The release's template, revision and values become the workload's. The revision stays the default until the template has a newer one than now. A deleted
 * template has no further revisions: the workload keeps its own then.
 */
const GONE_BACK = `
  UPDATE workloads w SET "values" = l."values", current_release_id = l.id,
    template_id = CASE WHEN t.deleted_at IS NULL THEN t.id ELSE w.template_id END,
    pinned_revision = CASE WHEN t.deleted_at IS NULL THEN v.number END,
    pinned_at_latest = CASE WHEN t.deleted_at IS NULL THEN t.latest_revision END,
    version = w.version + CASE WHEN w."values" = l."values" AND (w.template_id = t.id OR t.deleted_at IS NOT NULL) THEN 0 ELSE 1 END, updated_at = now()
  FROM rollouts r
  JOIN releases l ON l.tenant_id = r.tenant_id AND l.id = r.release_id
  JOIN revisions v ON v.tenant_id = l.tenant_id AND v.id = l.revision_id
  JOIN templates t ON t.tenant_id = v.tenant_id AND t.id = v.template_id
  WHERE w.tenant_id = $1::uuid AND w.id = $2::uuid AND r.tenant_id = w.tenant_id AND r.id = $3::uuid`;

const DELETED =
  'UPDATE workloads SET deleted_at = now(), version = version + 1, updated_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid';
