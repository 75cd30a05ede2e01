/**
 * Rules of the domain that are SQL: they change rows that nobody reads for the decision, or choose among more rows than are worth reading. The core says when each
 * applies (`kinds`), and `test/rollouts/store/rules.test.ts` what each does.
 */
import { sql } from 'kysely';
import { jsonBuildObject } from 'kysely/helpers/postgres';
import { tenantId } from '../../platform/db/context.ts';
import { prepared } from '../../platform/db/statements.ts';
import type { Parameters } from '../../platform/db/statements.ts';
import type { Occupancy } from '../core/occupied.ts';
import { tables } from './columns.ts';
import { ACTIVE, CHANGING } from './phase-lists.ts';

/** A release is good from the first success of a rollout to it. */
export const noteGood = (releaseId: string) =>
  tables
    .updateTable('releases')
    .set({ good_at: sql`coalesce(good_at, now())` })
    .where('tenant_id', '=', tenantId())
    .where('id', '=', releaseId);

/**
 * After a success of kind DEPLOYED. The request's merged values become the workload's, and the revision pinned by an earlier rollback is no longer the default. The
 * version counts changed values only, because clients cannot write the current release.
 */
export const becomeDeployed = (workloadId: string, rolloutId: string) =>
  tables
    .updateTable('workloads as w')
    .from('rollouts as r')
    .set({
      values: sql`w."values" || r."values"`,
      current_release_id: sql`r.release_id`,
      pinned_revision: null,
      pinned_at_latest: null,
      version: sql`w.version + case when w."values" @> r."values" then 0 else 1 end`,
      updated_at: sql`now()`,
    })
    .where('w.tenant_id', '=', tenantId())
    .where('w.id', '=', workloadId)
    .whereRef('r.tenant_id', '=', 'w.tenant_id')
    .where('r.id', '=', rolloutId);

/**
 * After a success of kind GONE_BACK. The release's template, revision and values become the workload's. The revision stays the default until the template has a newer
 * one than now. A deleted template has no further revisions: the workload keeps its own then.
 */
export const goBack = (workloadId: string, rolloutId: string) =>
  tables
    .updateTable('workloads as w')
    .from('rollouts as r')
    .innerJoin('releases as l', (on) => on.onRef('l.tenant_id', '=', 'r.tenant_id').onRef('l.id', '=', 'r.release_id'))
    .innerJoin('revisions as v', (on) => on.onRef('v.tenant_id', '=', 'l.tenant_id').onRef('v.id', '=', 'l.revision_id'))
    .innerJoin('templates as t', (on) => on.onRef('t.tenant_id', '=', 'v.tenant_id').onRef('t.id', '=', 'v.template_id'))
    .set({
      values: sql`l."values"`,
      current_release_id: sql`l.id`,
      template_id: sql`case when t.deleted_at is null then t.id else w.template_id end`,
      pinned_revision: sql`case when t.deleted_at is null then v.number end`,
      pinned_at_latest: sql`case when t.deleted_at is null then t.latest_revision end`,
      version: sql`w.version + case when w."values" = l."values" and (w.template_id = t.id or t.deleted_at is not null) then 0 else 1 end`,
      updated_at: sql`now()`,
    })
    .where('w.tenant_id', '=', tenantId())
    .where('w.id', '=', workloadId)
    .whereRef('r.tenant_id', '=', 'w.tenant_id')
    .where('r.id', '=', rolloutId);

/** After a success of kind DELETED: the row stays for its history, and the name is free. */
export const becomeDeleted = (workloadId: string) =>
  tables
    .updateTable('workloads')
    .set({ deleted_at: sql`now()`, version: sql`version + 1`, updated_at: sql`now()` })
    .where('tenant_id', '=', tenantId())
    .where('id', '=', workloadId);

/** A placement with the number of pods that its targets get; null = the release's. */
interface Renumbered {
  placementId: string;
  replicas: number | null;
}

const numbers = tables.recordsOf<Renumbered>().into('targets', {
  placement_id: ({ placementId }) => placementId,
  replicas: ({ replicas }) => replicas,
});

/** Gives the targets of active rollouts on these placements other numbers of pods: of all of them, or of those that change what stands there. */
export const renumber = (placements: readonly Renumbered[], rollouts: 'ALL' | 'CHANGING') =>
  tables
    .updateTable('targets as t')
    .from([numbers.of(placements).as('n'), 'rollouts as r'])
    .set({ replicas: sql`n.replicas`, version: sql`t.version + 1` })
    .where('t.tenant_id', '=', tenantId())
    .whereRef('t.placement_id', '=', 'n.placement_id')
    .whereRef('r.tenant_id', '=', 't.tenant_id')
    .whereRef('r.id', '=', 't.rollout_id')
    .where('r.phase', 'in', ACTIVE)
    .$if(rollouts === 'CHANGING', (all) => all.where('r.kind', 'in', CHANGING));

/** What `isOccupied` asks of the workload's placements. Those on removed clusters are not among them: what runs there is their owner's. */
export const occupancies = prepared((p: Parameters<{ tenant: string; workloadId: string }>) =>
  tables
    .selectFrom('placements as p')
    .innerJoin('clusters as c', (on) =>
      on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id').on('c.deleted_at', 'is', null),
    )
    .leftJoinLateral(
      (e) =>
        e
          .selectFrom('targets as t')
          .innerJoin('rollouts as r', (on) => on.onRef('r.tenant_id', '=', 't.tenant_id').onRef('r.id', '=', 't.rollout_id'))
          .select(
            sql<Occupancy['last']>`json_build_object('phase', t.phase, 'isRemoval', t."to" is null, 'isFirst', t."from" is null)`.as(
              'target',
            ),
          )
          .whereRef('t.tenant_id', '=', 'p.tenant_id')
          .whereRef('t.placement_id', '=', 'p.id')
          .where('t.written', '=', sql.lit(true))
          .where('r.kind', 'in', CHANGING)
          .orderBy('t.rollout_id', 'desc')
          .limit(sql.lit(1))
          .as('last'),
      (on) => on.onTrue(),
    )
    .select(['p.id', sql<boolean>`p.applied is not null`.as('live'), 'last.target as last'])
    .where('p.tenant_id', '=', p.tenant)
    .where('p.workload_id', '=', p.workloadId),
);

/** What `newestRunning` asks of a workload. */
export const runningReleases = (workloadId: string) =>
  tables.selectNoFrom((e) => [
    e
      .selectFrom('placements as p')
      .select(sql<number | null>`max((p.applied ->> 'release')::int)`.as('live'))
      .where('p.tenant_id', '=', tenantId())
      .where('p.workload_id', '=', workloadId)
      .as('live'),
    e
      .selectFrom('workloads as w')
      .innerJoin('releases as l', (on) => on.onRef('l.tenant_id', '=', 'w.tenant_id').onRef('l.id', '=', 'w.current_release_id'))
      .select('l.number')
      .where('w.tenant_id', '=', tenantId())
      .where('w.id', '=', workloadId)
      .as('current'),
    e
      .selectFrom('rollouts as r')
      .leftJoin('releases as l', (on) => on.onRef('l.tenant_id', '=', 'r.tenant_id').onRef('l.id', '=', 'r.release_id'))
      .select((last) => jsonBuildObject({ phase: last.ref('r.phase'), release: last.ref('l.number') }).as('last'))
      .where('r.tenant_id', '=', tenantId())
      .where('r.workload_id', '=', workloadId)
      .where('r.kind', 'in', CHANGING)
      .orderBy('r.id', 'desc')
      .limit(sql.lit(1))
      .as('last'),
  ]);
