/** What the engine's repositories do, on Postgres in memory: the same conditions, behind the same locks in the same order. Their codecs are the product's own. */
import type { EventLog, NewEvent } from '../../src/events/event-log.ts';
import { currentContext, tenantId } from '../../src/platform/db/context.ts';
import { LostRace } from '../../src/platform/db/database-errors.ts';
import type { Announce } from '../../src/platform/queue/announce.ts';
import { readSide } from '../../src/rollouts/core/observation.ts';
import type { Side } from '../../src/rollouts/core/observation.ts';
import { isSettled, isSteered, isTerminal } from '../../src/rollouts/core/phases.ts';
import { changesOf } from '../../src/rollouts/core/rollout/reduce-rollout.ts';
import type { Reduction } from '../../src/rollouts/core/rollout/reduce-rollout.ts';
import { kinds } from '../../src/rollouts/core/kinds.ts';
import { lockedRollout, placementsOf } from '../../src/rollouts/store/locked-rollout.repository.ts';
import type { LockedRollout, LockedRolloutRepository, Locking } from '../../src/rollouts/store/locked-rollout.repository.ts';
import { placementRows } from '../../src/rollouts/store/placement.repository.ts';
import type { CountsChange, HeldPlacementRepository, PlacementRows, TargetCommit } from '../../src/rollouts/store/placement.repository.ts';
import type { LoadedRow } from '../../src/rollouts/store/placement.statements.ts';
import { changed, rolloutChanges, waveChanges } from '../../src/rollouts/store/rows.ts';
import type { Lease } from '../../src/runtime/lease.ts';
import type { Work } from '../../src/runtime/work.ts';
import type { KubernetesObject } from '../../src/workloads/core/objects.ts';
import { reading } from './postgres.ts';
import type { LockRequest, Row, Statement, Transaction } from './postgres.ts';
import type { Session } from './session.ts';
import { workKey } from './work-rows.ts';
import type { WorkRow } from './work-rows.ts';

const exclusive = (table: string, id: string): LockRequest => ({ key: `${table} ${id}`, mode: 'UPDATE' });
export const iso = (milliseconds: number): string => new Date(Math.floor(milliseconds)).toISOString();
const later = (a: string | null, b: Date | null): string | null =>
  b === null ? a : a === null || b.getTime() > Date.parse(a) ? b.toISOString() : a;
const underWay = (rollout: Row | null): boolean => rollout !== null && !isSettled(rollout.phase) && rollout.phase !== 'QUEUED';
const steered = (target: Row): boolean => !isTerminal(target.phase) && isSteered(target.phase);

/** Whether a row of work is held under this token, by the time at which the transaction has begun. */
function isHeld(transaction: Transaction, kind: string, id: string, token: string): boolean {
  const row = transaction.get('work', workKey(kind, id)) as WorkRow | null;
  return row !== null && row.token === token && row.until !== null && row.until > transaction.startedAt;
}

/** `saveTargets`: each locked, and saved where its version is still the one of the decision. */
function* saveTargets(transaction: Transaction, text: string, may: boolean): Generator<LockRequest, Row[], boolean> {
  const saved: Row[] = [];
  for (const { version, pods, ...change } of JSON.parse(text) as Row[]) {
    yield exclusive('targets', change.id);
    const row = transaction.get('targets', change.id);
    if (!may || row?.version !== version) continue;
    const kept = pods ?? row?.pods ?? null;
    saved.push(transaction.update('targets', change.id, { ...change, pods: kept, version: version + 1 })!);
  }
  return saved;
}

export class SimulatedPlacements implements Pick<
  HeldPlacementRepository,
  'load' | 'commit' | 'noteRan' | 'objects' | 'keptObjects' | 'writtenSides' | 'saveCounts'
> {
  constructor(private readonly session: Session) {}

  load({ id, token }: Lease): Promise<PlacementRows | null> {
    return this.session.run(
      reading((transaction) => {
        if (!isHeld(transaction, 'placements', id, token)) return null;
        return placementRows(loadedRow(transaction, id));
      }),
    );
  }

  async commit(change: TargetCommit): Promise<number | 'STALE' | 'LOST'> {
    const { lease, target } = change;
    const targets = changed([target], change.observed);
    const statement: Statement<{ version: number | null; held: boolean }> = function* (transaction) {
      const standing = underWay(transaction.get('rollouts', change.rolloutId));
      const [saved] = yield* saveTargets(transaction, targets, standing);
      yield { key: `work ${workKey('placements', lease.id)}`, mode: 'SHARE' };
      if (!saved || !isHeld(transaction, 'placements', lease.id, lease.token)) return { version: saved?.version ?? null, held: false };
      yield exclusive('placements', lease.id);
      const before = transaction.get('placements', lease.id)!;
      transaction.update('placements', lease.id, {
        ...(change.applied === undefined ? {} : { applied: change.applied }),
        last_written_replicas: change.lastWrittenReplicas ?? before.last_written_replicas,
        ...(change.observed ? { observed: change.observed, observed_at: iso(transaction.startedAt) } : {}),
        progress_at: later(before.progress_at, change.progressAt),
      });
      return { version: saved.version, held: true };
    };
    const { version, held } = await this.session.run(statement);
    if (version === null) return 'STALE';
    return held ? version : 'LOST';
  }

  noteRan(placementId: string, release: number): void {
    this.session.write(function* (transaction) {
      const rows = transaction.all('release_objects').filter((row) => row.placement_id === placementId && row.ran_at === null);
      for (const row of rows) {
        if (transaction.get('releases', row.release_id)?.number !== release) continue;
        yield exclusive('release_objects', row.key);
        transaction.update('release_objects', row.key, { ran_at: iso(transaction.server.now) });
      }
    });
  }

  objects(digest: string): Promise<KubernetesObject[]> {
    return this.session.run(
      reading((transaction) => JSON.parse(transaction.get('rendered', digest)!.objects as string) as KubernetesObject[]),
    );
  }

  keptObjects(placementId: string, releases: 'ALL' | 'GOOD'): Promise<KubernetesObject[]> {
    return this.session.run(
      reading((transaction) => {
        const rows = transaction.all('release_objects').filter((row) => row.placement_id === placementId);
        const kept = rows.filter((row) => releases === 'ALL' || transaction.get('releases', row.release_id)?.good_at !== null);
        return kept.flatMap((row) => JSON.parse(transaction.get('rendered', row.digest)!.objects as string) as KubernetesObject[]);
      }),
    );
  }

  writtenSides(placementId: string): Promise<Side[]> {
    return this.session.run(
      reading((transaction) => {
        const written = transaction.all('targets').filter((row) => row.placement_id === placementId && row.written && row.to !== null);
        return written
          .reverse()
          .slice(0, 20)
          .map((row) => readSide(row.to as Side));
      }),
    );
  }

  saveCounts(changes: readonly CountsChange[]): Promise<string[]> {
    return this.session.run(function* (transaction) {
      const missed: string[] = [];
      for (const { id, targets } of changes)
        for (const target of targets) {
          const row = transaction.get('targets', target.id);
          const free = row !== null && steered(row) && (yield { ...exclusive('targets', target.id), skip: true });
          if (free) transaction.update('targets', target.id, { pods: target.pods });
          else missed.push(id);
        }
      for (const { id, observed, progressAt } of [...changes].sort((a, b) => (a.id < b.id ? -1 : 1))) {
        yield exclusive('placements', id);
        const before = transaction.get('placements', id)!;
        transaction.update('placements', id, {
          observed,
          observed_at: iso(transaction.server.now),
          progress_at: later(before.progress_at, progressAt),
        });
      }
      return missed;
    });
  }
}

function loadedRow(transaction: Transaction, id: string): LoadedRow {
  const placement = transaction.get('placements', id)!;
  const cluster = placement.cluster;
  const active = transaction
    .all('targets')
    .filter((target) => target.placement_id === id && steered(target) && underWay(transaction.get('rollouts', target.rollout_id)))
    .sort((a, b) => (a.rollout_id < b.rollout_id ? -1 : 1));
  const numbers = transaction.all('release_objects').filter((row) => row.placement_id === id);
  return {
    id,
    workloadId: placement.workload_id,
    workload: transaction.get('workloads', placement.workload_id)!.name,
    namespace: placement.namespace,
    clusterId: placement.cluster_id,
    cluster,
    regionId: placement.region_id,
    region: placement.region,
    applied: placement.applied,
    lastWrittenReplicas: placement.last_written_replicas,
    progressAt: placement.progress_at === null ? null : new Date(placement.progress_at),
    now: new Date(Math.floor(transaction.startedAt)),
    credentialVersion: placement.credential_version,
    targets: active.map((target) => ({
      target: target as never,
      rollout: transaction.get('rollouts', target.rollout_id) as never,
      wave: transaction.get('waves', target.wave_id) as never,
      replicas: Object.fromEntries(numbers.map((row) => [row.release_id, row.replicas])),
    })),
  };
}

export class SimulatedRollouts implements Pick<LockedRolloutRepository, 'lock' | 'save' | 'succeed'> {
  constructor(
    private readonly session: Session,
    private readonly work: Pick<Work, 'due' | 'forget'>,
    private readonly announce: Pick<Announce, 'publish'>,
  ) {}

  async lock(id: string, { lease, targets }: Locking): Promise<LockedRollout | null> {
    const { session } = this;
    if (lease) session.write(lockQuota(id));
    const locking = session.run(lockRollout(id, lease?.token ?? null));
    if (targets) session.write(lockTargets(id));
    const [locked, parts] = await Promise.all([locking, session.run(readParts(id))]);
    return locked && lockedRollout(locked as never, parts);
  }

  async save(before: LockedRollout, { rows, wake, numbers }: Reduction<LockedRollout>, by: 'CLIENT' | 'PRODUCT'): Promise<void> {
    const { rollout, places } = rows;
    const { waves, targets } = changesOf(before, rows);
    if (numbers.length > 0) this.session.write(renumber(numbers, 'CHANGING'));
    const rolloutRow = JSON.parse(rolloutChanges.text([rollout])) as Row[];
    const waveRows = JSON.parse(waveChanges.text(waves)) as Row[];
    const targetRows = changed(targets.map((state) => ({ state, version: places.get(state.id)!.version })));
    const saved = await this.session.run(function* (transaction) {
      yield exclusive('rollouts', rollout.id);
      const { version } = transaction.get('rollouts', rollout.id)!;
      transaction.update('rollouts', rollout.id, { ...rolloutRow[0], version: version + (by === 'CLIENT' ? 1 : 0) });
      for (const { id, ...change } of waveRows) {
        yield exclusive('waves', id);
        transaction.update('waves', id, change);
      }
      return (yield* saveTargets(transaction, targetRows, true)).length;
    });
    if (saved !== targets.length) throw new LostRace('a target has changed since the decision');
    this.work.due('placements', placementsOf(rows, wake));
    if (isSettled(rollout.phase)) this.work.forget('rollouts', [rollout.id]);
    const { id } = rollout;
    this.session.afterCommit(() => this.announce.publish({ kind: 'rollout', tenantId: tenantId(), id }));
  }

  succeed({ rollout, workloadId }: LockedRollout): void {
    this.session.write(function* (transaction) {
      yield exclusive('workloads', workloadId);
      const { release_id } = transaction.get('rollouts', rollout.id)!;
      if (kinds[rollout.kind].success !== null) transaction.update('workloads', workloadId, { current_release_id: release_id });
      const placements = transaction.all('placements');
      const live = new Set(placements.map((placement) => placement.applied?.releaseId as string | undefined));
      const ofRelease = (id: string) =>
        new Map(transaction.all('release_objects').flatMap((row) => (row.release_id === id ? [[row.placement_id, row]] : [])));
      for (const release of transaction.all('releases').filter((one) => one.good_at === null && live.has(one.id))) {
        const objects = ofRelease(release.id);
        const hasRun = (placement: Row): boolean => (objects.get(placement.id)?.ran_at ?? null) !== null;
        const counts = placements.filter((placement) => (placement.replicas ?? objects.get(placement.id)?.replicas ?? 1) > 0);
        if (!counts.every(hasRun) || !placements.some((one) => one.applied?.releaseId === release.id && hasRun(one))) continue;
        yield exclusive('releases', release.id);
        transaction.update('releases', release.id, { good_at: iso(transaction.server.now) });
      }
    });
  }
}

/** Other rollouts that start targets wait. */
const lockQuota = (id: string): Statement<void> =>
  function* (transaction) {
    const { phase } = transaction.get('rollouts', id) ?? {};
    if (phase === 'QUEUED' || phase === 'RUNNING') yield { key: 'quota', mode: 'UPDATE' };
  };

const lockRollout = (id: string, token: string | null): Statement<Row | null> =>
  function* (transaction) {
    const found = transaction.get('rollouts', id);
    if (found === null) return null;
    yield exclusive('workloads', found.workload_id);
    if (token !== null && !isHeld(transaction, 'rollouts', id, token)) return null;
    yield exclusive('rollouts', id);
    return transaction.get('rollouts', id);
  };

const lockTargets = (id: string): Statement<void> =>
  function* (transaction) {
    const open = transaction.all('targets').filter((target) => target.rollout_id === id && !isTerminal(target.phase));
    for (const target of open) yield exclusive('targets', target.id);
  };

const readParts = (id: string): Statement<Parameters<typeof lockedRollout>[1]> =>
  reading((transaction) => {
    const targets = transaction.all('targets').filter((target) => target.rollout_id === id);
    return {
      now: new Date(Math.floor(transaction.server.now)),
      limits: {},
      elsewhere: 0,
      waves: transaction.all('waves').filter((wave) => wave.rollout_id === id) as never[],
      targets: targets.map((target) => {
        const {
          region_id: regionId,
          cluster_id: clusterId,
          cluster,
          region,
          namespace,
        } = transaction.get('placements', target.placement_id)!;
        return { target: target as never, regionId, clusterId, cluster, region, namespace };
      }),
    };
  });

/** Other rollouts' targets on these placements get other numbers of pods. */
export const renumber = (
  numbers: readonly { placementId: string; replicas: number | null }[],
  which: 'ALL' | 'CHANGING',
): Statement<void> =>
  function* (transaction) {
    for (const { placementId, replicas } of numbers) {
      for (const target of transaction.all('targets').filter((one) => one.placement_id === placementId)) {
        const rollout = transaction.get('rollouts', target.rollout_id)!;
        const ofNumbers = rollout.kind === 'SCALE';
        if (isSettled(rollout.phase) || (ofNumbers && which === 'CHANGING')) continue;
        yield exclusive('targets', target.id);
        const row = transaction.get('targets', target.id)!;
        transaction.update('targets', target.id, {
          replicas,
          ...(ofNumbers ? { replicas_before: replicas ?? row.replicas_before, replicas_after: null } : {}),
          version: row.version + 1,
        });
      }
    }
  };

/** The tenant's events, in one sequence: numbered at the end of the transaction, behind a lock that is held until its commit. */
export class SimulatedEvents implements Pick<EventLog, 'append'> {
  private readonly pending = new WeakMap<object, NewEvent[]>();

  constructor(private readonly session: Session) {}

  append(events: NewEvent[]): void {
    if (events.length === 0) return;
    const { beforeCommit: key } = currentContext();
    if (!key) throw new Error('events must be appended in the transaction that they describe');
    const gathered = this.pending.get(key);
    if (gathered) return void gathered.push(...events);
    const all = [...events];
    this.pending.set(key, all);
    this.session.beforeCommit(
      this,
      () =>
        this.session.write(function* (transaction) {
          yield { key: 'events', mode: 'UPDATE' };
          transaction.events.push(...all);
        }),
      'LAST',
    );
  }
}
