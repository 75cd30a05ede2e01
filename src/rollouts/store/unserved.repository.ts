import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { ExpressionBuilder } from 'kysely';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { anyOf, prepared } from '../../platform/db/statements.ts';
import type { Parameters } from '../../platform/db/statements.ts';
import { heldIn } from '../../runtime/work.ts';
import type { RolloutState } from '../core/observation.ts';
import { STEERED, UNDER_WAY } from './phase-lists.ts';
import { tables } from './columns.ts';
import type { RolloutTables } from './columns.ts';
import { changed, placedTarget, rolloutState, saveTargets } from './rows.ts';
import type { PlacedTarget, TargetChanges } from './rows.ts';

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
    const rows = await this.database.system.run(page(served, after));
    const byTenant = [...Map.groupBy(rows, (row) => row.tenant_id)];
    return {
      byTenant: new Map(byTenant.map(([tenant, group]) => [tenant, group.map((row) => row.id)])),
      next: rows.length < PAGE_SIZE ? null : (rows.at(-1)?.id ?? null),
    };
  }

  /** The targets of these placements that have no condition yet, locked. */
  async lock(placementIds: readonly string[]): Promise<UnservedTarget[]> {
    const rows = await this.database.run(lockWaiting(placementIds));
    return rows.map(({ now, since, workloadId, rollout, target, ...place }) => {
      return { now, since, workloadId, rollout: rolloutState(rollout), target: placedTarget(target, place) };
    });
  }

  /** Saves locked targets. */
  save(targets: readonly PlacedTarget[]): void {
    this.database.write(save({ tenant: tenantId(), targets: changed(targets) }));
  }
}

const save = prepared((p: Parameters<{ tenant: string; targets: TargetChanges }>) => saveTargets(p.tenant, p.targets));

/** Condition on `work` as `k`. */
const unclaimed = (e: ExpressionBuilder<{ k: RolloutTables['work'] }, 'k'>) =>
  e.and([
    e('k.kind', '=', sql.lit('placements')),
    e('k.due_at', '<', sql<Date>`now() - make_interval(secs => ${sql.lit(PATIENCE_SECONDS)})`),
    e.or([e('k.lease_until', 'is', null), e('k.lease_until', '<=', sql<Date>`now()`)]),
  ]);

const page = (served: readonly string[], after: string) =>
  tables
    .selectFrom('work as k')
    .select(['k.tenant_id', 'k.id'])
    .where(unclaimed)
    .where((e) => e.not(e('k.region_id', '=', anyOf(served))))
    .where((e) => e.not(e.exists(heldIn(sql.ref<string>('k.region_id')))))
    .where('k.id', '>', after)
    .orderBy('k.id')
    .limit(sql.lit(PAGE_SIZE));

const lockWaiting = (placementIds: readonly string[]) =>
  tables
    .selectFrom('targets as t')
    .innerJoin('placements as p', (on) => on.onRef('p.tenant_id', '=', 't.tenant_id').onRef('p.id', '=', 't.placement_id'))
    .innerJoin('work as k', (on) => on.onRef('k.tenant_id', '=', 'p.tenant_id').onRef('k.id', '=', 'p.id'))
    .innerJoin('clusters as c', (on) => on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id'))
    .innerJoin('regions as g', 'g.id', 'p.region_id')
    .innerJoin('rollouts as r', (on) => on.onRef('r.tenant_id', '=', 't.tenant_id').onRef('r.id', '=', 't.rollout_id'))
    .select([
      sql<Date>`clock_timestamp()`.as('now'),
      'k.due_at as since',
      'p.workload_id as workloadId',
      tables.row('rollouts', 'r').as('rollout'),
      tables.row('targets', 't').as('target'),
      'c.id as clusterId',
      'c.name as cluster',
      'g.id as regionId',
      'g.name as region',
      'p.namespace',
    ])
    .where(unclaimed)
    .where('t.tenant_id', '=', tenantId())
    .where('t.placement_id', '=', anyOf(placementIds))
    .where('t.condition', 'is', null)
    .where('t.phase', 'in', STEERED)
    .where('r.phase', 'in', UNDER_WAY)
    .orderBy('t.id')
    .forNoKeyUpdate('t');
