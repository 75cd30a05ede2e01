import { Injectable } from '@nestjs/common';
import { tenantId } from '../../common/context.ts';
import { Database } from '../../common/database.ts';
import type { Condition } from '../core/condition-types.ts';
import { STEERED, UNDER_WAY } from '../phase-lists.ts';

/** A target that waits because nobody serves its region. */
export interface UnservedTarget {
  id: string;
  rolloutId: string;
  workloadId: string;
  clusterId: string;
  cluster: string;
  regionId: string;
  condition: Condition;
}

export interface UnservedPage {
  byTenant: Map<string, string[]>;
  /** After which the next page begins, null where there is none. */
  next: string | null;
}

/** How long a placement may be due before it counts as unserved. */
const PATIENCE_SECONDS = 10;
const BATCH = 100;

/** Placements that are due and that no worker comes for. */
@Injectable()
export class UnservedRepository {
  constructor(private readonly database: Database) {}

  /**
   * The next ones of all tenants, in the order of their ids.
   *
   * @param served ids of the regions that this worker looks after itself
   * @param after the last id of the page before
   */
  async find(served: readonly string[], after: string): Promise<UnservedPage> {
    const rows = await this.database.system.query<{ tenant_id: string; id: string }>(FIND, [served, after]);
    const byTenant = [...Map.groupBy(rows, (row) => row.tenant_id)];
    return {
      byTenant: new Map(byTenant.map(([tenant, group]) => [tenant, group.map((row) => row.id)])),
      next: rows.length < BATCH ? null : (rows.at(-1)?.id ?? null),
    };
  }

  /** Says so on every target there that does not say why it waits, and has its rollout looked at; answers those targets. Runs in the caller's transaction. */
  async mark(placementIds: readonly string[]): Promise<UnservedTarget[]> {
    this.database.send(TELL, [tenantId(), placementIds]);
    return this.database.query<UnservedTarget>(MARK, [tenantId(), placementIds]);
  }
}

const FIND = `
  SELECT tenant_id, id FROM placements
  WHERE due_at < now() - interval '${PATIENCE_SECONDS} seconds' AND (lease_until IS NULL OR lease_until <= now()) AND region_id <> ALL($1::uuid[]) AND id > $2::uuid
  ORDER BY id LIMIT ${BATCH}`;

const WAITING = `t.tenant_id = $1::uuid AND t.placement_id = ANY($2::uuid[]) AND t.condition IS NULL AND t.phase IN ${STEERED}`;

const TELL = `
  WITH concerned AS (
    SELECT r.id FROM rollouts r
    WHERE r.tenant_id = $1::uuid AND r.phase IN ${UNDER_WAY} AND r.id IN (SELECT t.rollout_id FROM targets t WHERE ${WAITING})
    ORDER BY r.id FOR NO KEY UPDATE)
  UPDATE rollouts r SET due_at = now() FROM concerned c WHERE r.tenant_id = $1::uuid AND r.id = c.id`;

const MARK = `
  UPDATE targets t SET stopped_at = coalesce(t.stopped_at, now()), version = t.version + 1, updated_at = now(),
    condition = jsonb_build_object('type', 'NO_WORKER', 'data', jsonb_build_object('region', g.name),
      'since', to_char(p.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  FROM placements p
  JOIN clusters c ON c.tenant_id = p.tenant_id AND c.id = p.cluster_id
  JOIN regions g ON g.id = p.region_id
  JOIN rollouts r ON r.tenant_id = p.tenant_id AND r.phase IN ${UNDER_WAY}
  WHERE ${WAITING} AND p.tenant_id = t.tenant_id AND p.id = t.placement_id AND r.id = t.rollout_id
  RETURNING t.id, t.rollout_id AS "rolloutId", p.workload_id AS "workloadId", c.id AS "clusterId", c.name AS cluster, g.id AS "regionId", t.condition`;
