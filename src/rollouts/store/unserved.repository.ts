import { Injectable } from '@nestjs/common';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import type { RolloutState } from '../core/observation.ts';
import { STEERED, UNDER_WAY } from './phase-lists.ts';
import { rolloutState, saveTargets, targetChange, placedTarget } from './rows.ts';
import type { Place, RolloutJson, TargetJson, PlacedTarget } from './rows.ts';
import { storableJson } from '../../platform/db/storable.ts';

/** A target that waits because no worker serves its region. */
export interface UnservedTarget {
  now: Date;
  rollout: RolloutState;
  workloadId: string;
  target: PlacedTarget;
  /** When its placement was due. */
  since: Date;
}

export interface UnservedPage {
  byTenant: Map<string, string[]>;
  /** After which the next page begins, null where there is none. */
  next: string | null;
}

/** How long a placement may be due before it counts as unserved. */
const PATIENCE_SECONDS = 10;
const PAGE_SIZE = 100;

/** Placements that are due and that no worker claims. */
@Injectable()
export class UnservedRepository {
  constructor(private readonly database: Database) {}

  /**
   * The next page over all tenants, ordered by id.
   *
   * @param served ids of the regions that this worker serves itself
   * @param after the last id of the page before
   */
  async find(served: readonly string[], after: string): Promise<UnservedPage> {
    const rows = await this.database.system.query<{ tenant_id: string; id: string }>(FIND, [served, after]);
    const byTenant = [...Map.groupBy(rows, (row) => row.tenant_id)];
    return {
      byTenant: new Map(byTenant.map(([tenant, group]) => [tenant, group.map((row) => row.id)])),
      next: rows.length < PAGE_SIZE ? null : (rows.at(-1)?.id ?? null),
    };
  }

  /** The targets of these placements that have no condition yet, locked. */
  async lock(placementIds: readonly string[]): Promise<UnservedTarget[]> {
    const rows = await this.database.query<WaitingRow>(LOCK_WAITING, [tenantId(), placementIds]);
    return rows.map(({ now, since, workload_id, rollout, target, ...place }) => {
      return { now, since, workloadId: workload_id, rollout: rolloutState(rollout), target: placedTarget(target, place) };
    });
  }

  /** Saves locked targets. */
  save(targets: readonly PlacedTarget[]): void {
    this.database.send(saveTargets('$1', '$2'), [tenantId(), storableJson(targets.map((target) => targetChange(target)))]);
  }
}

interface WaitingRow extends Place {
  now: Date;
  since: Date;
  workload_id: string;
  rollout: RolloutJson;
  target: TargetJson;
}

const UNCLAIMED = `k.kind = 'placements' AND k.due_at < now() - interval '${PATIENCE_SECONDS} seconds' AND (k.lease_until IS NULL OR k.lease_until <= now())`;

const FIND = `
  SELECT k.tenant_id, k.id FROM work k
  WHERE ${UNCLAIMED} AND k.region_id <> ALL($1::uuid[]) AND k.id > $2::uuid
  ORDER BY k.id LIMIT ${PAGE_SIZE}`;

const LOCK_WAITING = `
  SELECT clock_timestamp() AS now, k.due_at AS since, p.workload_id, to_jsonb(r) AS rollout, to_jsonb(t) AS target,
    c.id AS "clusterId", c.name AS cluster, g.id AS "regionId", g.name AS region, p.namespace
  FROM targets t
  JOIN placements p ON p.tenant_id = t.tenant_id AND p.id = t.placement_id
  JOIN work k ON k.tenant_id = p.tenant_id AND k.id = p.id AND ${UNCLAIMED}
  JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
  JOIN regions g ON g.id = p.region_id
  JOIN rollouts r ON r.tenant_id = t.tenant_id AND r.id = t.rollout_id AND r.phase IN ${UNDER_WAY}
  WHERE t.tenant_id = $1::uuid AND t.placement_id = ANY($2::uuid[]) AND t.condition IS NULL AND t.phase IN ${STEERED} ORDER BY t.id FOR NO KEY UPDATE OF t`;
