import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { json } from '../../platform/db/statements.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { SideCounts } from '../core/counts.ts';
import { readSide } from '../core/observation.ts';
import type { PlacementState, RolloutState, Side, WaveState } from '../core/observation.ts';
import { wantedReplicas } from '../core/stages/number.ts';
import { tables } from './columns.ts';
import { noteRan } from './rules.ts';
import { commit, kept, lastTargets, load, placementCounts, saveCounts, standingOn, targetCounts } from './placement.statements.ts';
import type { LoadedRow, PlacementCount, TargetCount } from './placement.statements.ts';
import { changed, placedTarget, rolloutState, waveState } from './rows.ts';
import type { PlacedTarget } from './rows.ts';

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

export interface CountsChange extends PlacementCount {
  /** Targets in progress there. */
  targets: Omit<TargetCount, 'placementId'>[];
}

/** The rows of a placement that this worker holds. Everything runs as the placement's tenant. */
@Injectable()
export class HeldPlacementRepository {
  constructor(private readonly database: Database) {}

  /** Reads all rows in one statement, so that they are consistent; null if the lease is lost. */
  async load({ tenantId: tenant, id, token }: Lease): Promise<PlacementRows | null> {
    const [row] = await this.database.run(load({ tenant, id, token }));
    return row ? placementRows(row) : null;
  }

  /** @returns the target's new version, 'STALE' if the rows have changed since the decision, or 'LOST' if the lease is lost. In both cases the caller rolls back. */
  async commit(change: TargetCommit): Promise<number | 'STALE' | 'LOST'> {
    const { lease, target } = change;
    const [row] = await this.database.run(
      commit({
        tenant: lease.tenantId,
        id: lease.id,
        token: lease.token,
        rolloutId: change.rolloutId,
        targets: changed([target], change.observed),
        isApplied: change.applied !== undefined,
        applied: json(change.applied ?? null),
        lastWrittenReplicas: change.lastWrittenReplicas,
        observed: json(change.observed),
        progressAt: change.progressAt,
      }),
    );
    if (typeof row?.version !== 'number') return 'STALE';
    return row.held ? row.version : 'LOST';
  }

  /** The placement has run the release of that number, with all its pods Ready. */
  noteRan(placementId: string, release: number): void {
    this.database.write(noteRan(placementId, release));
  }

  /** The rendered objects of a digest, in the order in which they are applied. */
  async objects(digest: string): Promise<KubernetesObject[]> {
    const rendered = tables.selectFrom('rendered').select('objects').where('tenant_id', '=', tenantId()).where('digest', '=', digest);
    const [row] = await this.database.run(rendered);
    if (!row) throw new Error(`no rendered objects with digest ${digest}`);
    return JSON.parse(row.objects) as KubernetesObject[];
  }

  /** The kinds and names of the objects of the placement's releases: of all of them (ALL), or of those that a rollback can choose (GOOD). */
  async keptObjects(placementId: string, releases: 'ALL' | 'GOOD'): Promise<KubernetesObject[]> {
    return this.database.run(kept(placementId, releases));
  }

  /** What the last rollouts have written to a placement, newest first. */
  async writtenSides(placementId: string): Promise<Side[]> {
    const rows = await this.database.run(lastTargets(placementId));
    return rows.flatMap(({ to }) => readSide(to) ?? []);
  }

  /** The placements on a cluster that run, or should run, something. */
  async onCluster(clusterId: string): Promise<StandingPlacement[]> {
    return this.database.run(standingOn(clusterId));
  }

  /**
   * Saves the counts of many placements of one tenant in one statement. Skips targets that are locked, instead of waiting for them.
   *
   * @returns ids of the placements whose counts have to be saved once more
   */
  async saveCounts(changes: readonly CountsChange[]): Promise<string[]> {
    const targets = changes.flatMap(({ id: placementId, targets: those }) => those.map((target) => ({ ...target, placementId })));
    const missed = await this.database.run(
      saveCounts({ tenant: tenantId(), placements: placementCounts.text(changes), targets: targetCounts.text(targets) }),
    );
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

/** The rows as one statement has read them. */
export function placementRows(row: LoadedRow): PlacementRows {
  const { now, id, workloadId, workload, namespace, clusterId, cluster, regionId, region, credentialVersion } = row;
  const { applied, lastWrittenReplicas, progressAt } = row;
  const place = { clusterId, cluster, regionId, region, namespace };
  const placement = { id, workloadId, workload, namespace, lastWrittenReplicas, progressAt };
  const targets = (row.targets ?? []).map((each) => {
    const target = placedTarget(each.target, place);
    const replicas = wantedReplicas(target.state, each.target.replicas, readSide(applied), each.replicas ?? {});
    return { rollout: rolloutState(each.rollout), wave: waveState(each.wave), placement: { ...placement, replicas }, target };
  });
  return { now, id, workloadId, workload, namespace, clusterId, cluster, credentialVersion, progressAt, targets };
}
