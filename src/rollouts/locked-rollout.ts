import { tenantId } from '../common/context.ts';
import type { Database } from '../common/database.ts';
import { limitsOf } from '../tenants/limits.ts';
import type { Failure } from './core/failure.ts';
import type { RolloutState, WaveState } from './core/observation.ts';
import type { Detail } from './core/reasons.ts';
import { rolloutState, targetRow, waveState } from './engine/rows.ts';
import type { Place, RolloutJson, TargetJson, TargetRow, WaveJson } from './engine/rows.ts';
import { MOVING, UNDER_WAY } from './phase-lists.ts';

/** A rollout's rows for decisions, locked until the transaction ends. */
export interface LockedRollout {
  now: Date;
  workloadId: string;
  releaseId: string | null;
  phaseDetail: Detail | null;
  failure: Failure | null;
  rollout: RolloutState;
  waves: WaveState[];
  targets: TargetRow[];
  /** The tenant's quota of targets that move at once, and the number of moving targets of its other rollouts. */
  quota: number;
  elsewhere: number;
}

/**
 * Locks the rollout's row and then reads all its rows, so that a concurrent change is either visible here or waits. Runs in the caller's transaction and
 * tenant, for the rollout's loop and for verbs.
 *
 * @param token of the caller's lease; null = the caller needs none
 * @returns null if the rollout does not exist, or the lease is lost
 */
export async function lockRollout(database: Database, id: string, token: string | null): Promise<LockedRollout | null> {
  // Sent together and run in this order: each statement reads after those before it have their locks.
  if (token !== null) database.send(LOCK_QUOTA, [tenantId(), id, `quota ${tenantId()}`]);
  const [[locked], [parts]] = await Promise.all([
    database.query<LockedRow>(LOCK, [tenantId(), id, token]),
    database.query<PartsRow>(PARTS, [tenantId(), id]),
  ]);
  if (!locked || !parts) return null;
  const { rollout } = locked;
  return {
    now: parts.now,
    workloadId: rollout.workload_id,
    releaseId: rollout.release_id,
    phaseDetail: rollout.phase_detail,
    failure: rollout.failure,
    rollout: rolloutState(rollout),
    quota: limitsOf(parts.limits).concurrentTargets,
    elsewhere: parts.elsewhere,
    waves: (parts.waves ?? []).map(waveState),
    targets: (parts.targets ?? []).map(({ target, ...place }) => targetRow(target, place)),
  };
}

interface LockedRow {
  rollout: RolloutJson & { phase_detail: Detail | null };
}

interface PartsRow {
  now: Date;
  limits: unknown;
  elsewhere: number;
  waves: WaveJson[] | null;
  targets: (Place & { target: TargetJson })[] | null;
}

/** Locks the workload first, as everywhere, because settling changes it. */
const LOCK = `
  WITH workload AS MATERIALIZED (
    SELECT w.id FROM workloads w
    WHERE w.tenant_id = $1::uuid AND w.id = (SELECT workload_id FROM rollouts WHERE tenant_id = $1::uuid AND id = $2::uuid) FOR NO KEY UPDATE)
  SELECT to_jsonb(r) AS rollout FROM rollouts r
  WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid AND ($3::bigint IS NULL OR (r.lease_token = $3::bigint AND r.lease_until > now())) AND EXISTS (SELECT 1 FROM workload)
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
