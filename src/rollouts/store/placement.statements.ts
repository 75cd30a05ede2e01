/** The statements of `HeldPlacementRepository`. */
import { sql } from 'kysely';
import type { InferResult } from 'kysely';
import { jsonBuildObject } from 'kysely/helpers/postgres';
import { tenantId } from '../../platform/db/context.ts';
import { prepared } from '../../platform/db/statements.ts';
import type { JsonText, Parameters, RecordsText } from '../../platform/db/statements.ts';
import { leaseHeld } from '../../runtime/work.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { PlacementCounts, SideCounts } from '../core/counts.ts';
import type { Side } from '../core/observation.ts';
import { tables } from './columns.ts';
import { STEERED, UNDER_WAY } from './phase-lists.ts';
import { saveTargets } from './rows.ts';
import type { TargetChanges } from './rows.ts';

const releaseIn = (side: 'p.applied' | 't.from' | 't.to') => sql<string>`(${sql.ref(side)} ->> 'releaseId')::uuid`;

/** The releases' numbers of pods on a target's placement, of those releases that it can run. */
const numbersOfReleases = sql<Record<string, number> | null>`${tables
  .selectFrom('release_objects as o')
  .select(sql`jsonb_object_agg(o.release_id, o.replicas)`.as('numbers'))
  .where('o.tenant_id', '=', sql<string>`t.tenant_id`)
  .where('o.placement_id', '=', sql<string>`t.placement_id`)
  .where('o.release_id', 'in', [releaseIn('t.from'), releaseIn('t.to'), releaseIn('p.applied')])}`;

/** The targets in progress on the placement `p`. */
const active = tables
  .selectFrom('targets as t')
  .innerJoin('rollouts as r', (on) => on.onRef('r.tenant_id', '=', 't.tenant_id').onRef('r.id', '=', 't.rollout_id'))
  .innerJoin('waves as v', (on) => on.onRef('v.tenant_id', '=', 't.tenant_id').onRef('v.id', '=', 't.wave_id'))
  .select((e) =>
    e.fn
      .jsonAgg(
        jsonBuildObject({
          target: tables.row('targets', 't'),
          rollout: tables.row('rollouts', 'r'),
          wave: tables.row('waves', 'v'),
          replicas: numbersOfReleases,
        }),
      )
      .orderBy('r.id')
      .as('targets'),
  )
  .where('t.tenant_id', '=', sql<string>`p.tenant_id`)
  .where('t.placement_id', '=', sql<string>`p.id`)
  .where('t.phase', 'in', STEERED)
  .where('r.phase', 'in', UNDER_WAY);

const loading = (p: Parameters<{ tenant: string; id: string; token: string }>) =>
  tables
    .selectFrom('placements as p')
    .innerJoin('workloads as w', (on) => on.onRef('w.tenant_id', '=', 'p.tenant_id').onRef('w.id', '=', 'p.workload_id'))
    .innerJoin('clusters as c', (on) => on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id'))
    .innerJoin('regions as g', 'g.id', 'p.region_id')
    .leftJoin('credentials as k', (on) => on.onRef('k.tenant_id', '=', 'p.tenant_id').onRef('k.cluster_id', '=', 'p.cluster_id'))
    .leftJoinLateral(active.as('active'), (on) => on.onTrue())
    .select([
      'p.id',
      'p.workload_id as workloadId',
      'w.name as workload',
      'p.namespace',
      'p.cluster_id as clusterId',
      'c.name as cluster',
      'p.region_id as regionId',
      'g.name as region',
      'p.applied',
      'p.last_written_replicas as lastWrittenReplicas',
      'p.progress_at as progressAt',
      'active.targets',
    ])
    .select((e) => [sql<Date>`now()`.as('now'), e.fn.coalesce('k.version', sql.lit(0)).as('credentialVersion')])
    .where('p.tenant_id', '=', p.tenant)
    .where('p.id', '=', p.id)
    .where((e) => e.exists(leaseHeld({ tenant: p.tenant, kind: sql.lit('placements'), id: p.id, token: p.token })));

export const load = prepared(loading);
export type LoadedRow = InferResult<ReturnType<typeof loading>>[number];

interface Commit {
  tenant: string;
  id: string;
  token: string;
  rolloutId: string;
  targets: TargetChanges;
  isApplied: boolean;
  applied: JsonText<Side> | null;
  lastWrittenReplicas: number | null;
  observed: JsonText<SideCounts> | null;
  progressAt: Date | null;
}

/**
 * The target is saved if its rollout is still under way and its version is unchanged. The lock on the lease keeps a claim from coming in between until the commit.
 * Locks in the order that all transactions here keep, to avoid deadlocks: target, the lease's row of `work`, placement.
 */
export const commit = prepared((p: Parameters<Commit>) =>
  tables
    .with('standing', (db) =>
      db
        .selectFrom('rollouts')
        .select('id')
        .where('tenant_id', '=', p.tenant)
        .where('id', '=', p.rolloutId)
        .where('phase', 'in', UNDER_WAY),
    )
    .with('saved', (db) => saveTargets(p.tenant, p.targets).where((e) => e.exists(db.selectFrom('standing').select('id'))))
    .with('lease', () => leaseHeld({ tenant: p.tenant, kind: sql.lit('placements'), id: p.id, token: p.token }).forShare())
    .with('held', (db) =>
      db
        .updateTable('placements')
        .set((e) => ({
          applied: sql`case when ${p.isApplied}::boolean then ${p.applied}::jsonb else applied end`,
          last_written_replicas: e.fn.coalesce(p.lastWrittenReplicas, 'last_written_replicas'),
          observed: sql`coalesce(${p.observed}::jsonb, observed)`,
          observed_at: sql`case when ${p.observed}::jsonb is null then observed_at else now() end`,
          progress_at: sql`greatest(progress_at, ${p.progressAt})`,
        }))
        .where('tenant_id', '=', p.tenant)
        .where('id', '=', p.id)
        .where((e) => e.exists(e.selectFrom('saved').select('id')))
        .where((e) => e.exists(e.selectFrom('lease').select('held')))
        .returning('id'),
    )
    .selectNoFrom((e) => [e.selectFrom('saved').select('version').as('version'), e.exists(e.selectFrom('held').select('id')).as('held')]),
);

export const kept = (placementId: string, releases: 'ALL' | 'GOOD') =>
  tables
    .selectFrom(['rendered as r', sql<{ o: unknown }>`jsonb_array_elements(r.objects::jsonb)`.as<'o'>(sql`o`)])
    .distinct()
    .select([
      sql<string>`o ->> 'apiVersion'`.as('apiVersion'),
      sql<string>`o ->> 'kind'`.as('kind'),
      sql<
        KubernetesObject['metadata']
      >`jsonb_build_object('name', o -> 'metadata' -> 'name', 'namespace', o -> 'metadata' -> 'namespace')`.as('metadata'),
    ])
    .where('r.tenant_id', '=', tenantId())
    .where('r.digest', 'in', (e) =>
      e
        .selectFrom('release_objects as o')
        .innerJoin('releases as l', (on) => on.onRef('l.tenant_id', '=', 'o.tenant_id').onRef('l.id', '=', 'o.release_id'))
        .select('o.digest')
        .where('o.tenant_id', '=', tenantId())
        .where('o.placement_id', '=', placementId)
        .$if(releases === 'GOOD', (all) => all.where('l.good_at', 'is not', null)),
    );

/** So many rollouts back may have left something at a placement that a new one finds there. */
const LAST_TARGETS = 20;

export const lastTargets = (placementId: string) =>
  tables
    .selectFrom('targets')
    .select('to')
    .where('tenant_id', '=', tenantId())
    .where('placement_id', '=', placementId)
    .where('written', '=', sql.lit(true))
    .where('to', 'is not', null)
    .orderBy('id', 'desc')
    .limit(sql.lit(LAST_TARGETS));

export const standingOn = (clusterId: string) =>
  tables
    .selectFrom('placements as p')
    .innerJoin('workloads as w', (on) => on.onRef('w.tenant_id', '=', 'p.tenant_id').onRef('w.id', '=', 'p.workload_id'))
    .leftJoin('work as k', (on) =>
      on.onRef('k.tenant_id', '=', 'p.tenant_id').on('k.kind', '=', sql.lit('placements')).onRef('k.id', '=', 'p.id'),
    )
    .select([
      'p.id',
      'p.namespace',
      'w.name as workload',
      'p.workload_id as workloadId',
      sql<boolean>`p.applied is not null and coalesce(k.lease_until <= now(), true)`.as('idle'),
    ])
    .where('p.tenant_id', '=', tenantId())
    .where('p.cluster_id', '=', clusterId)
    .where((e) => e.or([e('p.wanted', '=', sql.lit(true)), e('p.applied', 'is not', null)]))
    .where('w.deleted_at', 'is', null);

/** A placement with its counts. */
export interface PlacementCount {
  id: string;
  observed: PlacementCounts;
  progressAt: Date | null;
}

/** A target in progress with the counts of its sides. */
export interface TargetCount {
  id: string;
  placementId: string;
  pods: SideCounts;
}

export const placementCounts = tables.recordsOf<PlacementCount>().into('placements', {
  id: ({ id }) => id,
  observed: ({ observed }) => observed,
  progress_at: ({ progressAt }) => progressAt,
});

export const targetCounts = tables.recordsOf<TargetCount>().into('targets', {
  id: ({ id }) => id,
  placement_id: ({ placementId }) => placementId,
  pods: ({ pods }) => pods,
});

interface SaveCounts {
  tenant: string;
  placements: RecordsText<PlacementCount>;
  targets: RecordsText<TargetCount>;
}

/** Targets before placements, as everywhere; the placements are locked in the order of their ids, once the targets have been. */
export const saveCounts = prepared((p: Parameters<SaveCounts>) =>
  tables
    .with('counts', (db) => db.selectFrom(placementCounts.in(p.placements).as('n')).select(placementCounts.under('n')))
    .with('wanted', (db) => db.selectFrom(targetCounts.in(p.targets).as('n')).select(targetCounts.under('n')))
    .with('free', (db) =>
      db
        .selectFrom('targets as t')
        .innerJoin('wanted', 'wanted.id', 't.id')
        .select(['t.id', 'wanted.pods'])
        .where('t.tenant_id', '=', p.tenant)
        .where('t.phase', 'in', STEERED)
        .forNoKeyUpdate('t')
        .skipLocked(),
    )
    .with('seen', (db) =>
      db
        .updateTable('targets as t')
        .from('free')
        .set({ pods: sql`free.pods` })
        .where('t.tenant_id', '=', p.tenant)
        .whereRef('t.id', '=', 'free.id')
        .returning('t.id'),
    )
    .with('ours', (db) =>
      db
        .selectFrom('placements as p')
        .innerJoin('counts', 'counts.id', 'p.id')
        .select('p.id')
        .where('p.tenant_id', '=', p.tenant)
        .where((e) => e(e.selectFrom('seen').select(e.fn.countAll().as('seen')), '>=', sql.lit(0)))
        .orderBy('p.id')
        .forNoKeyUpdate('p'),
    )
    .with('counted', (db) =>
      db
        .updateTable('placements as p')
        .from('counts')
        .innerJoin('ours', 'ours.id', 'counts.id')
        .set({ observed: sql`counts.observed`, observed_at: sql`now()`, progress_at: sql`greatest(counts.progress_at, p.progress_at)` })
        .where('p.tenant_id', '=', p.tenant)
        .whereRef('p.id', '=', 'counts.id'),
    )
    .selectFrom('wanted')
    .distinct()
    .select('wanted.placement_id as id')
    .where('wanted.id', 'not in', (e) => e.selectFrom('seen').select('seen.id')),
);
