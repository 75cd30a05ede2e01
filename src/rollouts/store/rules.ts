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
import { ACTIVE, CHANGING, OF_NUMBERS, OF_RELEASES } from './phase-lists.ts';

/**
 * After a success of any kind: a release that is live is good once every placement with pods has run it, all of them Ready. One without any pods so far has shown
 * nothing.
 */
export const noteGood = (workloadId: string) =>
  tables
    .updateTable('releases as l')
    .set({ good_at: sql`now()` })
    .where('l.tenant_id', '=', tenantId())
    .where('l.workload_id', '=', workloadId)
    .where('l.good_at', 'is', null)
    .where('l.id', 'in', (e) =>
      e
        .selectFrom('release_objects as o')
        .innerJoin('placements as p', (on) => on.onRef('p.tenant_id', '=', 'o.tenant_id').onRef('p.id', '=', 'o.placement_id'))
        .select('o.release_id')
        .where('p.tenant_id', '=', tenantId())
        .where('p.workload_id', '=', workloadId)
        .where(sql<boolean>`(p.applied ->> 'releaseId')::uuid = o.release_id`)
        .where('o.ran_at', 'is not', null),
    )
    .where((e) => e.not(e.exists(notRun(workloadId))));

/** The wanted placements of a workload that are to have pods and have not run the release `l`. */
const notRun = (workloadId: string) =>
  tables
    .selectFrom('placements as p')
    .innerJoin('clusters as c', (on) =>
      on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id').on('c.deleted_at', 'is', null),
    )
    .leftJoin('release_objects as o', (on) =>
      on.onRef('o.tenant_id', '=', 'p.tenant_id').onRef('o.placement_id', '=', 'p.id').on('o.release_id', '=', sql.ref<string>('l.id')),
    )
    .select('p.id')
    .where('p.tenant_id', '=', tenantId())
    .where('p.workload_id', '=', workloadId)
    .where('p.wanted', '=', sql.lit(true))
    .where('o.ran_at', 'is', null)
    .where(sql<boolean>`coalesce(p.replicas, o.replicas, 1) > 0`);

/** The placement has run the release of that number, all of its pods Ready. */
export const noteRan = (placementId: string, release: number) =>
  tables
    .updateTable('release_objects as o')
    .from('releases as l')
    .innerJoin('placements as p', (on) => on.onRef('p.tenant_id', '=', 'l.tenant_id').onRef('p.workload_id', '=', 'l.workload_id'))
    .set({ ran_at: sql`now()` })
    .where('o.tenant_id', '=', tenantId())
    .where('o.placement_id', '=', placementId)
    .where('o.ran_at', 'is', null)
    .whereRef('l.tenant_id', '=', 'o.tenant_id')
    .whereRef('l.id', '=', 'o.release_id')
    .where('l.number', '=', release)
    .whereRef('p.id', '=', 'o.placement_id');

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

/**
 * Gives the targets of active rollouts on these placements other numbers of pods: of all of them, or of those that change what stands there. The
 * number of a rollout of numbers is replaced for good: it was asked for earlier, so going back does not restore what was before it.
 */
export const renumber = (placements: readonly Renumbered[], rollouts: 'ALL' | 'CHANGING') =>
  tables
    .updateTable('targets as t')
    .from([numbers.of(placements).as('n'), 'rollouts as r'])
    .set((e) => {
      const ofNumbers = e('r.kind', 'in', OF_NUMBERS);
      return {
        replicas: sql`n.replicas`,
        replicas_before: sql`case when ${ofNumbers} then coalesce(n.replicas, t.replicas_before) else t.replicas_before end`,
        replicas_after: sql`case when ${ofNumbers} then null else t.replicas_after end`,
        version: sql`t.version + 1`,
      };
    })
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

/** Rollouts of a history; what lies further back is not gone back to without a name. */
const HISTORY = 1_000;

/** What `waysBack` asks of a workload; the newest success first. */
export const historyOf = (workloadId: string) =>
  tables.selectNoFrom((e) => [
    sql<number[]>`array${e
      .selectFrom('placements as p')
      .distinct()
      .select(sql<number>`(p.applied ->> 'release')::int`.as('release'))
      .where('p.tenant_id', '=', tenantId())
      .where('p.workload_id', '=', workloadId)
      .where('p.applied', 'is not', null)}`.as('live'),
    e
      .selectFrom('rollouts as r')
      .select('r.phase')
      .where('r.tenant_id', '=', tenantId())
      .where('r.workload_id', '=', workloadId)
      .where('r.kind', 'in', CHANGING)
      .orderBy('r.id', 'desc')
      .limit(sql.lit(1))
      .as('lastPhase'),
    e
      .selectFrom((done) =>
        done
          .selectFrom('rollouts as r')
          .innerJoin('releases as l', (on) => on.onRef('l.tenant_id', '=', 'r.tenant_id').onRef('l.id', '=', 'r.release_id'))
          .select(['r.kind', 'l.number as release', 'r.settled_at', 'r.id'])
          .where('r.tenant_id', '=', tenantId())
          .where('r.workload_id', '=', workloadId)
          .where('r.kind', 'in', OF_RELEASES)
          .where('r.phase', '=', sql.lit('SUCCEEDED'))
          .orderBy('r.settled_at', 'desc')
          .orderBy('r.id', 'desc')
          .limit(sql.lit(HISTORY))
          .as('d'),
      )
      .select((done) =>
        done.fn
          .jsonAgg(jsonBuildObject({ kind: done.ref('d.kind'), release: done.ref('d.release') }))
          .orderBy('d.settled_at')
          .orderBy('d.id')
          .as('done'),
      )
      .as('done'),
  ]);
