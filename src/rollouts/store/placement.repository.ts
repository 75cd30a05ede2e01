import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { PlacementState, RolloutState, Side, WaveState } from '../core/observation.ts';
import { STEERED, UNDER_WAY } from './phase-lists.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld } from '../../runtime/work.ts';
import { rolloutState, saveTargets, targetChange, placedTarget, waveState } from './rows.ts';
import type { RolloutJson, TargetJson, PlacedTarget, WaveJson } from './rows.ts';
import { storableJson } from '../../platform/db/storable.ts';

declare module '../../runtime/kinds.ts' {
  interface WorkKinds {
    /** Placements with targets under way: a Deployment that is steered. */
    placements: 'REGION';
  }
}

/** A target that is in progress on a placement, with its rollout and wave. */
export interface ActiveTarget {
  rollout: RolloutState;
  wave: WaveState;
  placement: PlacementState;
  target: PlacedTarget;
}

/** A placement's rows, read by one statement. */
export interface PlacementRows {
  now: Date;
  id: string;
  workloadId: string;
  workload: string;
  namespace: string;
  clusterId: string;
  cluster: string;
  /** Increases when the cluster's credentials are replaced. */
  credentialVersion: number;
  progressAt: Date | null;
  /** Oldest rollout first. Empty: the placement has no work. */
  targets: ActiveTarget[];
}

/** What one decision changes, in one transaction. */
export interface TargetCommit {
  lease: Lease;
  rolloutId: string;
  target: PlacedTarget;
  /** The side that the placement runs from now on; undefined = unchanged. */
  applied?: Side | null;
  /** null = unchanged. */
  lastWrittenReplicas: number | null;
  /** As observed at the decision; null = not observed. */
  observed: SideCounts | null;
  progressAt: Date | null;
}

/** Counts of pods for the API; no decision depends on them. */
export interface PlacementCounts {
  desired: number;
  ready: number;
  /** Pods of the newest template. */
  updated: number;
}

/** With the two sides of a target in progress. */
export interface SideCounts extends PlacementCounts {
  new: number;
  old: number;
}

export interface CountsChange {
  id: string;
  /** Targets in progress there, which get the same counts. */
  targets: string[];
  observed: PlacementCounts;
  progressAt: Date | null;
}

/** The rows of a placement that this worker holds. Everything runs as the placement's tenant. */
@Injectable()
export class HeldPlacementRepository {
  constructor(private readonly database: Database) {}

  /** Reads all rows in one statement, so that they are consistent; null if the lease is lost. */
  async load(lease: Lease): Promise<PlacementRows | null> {
    const [row] = await this.database.query<LoadedRow>(LOAD, [lease.tenantId, lease.id, lease.token]);
    return row ? placementRows(row) : null;
  }

  /** @returns the target's new version, 'STALE' if the rows have changed since the decision, or 'LOST' if the lease is lost. In both cases the caller rolls back. */
  async commit(change: TargetCommit): Promise<number | 'STALE' | 'LOST'> {
    const { lease, target } = change;
    const [row] = await this.database.query<{ version: number | null; held: boolean }>(COMMIT, [
      lease.tenantId,
      change.rolloutId,
      storableJson([targetChange(target, change.observed)]),
      lease.id,
      lease.token,
      change.applied !== undefined,
      change.applied ? JSON.stringify(change.applied) : null,
      change.lastWrittenReplicas,
      change.observed && JSON.stringify(change.observed),
      change.progressAt,
    ]);
    if (typeof row?.version !== 'number') return 'STALE';
    return row.held ? row.version : 'LOST';
  }

  /** The rendered objects of a digest, in the order in which they are applied. */
  async objects(digest: string): Promise<KubernetesObject[]> {
    const text = 'SELECT objects FROM rendered WHERE tenant_id = $1::uuid AND digest = $2';
    const [row] = await this.database.query<{ objects: string }>(text, [tenantId(), digest]);
    if (!row) throw new Error(`no rendered objects with digest ${digest}`);
    return JSON.parse(row.objects) as KubernetesObject[];
  }

  /** The kinds and names of the objects of the placement's releases: of all of them (ALL), or of those that a rollback can choose (GOOD). */
  async keptObjects(placementId: string, releases: 'ALL' | 'GOOD'): Promise<KubernetesObject[]> {
    return this.database.query<KubernetesObject>(KEPT, [tenantId(), placementId, releases === 'ALL']);
  }

  /** The placements on a cluster that run, or should run, something. */
  async onCluster(clusterId: string): Promise<StandingPlacement[]> {
    return this.database.query<StandingPlacement>(ON_CLUSTER, [tenantId(), clusterId]);
  }

  /**
   * Saves the counts of many placements of one tenant in one statement. Skips targets that are locked, instead of waiting for them.
   *
   * @returns ids of the placements whose counts have to be saved once more
   */
  async saveCounts(changes: readonly CountsChange[]): Promise<string[]> {
    const rows = changes.map(({ id, targets, observed, progressAt }) => ({ id, targets, observed, progress_at: progressAt }));
    const missed = await this.database.query<{ id: string }>(SAVE_COUNTS, [tenantId(), JSON.stringify(rows)]);
    return missed.map(({ id }) => id);
  }
}

/** A placement as a check of its cluster sees it. */
export interface StandingPlacement {
  id: string;
  namespace: string;
  workload: string;
  workloadId: string;
  /** A release is live there and no worker holds the placement. */
  idle: boolean;
}

interface LoadedRow {
  now: Date;
  id: string;
  workload_id: string;
  workload: string;
  namespace: string;
  cluster_id: string;
  cluster: string;
  region_id: string;
  region: string;
  credential_version: number;
  last_written_replicas: number | null;
  progress_at: Date | null;
  targets: { target: TargetJson; rollout: RolloutJson; wave: WaveJson; replicas: number | null }[] | null;
}

function placementRows(row: LoadedRow): PlacementRows {
  const { now, id, namespace, cluster, region, workload } = row;
  const place = { clusterId: row.cluster_id, cluster, regionId: row.region_id, region, namespace };
  const placement = {
    id,
    workloadId: row.workload_id,
    workload,
    namespace,
    lastWrittenReplicas: row.last_written_replicas,
    progressAt: row.progress_at,
  };
  return {
    now,
    id,
    workloadId: row.workload_id,
    workload,
    namespace,
    clusterId: row.cluster_id,
    cluster,
    credentialVersion: row.credential_version,
    progressAt: row.progress_at,
    targets: (row.targets ?? []).map((each) => ({
      rollout: rolloutState(each.rollout),
      wave: waveState(each.wave),
      placement: { ...placement, replicas: each.target.replicas ?? each.replicas ?? 1 },
      target: placedTarget(each.target, place),
    })),
  };
}

/**
 * The number of pods: the target's own (`targets.replicas`), else that of the release to run (while rolling back, the one before). Without one (a removal): of the
 * release that ran before, else of the one that runs.
 */
const LOAD = `
  SELECT now() AS now, p.id, p.workload_id, w.name AS workload, p.namespace, p.cluster_id, c.name AS cluster, p.region_id, g.name AS region,
    coalesce(k.version, 0) AS credential_version, p.last_written_replicas, p.progress_at, active.targets
  FROM placements p
  JOIN workloads w ON w.tenant_id = p.tenant_id AND w.id = p.workload_id
  JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
  JOIN regions g ON g.id = p.region_id
  LEFT JOIN credentials k ON k.tenant_id = p.tenant_id AND k.cluster_id = p.cluster_id
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('target', to_jsonb(t), 'rollout', to_jsonb(r), 'wave', to_jsonb(v), 'replicas', o.replicas) ORDER BY r.id) AS targets
    FROM targets t
    JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id
    JOIN waves v ON v.tenant_id = t.tenant_id AND v.id = t.wave_id
    LEFT JOIN release_objects o ON o.tenant_id = t.tenant_id AND o.placement_id = t.placement_id
      AND o.release_id = (CASE WHEN t.undoing THEN coalesce(t."from" ->> 'releaseId', p.applied ->> 'releaseId')
        ELSE coalesce(t."to" ->> 'releaseId', t."from" ->> 'releaseId', p.applied ->> 'releaseId') END)::uuid
    WHERE t.tenant_id = p.tenant_id AND t.placement_id = p.id
      AND t.phase IN ${STEERED} AND r.phase IN ${UNDER_WAY}
  ) active ON true
  WHERE p.tenant_id = $1::uuid AND p.id = $2::uuid AND EXISTS (${leaseHeld({ kind: `'placements'`, id: '$2', token: '$3' })})`;

/**
 * The target is saved if its rollout is still under way and its version is unchanged. The lock on the lease keeps a claim from coming in between until the commit.
 * Locks in the order that all transactions here keep, to avoid deadlocks: target, placement, work.
 */
const COMMIT = `
  WITH standing AS (
    SELECT id FROM rollouts WHERE tenant_id = $1::uuid AND id = $2::uuid AND phase IN ${UNDER_WAY}
  ), saved AS (${saveTargets('$1', '$3', 'EXISTS (SELECT 1 FROM standing)')}
  ), lease AS (${leaseHeld({ kind: `'placements'`, id: '$4', token: '$5' })} FOR SHARE
  ), held AS (
    UPDATE placements SET applied = CASE WHEN $6::boolean THEN $7::jsonb ELSE applied END, last_written_replicas = coalesce($8::int, last_written_replicas),
      observed = coalesce($9::jsonb, observed), observed_at = CASE WHEN $9::jsonb IS NULL THEN observed_at ELSE now() END,
      progress_at = greatest(progress_at, $10::timestamptz)
    WHERE tenant_id = $1::uuid AND id = $4::uuid AND EXISTS (SELECT 1 FROM saved) AND EXISTS (SELECT 1 FROM lease)
    RETURNING id
  )
  SELECT (SELECT version FROM saved) AS version, EXISTS (SELECT 1 FROM held) AS held`;

const KEPT = `
  SELECT DISTINCT o ->> 'apiVersion' AS "apiVersion", o ->> 'kind' AS kind,
    jsonb_build_object('name', o -> 'metadata' -> 'name', 'namespace', o -> 'metadata' -> 'namespace') AS metadata
  FROM rendered r, jsonb_array_elements(r.objects::jsonb) o
  WHERE r.tenant_id = $1::uuid AND r.digest IN (
    SELECT o.digest FROM release_objects o JOIN releases l ON l.tenant_id = o.tenant_id AND l.id = o.release_id
    WHERE o.tenant_id = $1::uuid AND o.placement_id = $2::uuid AND ($3::boolean OR l.good_at IS NOT NULL))`;

const ON_CLUSTER = `
  SELECT p.id, p.namespace, w.name AS workload, p.workload_id AS "workloadId", p.applied IS NOT NULL AND coalesce(k.lease_until <= now(), true) AS idle
  FROM placements p JOIN workloads w ON w.tenant_id = p.tenant_id AND w.id = p.workload_id
  LEFT JOIN work k ON k.tenant_id = p.tenant_id AND k.kind = 'placements' AND k.id = p.id
  WHERE p.tenant_id = $1::uuid AND p.cluster_id = $2::uuid AND (p.wanted OR p.applied IS NOT NULL) AND w.deleted_at IS NULL`;

const SAVE_COUNTS = `
  WITH n AS (SELECT * FROM jsonb_to_recordset($2::jsonb) AS n(id uuid, targets uuid[], observed jsonb, progress_at timestamptz)),
  free AS (
    SELECT t.id, n.observed FROM targets t JOIN n ON t.id = ANY(n.targets)
    WHERE t.tenant_id = $1::uuid AND t.phase IN ${STEERED} FOR NO KEY UPDATE OF t SKIP LOCKED
  ),
  seen AS (UPDATE targets t SET pods = free.observed FROM free WHERE t.tenant_id = $1::uuid AND t.id = free.id RETURNING t.id),
  ours AS (
    SELECT p.id FROM placements p JOIN n ON n.id = p.id WHERE p.tenant_id = $1::uuid AND (SELECT count(*) FROM seen) >= 0 ORDER BY p.id FOR NO KEY UPDATE OF p
  ), counted AS (
    UPDATE placements p SET observed = n.observed, observed_at = now(), progress_at = greatest(n.progress_at, p.progress_at)
    FROM n JOIN ours ON ours.id = n.id WHERE p.tenant_id = $1::uuid AND p.id = n.id
  )
  SELECT n.id FROM n WHERE EXISTS (SELECT 1 FROM unnest(n.targets) AS wanted WHERE wanted NOT IN (SELECT id FROM seen))`;
