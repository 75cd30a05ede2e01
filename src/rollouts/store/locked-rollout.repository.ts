import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { InferResult } from 'kysely';
import { jsonBuildObject } from 'kysely/helpers/postgres';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { prepared } from '../../platform/db/statements.ts';
import type { Parameters, RecordsText } from '../../platform/db/statements.ts';
import { LostRace } from '../../platform/db/database-errors.ts';
import { isId } from '../../platform/id.ts';
import { Announce } from '../../platform/queue/announce.ts';
import type { Lease } from '../../runtime/lease.ts';
import { leaseHeld, Work } from '../../runtime/work.ts';
import type { WorkRow } from '../../runtime/work.ts';
import { limitsOf } from '../../tenants/limits.ts';
import { kinds } from '../core/kinds.ts';
import type { RolloutObservation, RolloutState, WaveState } from '../core/observation.ts';
import { isSettled } from '../core/phases.ts';
import { changesOf } from '../core/rollout/reduce-rollout.ts';
import type { Reduction } from '../core/rollout/reduce-rollout.ts';
import { tables } from './columns.ts';
import { FORWARD, MOVING, OPEN, STARTABLE, UNDER_WAY } from './phase-lists.ts';
import { changed, placedTarget, rolloutChanges, rolloutState, saveTargets, waveChanges, waveState } from './rows.ts';
import type { PlacedTarget, TargetChanges } from './rows.ts';
import { becomeDeleted, becomeDeployed, goBack, noteGood, renumber } from './rules.ts';

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
    const which = { tenant: tenantId(), id };
    // Sent together and run in this order: each statement reads after those before it have their locks.
    if (lease) this.database.write(lockQuota({ ...which, key: `quota ${tenantId()}` }));
    const locking = this.database.run(lockRollout({ ...which, token: lease?.token ?? null }));
    if (targets) this.database.write(lockTargets(which));
    const [[locked], [parts]] = await Promise.all([locking, this.database.run(readParts(which))]);
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
    // Other rollouts do not repeat a change of scale that is being undone.
    if (numbers.length > 0) this.database.write(renumber(numbers, 'CHANGING'));
    const [saved] = await this.database.run(
      save({
        tenant: tenantId(),
        id: rollout.id,
        rollout: rolloutChanges.text([rollout]),
        versions: by === 'CLIENT' ? 1 : 0,
        waves: waveChanges.text(waves),
        targets: changed(targets.map((state) => ({ state, version: places.get(state.id)!.version }))),
      }),
    );
    if (saved?.targets !== targets.length) throw new LostRace('a target has changed since the decision');
    this.work.due('placements', placementsOf(rows, wake));
    if (isSettled(rollout.phase)) this.work.forget('rollouts', [rollout.id]);
    const changedRollout = { kind: 'rollout', tenantId: tenantId(), id: rollout.id } as const;
    this.database.afterCommit(() => this.announce.publish(changedRollout));
  }

  /** Updates the workload after a success, as the kind of rollout says, and what is known of the releases that run. */
  succeed({ rollout, workloadId }: LockedRollout): void {
    const { success } = kinds[rollout.kind];
    if (success === 'DELETED') this.database.write(becomeDeleted(workloadId));
    if (success === 'DEPLOYED') this.database.write(becomeDeployed(workloadId, rollout.id));
    if (success === 'GONE_BACK') this.database.write(goBack(workloadId, rollout.id));
    this.database.write(noteGood(workloadId));
  }
}

/** The placements of a rollout that have these ids, as work. */
export function placementsOf({ targets, places }: LockedRollout, ids: readonly string[]): WorkRow[] {
  const wanted = new Set(ids);
  return targets
    .filter((target) => wanted.has(target.placementId))
    .map(({ id, placementId }) => {
      const { regionId, clusterId } = places.get(id)!.place;
      return { id: placementId, regionId, clusterId };
    });
}

type Locked = InferResult<ReturnType<typeof lockingRollout>>[number]['rollout'];
type Parts = InferResult<ReturnType<typeof readingParts>>[number];

/** The rows as they are read behind their locks. */
export function lockedRollout(rollout: Locked, parts: Parts): LockedRollout {
  const targets = (parts.targets ?? []).map(({ target, ...place }) => placedTarget(target, place));
  return {
    now: parts.now,
    workloadId: rollout.workload_id,
    releaseId: rollout.release_id,
    rollout: rolloutState(rollout),
    quota: limitsOf(parts.limits).concurrentTargets,
    elsewhere: parts.elsewhere ?? 0,
    waves: (parts.waves ?? []).map(waveState),
    targets: targets.map(({ state }) => state),
    places: new Map(targets.map(({ state, place, version }) => [state.id, { place, version }])),
  };
}

interface Which {
  tenant: string;
  id: string;
}

/** Locks the workload first, as everywhere, because settling changes it. */
const lockingRollout = (p: Parameters<Which & { token: string | null }>) =>
  tables
    .with(
      (cte) => cte('workload').materialized(),
      (db) =>
        db
          .selectFrom('workloads as w')
          .select('w.id')
          .where('w.tenant_id', '=', p.tenant)
          .where('w.id', '=', (e) =>
            e.selectFrom('rollouts').select('workload_id').where('tenant_id', '=', p.tenant).where('id', '=', p.id),
          )
          .forNoKeyUpdate(),
    )
    .selectFrom('rollouts as r')
    .select(tables.row('rollouts', 'r').as('rollout'))
    .where('r.tenant_id', '=', p.tenant)
    .where('r.id', '=', p.id)
    .where((e) =>
      e.or([
        sql<boolean>`${p.token}::bigint is null`,
        e.exists(leaseHeld({ tenant: p.tenant, kind: sql.lit('rollouts'), id: p.id, token: sql<string>`${p.token}` })),
      ]),
    )
    .where((e) => e.exists(e.selectFrom('workload').select('id')))
    .forNoKeyUpdate('r');

const lockRollout = prepared(lockingRollout);

/** Serializes the rollouts of a tenant that may start targets, so that each counts what the others have started. */
const lockQuota = prepared((p: Parameters<Which & { key: string }>) =>
  tables
    .selectFrom('rollouts as r')
    .select(sql`pg_advisory_xact_lock(hashtextextended(${p.key}, 11))`.as('locked'))
    .where('r.tenant_id', '=', p.tenant)
    .where('r.id', '=', p.id)
    .where('r.phase', 'in', FORWARD)
    .where((e) =>
      e.exists(
        e
          .selectFrom('targets as t')
          .select('t.id')
          .whereRef('t.tenant_id', '=', 'r.tenant_id')
          .whereRef('t.rollout_id', '=', 'r.id')
          .where('t.phase', 'in', STARTABLE),
      ),
    ),
);

const elsewhere = (p: Parameters<Which>) =>
  tables
    .selectFrom('targets as t')
    .innerJoin('rollouts as r', (on) => on.onRef('r.tenant_id', '=', 't.tenant_id').onRef('r.id', '=', 't.rollout_id'))
    .select(sql<number>`count(*)::int`.as('count'))
    .where('t.tenant_id', '=', p.tenant)
    .where('t.rollout_id', '<>', p.id)
    .where('t.phase', 'in', MOVING)
    .where('r.phase', 'in', UNDER_WAY);

const wavesOf = (p: Parameters<Which>) =>
  tables
    .selectFrom('waves as v')
    .select((e) => e.fn.jsonAgg(tables.row('waves', 'v')).orderBy('v.position').as('waves'))
    .where('v.tenant_id', '=', p.tenant)
    .where('v.rollout_id', '=', p.id);

const targetsOf = (p: Parameters<Which>) =>
  tables
    .selectFrom('targets as t')
    .innerJoin('placements as p', (on) => on.onRef('p.tenant_id', '=', 't.tenant_id').onRef('p.id', '=', 't.placement_id'))
    .innerJoin('clusters as c', (on) => on.onRef('c.tenant_id', '=', 'p.tenant_id').onRef('c.id', '=', 'p.cluster_id'))
    .innerJoin('regions as g', 'g.id', 'p.region_id')
    .select((e) =>
      e.fn
        .jsonAgg(
          jsonBuildObject({
            target: tables.row('targets', 't'),
            regionId: e.ref('p.region_id'),
            clusterId: e.ref('p.cluster_id'),
            cluster: e.ref('c.name'),
            region: e.ref('g.name'),
            namespace: e.ref('p.namespace'),
          }),
        )
        .orderBy('t.id')
        .as('targets'),
    )
    .where('t.tenant_id', '=', p.tenant)
    .where('t.rollout_id', '=', p.id);

const readingParts = (p: Parameters<Which>) =>
  tables.selectNoFrom((e) => [
    sql<Date>`clock_timestamp()`.as('now'),
    e.selectFrom('tenants').select('limits').where('id', '=', p.tenant).as('limits'),
    elsewhere(p).as('elsewhere'),
    wavesOf(p).as('waves'),
    targetsOf(p).as('targets'),
  ]);

const readParts = prepared(readingParts);

/** Targets are locked after their rollout and before their placements, as everywhere. */
const lockTargets = prepared((p: Parameters<Which>) =>
  tables
    .selectFrom('targets as t')
    .select('t.id')
    .where('t.tenant_id', '=', p.tenant)
    .where('t.rollout_id', '=', p.id)
    .where('t.phase', 'in', OPEN)
    .orderBy('t.id')
    .forNoKeyUpdate(),
);

interface Save extends Which {
  rollout: RecordsText<RolloutState>;
  /** How much the rollout's version rises. */
  versions: number;
  waves: RecordsText<WaveState>;
  targets: TargetChanges;
}

/** The rollout's row is locked already. */
const save = prepared((p: Parameters<Save>) =>
  tables
    .with('rollout', (db) =>
      db
        .updateTable('rollouts as r')
        .from(rolloutChanges.in(p.rollout).as('n'))
        .set({ ...rolloutChanges.set('n'), version: sql`r.version + ${p.versions}`, updated_at: sql`now()` })
        .where('r.tenant_id', '=', p.tenant)
        .where('r.id', '=', p.id),
    )
    .with('wave', (db) =>
      db
        .updateTable('waves as v')
        .from(waveChanges.in(p.waves).as('n'))
        .set(waveChanges.set('n', ['id']))
        .where('v.tenant_id', '=', p.tenant)
        .whereRef('v.id', '=', 'n.id'),
    )
    .with('saved', () => saveTargets(p.tenant, p.targets))
    .selectNoFrom((e) =>
      e
        .selectFrom('saved')
        .select(sql<number>`count(*)::int`.as('count'))
        .as('targets'),
    ),
);
