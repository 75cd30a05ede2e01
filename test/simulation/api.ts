/** The API as a process of the simulation: requests become rows as in `src/rollouts/acceptance`, whose pure parts they use. */
import type { VerbChange } from '../../src/rollouts/core/decision.ts';
import { waysBack } from '../../src/rollouts/core/history.ts';
import { kinds } from '../../src/rollouts/core/kinds.ts';
import { readSide, UNIDENTIFIED } from '../../src/rollouts/core/observation.ts';
import type { Side } from '../../src/rollouts/core/observation.ts';
import { isSettled } from '../../src/rollouts/core/phases.ts';
import { because } from '../../src/rollouts/core/reasons.ts';
import { reduceRollout } from '../../src/rollouts/core/rollout/reduce-rollout.ts';
import { leftWritten, startOf } from '../../src/rollouts/core/rollout/start.ts';
import type { TargetFields } from '../../src/rollouts/core/rollout/start.ts';
import { decideVerb } from '../../src/rollouts/core/rollout/verbs.ts';
import type { Verb } from '../../src/rollouts/core/rollout/verbs.ts';
import { compile } from '../../src/rollouts/core/strategies/compile.ts';
import { eventOf, eventsOf } from '../../src/rollouts/store/rollout.events.ts';
import { newTargets, targetFields } from '../../src/rollouts/store/rows.ts';
import type { OnFailure, OnUnreachable, RolloutKind } from '../../src/generated/prisma/enums.ts';
import type { KubernetesObject } from '../../src/workloads/core/objects.ts';
import { templateDigestOf, withRestart } from '../../src/workloads/core/restart.ts';
import type { Strategy } from '../../src/workloads/core/strategy.ts';
import { LostRace } from '../../src/platform/db/database-errors.ts';
import { ConnectionLost, reading } from './postgres.ts';
import type { Row, Statement } from './postgres.ts';
import { bytesOf, rendered, WORKLOAD } from './releases.ts';
import type { ReleaseDocument } from './releases.ts';
import { iso, renumber } from './rows.ts';
import { newRow } from './schema.ts';
import type { Process } from './time.ts';
import { store } from './worker.ts';
import type { Surroundings } from './worker.ts';

export const TENANT = '00000000-0000-7000-8000-00000000bbbb';

export type Request =
  | {
      kind: 'DEPLOY';
      document: ReleaseDocument;
      supersede: boolean;
      onFailure?: OnFailure;
      onUnreachable?: OnUnreachable;
      maxConcurrent: number | null;
    }
  | { kind: 'ROLLBACK' }
  | { kind: 'RESTART'; supersede: boolean }
  | { kind: 'SCALE'; replicas: number }
  /** Of the active rollout, or of this one. */
  | { kind: 'VERB'; verb: Verb; rollout?: string };

/** What became of a request. */
export type Outcome = { accepted: string } | { refused: string };

class Refused extends Error {
  override readonly name = 'Refused';
}

interface Order {
  kind: RolloutKind;
  release: string | null;
  strategy: Strategy;
  aims: { placement: Row; to: Side | null }[];
  onFailure: OnFailure;
  onUnreachable: OnUnreachable;
  maxConcurrent: number | null;
}

export class SimulatedApi {
  private readonly parts: ReturnType<typeof store>;
  private ids = 0;

  constructor(
    private readonly process: Process,
    private readonly around: Surroundings,
  ) {
    this.parts = store(process, around);
  }

  /** A request, inside of the process. Null: it is not known what became of it. */
  async ask(request: Request): Promise<Outcome | null> {
    try {
      return {
        accepted: await this.parts.session.as({ tenantId: TENANT }, () => this.parts.session.transaction(() => this.carryOut(request))),
      };
    } catch (error) {
      if (error instanceof Refused) return { refused: error.message };
      if (error instanceof ConnectionLost || error instanceof LostRace) return null;
      throw error;
    }
  }

  private async carryOut(request: Request): Promise<string> {
    switch (request.kind) {
      case 'DEPLOY':
        return this.deploy(request);
      case 'ROLLBACK':
        return this.rollback();
      case 'RESTART':
        return this.restart(request.supersede);
      case 'SCALE':
        return this.scale(request.replicas);
      case 'VERB':
        return this.verb(request.verb, request.rollout ?? (await this.activeRollout()));
    }
  }

  private newId(): string {
    return `00000000-0000-7000-8000-${String(++this.ids).padStart(12, '0')}`;
  }

  // Verbs

  private async activeRollout(): Promise<string> {
    const active = (await this.read((transaction) => transaction.all('rollouts'))).findLast(
      (row) => !isSettled(row.phase) && row.kind !== 'SCALE',
    );
    if (!active) throw new Refused('no rollout is active');
    return active.id as string;
  }

  private async verb(verb: Verb, id: string): Promise<string> {
    const locked = await this.parts.rollouts.lock(id, { lease: null, targets: false });
    if (!locked) throw new Error('the rollout has disappeared');
    const decision = decideVerb(verb, locked);
    if (decision.kind === 'WRONG_PHASE' || decision.kind === 'NEW_ROLLOUT') throw new Refused(decision.kind);
    if (decision.kind === 'CHANGE') await this.change(locked, decision);
    return id;
  }

  private async change(locked: NonNullable<Awaited<ReturnType<typeof this.parts.rollouts.lock>>>, change: VerbChange): Promise<void> {
    const reduction = reduceRollout(locked, change);
    await this.parts.rollouts.save(locked, reduction, 'CLIENT');
    this.parts.events.append(eventsOf(locked, reduction.events));
    this.parts.work.due('rollouts', [locked.rollout]);
  }

  // Rollouts

  private async deploy(request: Extract<Request, { kind: 'DEPLOY' }>): Promise<string> {
    await this.lockWorkload();
    const superseded = await this.makeWay('DEPLOY', request.supersede);
    const { document } = request;
    const rendering = rendered(document);
    const release = await this.parts.session.run(this.makeRelease(document));
    const placements = await this.placements();
    const to: Side = {
      releaseId: release.id,
      release: release.number,
      digest: rendering.digest,
      templateDigest: rendering.templateDigest,
      restartedAt: null,
      ...UNIDENTIFIED,
      strategy: rendering.strategy,
    };
    const { onFailure = kinds.DEPLOY.onFailure, onUnreachable = 'WAIT', maxConcurrent } = request;
    const aims = placements.map((placement) => ({ placement, to }));
    return this.accept(
      { kind: 'DEPLOY', release: release.id, strategy: to.strategy, aims, onFailure, onUnreachable, maxConcurrent },
      superseded,
    );
  }

  private makeRelease(document: ReleaseDocument): Statement<Row> {
    const rendering = rendered(document);
    const id = this.newId();
    return reading((transaction) => {
      const number = transaction.all('releases').length + 1;
      const { tenant_id: _tenant, ...row } = newRow('releases', { id, number, workload_id: WORKLOAD.id });
      transaction.put('releases', id, row);
      transaction.put('rendered', rendering.digest, { digest: rendering.digest, objects: bytesOf(rendering) });
      for (const placement of transaction.all('placements')) {
        const key = `${id} ${placement.id}`;
        const { digest, templateDigest, replicas, strategy } = rendering;
        const values = { release_id: id, placement_id: placement.id, digest, template_digest: templateDigest, replicas, strategy };
        transaction.put('release_objects', key, newRow('release_objects', { key, ...values }));
      }
      return row;
    });
  }

  private async rollback(): Promise<string> {
    await this.lockWorkload();
    const superseded = await this.makeWay('ROLLBACK', true);
    const aims = await this.read((transaction) => {
      const rollouts = transaction.all('rollouts').filter((row) => row.kind !== 'SCALE');
      const numberOf = (row: Row): number => transaction.get('releases', row.release_id)!.number as number;
      const done = rollouts
        .filter((row) => row.phase === 'SUCCEEDED' && (row.kind === 'DEPLOY' || row.kind === 'ROLLBACK'))
        .sort((a, b) => (a.settled_at < b.settled_at ? -1 : 1))
        .map((row) => ({ kind: row.kind as RolloutKind, release: numberOf(row) }));
      const placements = transaction.all('placements');
      const live = [...new Set(placements.flatMap((row) => (row.applied as Side | null)?.release ?? []))];
      const ways = waysBack({ done, live, lastPhase: rollouts.at(-1)?.phase ?? null }, superseded !== null);
      const releases = transaction.all('releases');
      const release = ways.flatMap((number) => releases.find((row) => row.number === number && row.good_at !== null) ?? [])[0];
      if (!release) return null;
      return placements.map((placement) => {
        const row = transaction.get('release_objects', `${release.id} ${placement.id}`)!;
        const { digest, template_digest: templateDigest, strategy } = row;
        const to: Side = {
          releaseId: release.id,
          release: release.number,
          digest,
          templateDigest,
          restartedAt: null,
          ...UNIDENTIFIED,
          strategy,
        };
        return { placement, to };
      });
    });
    const first = aims?.[0];
    if (!aims || !first) throw new Refused('no good release to go back to');
    return this.accept({ ...this.plain('ROLLBACK', first.to.strategy), release: first.to.releaseId, aims }, superseded);
  }

  private async restart(supersede: boolean): Promise<string> {
    await this.lockWorkload();
    const superseded = await this.makeWay('RESTART', supersede);
    const written = await this.writtenBy(superseded);
    const restartedAt = await this.read((transaction) => iso(transaction.server.now));
    const placements = await this.placements();
    const sides = placements
      .filter((placement) => written.has(placement.id) || placement.applied !== null)
      .map((placement) => ({
        placement,
        side: written.has(placement.id) ? written.get(placement.id)!.from : appliedOf(placement),
      }));
    const side = sides.find((one) => one.side !== null)?.side;
    if (!side) throw new Refused('nothing runs yet');
    const bytes = await this.read(
      (transaction) => new Map(transaction.all('rendered').map((row) => [row.digest as string, row.objects as string])),
    );
    const aims = sides.map(({ placement, side: from }) => {
      if (from === null) return { placement, to: null };
      const objects = withRestart(JSON.parse(bytes.get(from.digest)!) as KubernetesObject[], restartedAt);
      return { placement, to: { ...from, ...UNIDENTIFIED, restartedAt, templateDigest: templateDigestOf(objects)! } };
    });
    return this.accept({ ...this.plain('RESTART', side.strategy), release: side.releaseId, aims }, superseded);
  }

  private async scale(replicas: number): Promise<string> {
    await this.lockWorkload();
    const placements = (await this.placements()).map((placement): Row => ({ ...placement, replicas }));
    this.parts.session.write(
      renumber(
        placements.map(({ id }) => ({ placementId: id as string, replicas })),
        'ALL',
      ),
    );
    this.parts.work.due(
      'placements',
      placements.map(({ id, region_id: regionId, cluster_id: clusterId }) => ({ id, regionId, clusterId })),
    );
    const made = await this.parts.session.run(
      reading((transaction) => {
        for (const { id } of placements) transaction.update('placements', id, { replicas });
        const changing = transaction.all('targets').filter((target) => {
          const rollout = transaction.get('rollouts', target.rollout_id)!;
          return target.to !== null && kinds[rollout.kind as RolloutKind].writes === 'TEMPLATE' && !isSettled(rollout.phase);
        });
        return new Map(changing.map((target) => [target.placement_id as string, target.uid !== null]));
      }),
    );
    const standing = placements.filter((placement) => placement.applied !== null || made.get(placement.id) === true);
    if (standing.length === 0 && !placements.some(({ id }) => made.has(id))) throw new Refused('nothing runs there yet');
    const strategy = standing.map((placement) => (placement.applied as Side | null)?.strategy).find((one) => one !== undefined) ?? NATIVE;
    return this.accept(
      { ...this.plain('SCALE', strategy), release: null, aims: standing.map((placement) => ({ placement, to: null })) },
      null,
    );
  }

  private plain(kind: RolloutKind, { batches: _none, ...base }: Strategy): Omit<Order, 'release' | 'aims'> {
    const strategy: Strategy = { ...base, type: 'ROLLING', steps: [] };
    return { kind, strategy, onFailure: kinds[kind].onFailure, onUnreachable: 'WAIT', maxConcurrent: null };
  }

  // Rows

  private read<T>(read: Parameters<typeof reading<T>>[0]): Promise<T> {
    return this.parts.session.run(reading(read));
  }

  private placements(): Promise<Row[]> {
    return this.read((transaction) => transaction.all('placements'));
  }

  private lockWorkload(): Promise<void> {
    return this.parts.session.run(function* () {
      yield { key: `workloads ${WORKLOAD.id}`, mode: 'UPDATE' };
    });
  }

  private async makeWay(by: RolloutKind, supersede: boolean): Promise<string | null> {
    const active = await this.parts.session.run(function* (transaction) {
      const found = transaction.all('rollouts').find((row) => row.kind !== 'SCALE' && !isSettled(row.phase));
      if (!found) return null;
      yield { key: `rollouts ${found.id}`, mode: 'UPDATE' };
      return isSettled(transaction.get('rollouts', found.id)!.phase) ? null : (found.id as string);
    });
    if (active === null) return null;
    if (!supersede) throw new Refused('ROLLOUT_ACTIVE');
    const locked = await this.parts.rollouts.lock(active, { lease: null, targets: true });
    if (!locked) throw new Error('the rollout has disappeared');
    const reduction = reduceRollout(locked, { kind: 'SUPERSEDE', by });
    await this.parts.rollouts.save(locked, reduction, 'PRODUCT');
    this.parts.events.append(eventsOf(locked, reduction.events));
    return active;
  }

  private async writtenBy(superseded: string | null): Promise<Map<string, TargetFields>> {
    const rows = await this.read((transaction) => transaction.all('targets').filter((target) => target.rollout_id === superseded));
    const written = rows.map((row) => targetFields(row as never)).filter(leftWritten);
    return new Map(written.map((target) => [target.placementId, target]));
  }

  private async accept(
    { kind, release, strategy, aims, onFailure, onUnreachable, maxConcurrent }: Order,
    superseded: string | null,
  ): Promise<string> {
    const before = await this.writtenBy(superseded);
    const [id, waveId] = [this.newId(), this.newId()];
    const targets = aims.map(({ placement, to }) => {
      const start = startOf(kind, appliedOf(placement), before.get(placement.id) ?? null);
      const stages = compile({ kind, strategy, from: start.from, to });
      return { ...start, id: this.newId(), placementId: placement.id as string, to, stages, replicas: placement.replicas as number | null };
    });
    const targetRows = JSON.parse(newTargets.text(targets)) as Row[];
    this.parts.session.write(
      reading((transaction) => {
        const rollout = {
          id,
          workload_id: WORKLOAD.id,
          kind,
          release_id: release,
          strategy,
          on_failure: onFailure,
          on_unreachable: onUnreachable,
        };
        transaction.put('rollouts', id, newRow('rollouts', rollout));
        transaction.put(
          'waves',
          waveId,
          newRow('waves', { id: waveId, rollout_id: id, position: 0, name: 'all', max_concurrent: maxConcurrent }),
        );
        for (const row of targetRows) transaction.put('targets', row.id, newRow('targets', { ...row, rollout_id: id, wave_id: waveId }));
      }),
    );
    const data = { kind, release: targets[0]?.to?.release ?? null, targets: targets.length };
    const reason = because('ACCEPTED', { ...data, workload: WORKLOAD.name });
    this.parts.events.append([eventOf({ workloadId: WORKLOAD.id, rolloutId: id }, { type: 'rollout.created', reason, data })]);
    this.parts.work.due('rollouts', [{ id }]);
    return id;
  }
}

const appliedOf = (placement: Row): Side | null => readSide(placement.applied as Side | null);

const NATIVE: Strategy = {
  type: 'ROLLING',
  maxSurge: '25%',
  maxUnavailable: 0,
  steps: [],
  minReadySeconds: 0,
  progressDeadlineSeconds: 600,
};
