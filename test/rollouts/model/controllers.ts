/**
 * The Deployment and ReplicaSet controllers of the model, as kube-controller-manager 1.36 has them (`pkg/controller/deployment/{rolling,sync}.go`,
 * `pkg/controller/replicaset/{replica_set,replica_set_utils}.go`), written down a second time on purpose: what is proven against them does not rest on the
 * product's own steps.
 *
 * They see the API server through informers, one ordered stream a kind, which both share. A sync is a generator that stops before each of its writes, so that
 * anything may happen in between. The ReplicaSet controller writes a status that it counted before its own creations and deletions.
 */
import { Conflict } from './api.ts';
import type { Informer, Kind } from './api.ts';
import type { ModelCluster, ModelDeployment, ModelPod, ModelSet, ModelSetStatus } from './cluster.ts';

type Objects<T extends { uid: string; version: number }> = Pick<Kind<T>, 'all' | 'get' | 'put' | 'update' | 'watch'>;

/** The part of a cluster that the controllers read and write. */
export interface ControlledCluster extends Pick<ModelCluster, 'now' | 'makeSet' | 'makePod' | 'deletePod'> {
  readonly deployments: Objects<ModelDeployment>;
  readonly sets: Objects<ModelSet>;
  readonly pods: Objects<ModelPod>;
}

export type Sync = Generator<void, void>;

/** The one Deployment's key. */
const DEPLOYMENT = 'deployment';

/** Pods that a ReplicaSet's controller has created or deleted and does not see so yet: until then it changes nothing. */
interface Expected {
  created: Set<string>;
  deleted: Set<string>;
}

export class ControllerManager {
  readonly deployments: Informer<ModelDeployment>;
  readonly sets: Informer<ModelSet>;
  readonly pods: Informer<ModelPod>;
  private readonly expected = new Map<string, Expected>();
  private deploymentIsDue = true;
  /** The ReplicaSets whose sync is due. */
  private readonly setsDue = new Set<string>();
  /** When a Ready pod of a ReplicaSet begins to count as available. */
  private readonly ripeAt = new Map<string, number>();
  /** The ReplicaSets whose pods were refused. */
  private readonly refused = new Set<string>();
  /** What is being synced, by the object's uid: one worker each. */
  private readonly underWay = new Map<string, Sync>();

  constructor(readonly cluster: ControlledCluster) {
    this.deployments = cluster.deployments.watch();
    this.sets = cluster.sets.watch();
    this.pods = cluster.pods.watch();
  }

  // One step at a time: what may happen next, in any order

  deliverDeployment(): void {
    if (this.deployments.deliver() !== null) this.deploymentIsDue = true;
  }

  deliverSet(): void {
    const set = this.sets.deliver();
    if (set === null) return;
    this.deploymentIsDue = true;
    this.setsDue.add(set.uid);
  }

  deliverPod(): void {
    const pod = this.pods.deliver();
    if (pod === null) return;
    this.setsDue.add(pod.owner);
    // In place of the controller's own backoff: nothing but a pod that goes makes room for another.
    for (const uid of this.refused) this.setsDue.add(uid);
    this.refused.clear();
  }

  get deploymentHasWork(): boolean {
    return this.deploymentIsDue || this.underWay.has(DEPLOYMENT);
  }

  /** ReplicaSets that are being synced, or are due. */
  get setsWithWork(): string[] {
    for (const [uid, at] of this.ripeAt) if (at <= this.cluster.now) this.setsDue.add(uid);
    return [...new Set([...this.underWay.keys(), ...this.setsDue])].filter((uid) => uid !== DEPLOYMENT);
  }

  /** Its pods become available by time alone. */
  resync(uid: string): void {
    this.setsDue.add(uid);
  }

  /** The Deployment's sync goes on to its next write. */
  stepDeployment(): void {
    this.step(DEPLOYMENT, () => {
      this.deploymentIsDue = false;
      return this.syncDeployment();
    });
  }

  stepSet(uid: string): void {
    this.step(uid, () => {
      this.setsDue.delete(uid);
      this.ripeAt.delete(uid);
      return this.syncSet(uid);
    });
  }

  private step(key: string, begin: () => Sync): void {
    const sync = this.underWay.get(key) ?? begin();
    this.underWay.set(key, sync);
    if (sync.next().done === true) this.underWay.delete(key);
  }

  // All at once

  /** Everything that was written has arrived. */
  catchUp(): void {
    for (const informer of [this.deployments, this.sets, this.pods]) while (informer.behind > 0) informer.deliver();
  }

  *syncDeployment(): Sync {
    const [deployment] = this.deployments.all;
    const sets = this.sets.all.sort((one, other) => one.age - other.age);
    if (deployment === undefined) return;
    try {
      yield* new DeploymentSync(this.cluster, deployment, sets).run();
    } catch (error) {
      // A write that meets a newer version ends the sync, which begins anew with what is seen then.
      if (!(error instanceof Conflict)) throw error;
      this.deploymentIsDue = true;
    }
  }

  *syncSet(uid: string): Sync {
    const set = this.sets.get(uid);
    if (set !== null) yield* this.replicaSetSync(set);
  }

  private *replicaSetSync(set: ModelSet): Sync {
    const active = this.pods.all.filter((pod) => pod.owner === set.uid && !pod.terminating);
    const failure = this.isSettled(set.uid) ? yield* this.manage(set, active) : null;
    const status = countStatus(set, active, failure, this.cluster.now);
    const waits = active.map((pod) => pod.readyAt + set.minReadySeconds * 1000).filter((at) => at > this.cluster.now);
    this.ripeAt.delete(set.uid);
    if (waits.length > 0) this.ripeAt.set(set.uid, Math.min(...waits));
    if (sameStatus(status, set.status)) return;
    yield;
    // On a conflict it is written once more, onto the version that is there: with the same counts and the same generation.
    const live = this.cluster.sets.get(set.uid);
    if (live !== null) this.cluster.sets.put({ ...live, status });
  }

  private isSettled(uid: string): boolean {
    const { created, deleted } = this.expected.get(uid) ?? { created: new Set(), deleted: new Set() };
    const seen = (pod: string): ModelPod | null => this.pods.get(pod);
    return (
      [...created].every((pod) => seen(pod) !== null || this.cluster.pods.get(pod) === null) &&
      [...deleted].every((pod) => seen(pod)?.terminating !== false)
    );
  }

  private *manage(set: ModelSet, active: readonly ModelPod[]): Generator<void, ModelSetStatus['failure']> {
    const expected: Expected = { created: new Set(), deleted: new Set() };
    this.expected.set(set.uid, expected);
    for (let count = active.length; count < set.replicas; count++) {
      yield;
      const pod = this.cluster.makePod(set.uid);
      if (pod === null) {
        this.refused.add(set.uid);
        return { reason: 'FailedCreate', message: 'exceeded quota: pods' };
      }
      expected.created.add(pod.uid);
    }
    for (const pod of victims(active).slice(0, Math.max(0, active.length - set.replicas))) {
      yield;
      expected.deleted.add(pod.uid);
      this.cluster.deletePod(pod.uid);
    }
    return null;
  }
}

/** Those that are not Ready go first, then those that became Ready last. */
function victims(pods: readonly ModelPod[]): ModelPod[] {
  return [...pods].sort((one, other) => Number(one.ready) - Number(other.ready) || other.readyAt - one.readyAt);
}

function countStatus(set: ModelSet, pods: readonly ModelPod[], failure: ModelSetStatus['failure'], now: number): ModelSetStatus {
  const ready = pods.filter((pod) => pod.ready);
  return {
    observedGeneration: set.generation,
    replicas: pods.length,
    ready: ready.length,
    available: ready.filter((pod) => now - pod.readyAt >= set.minReadySeconds * 1000).length,
    failure,
  };
}

const sameStatus = (one: ModelSetStatus, other: ModelSetStatus): boolean =>
  one.observedGeneration === other.observedGeneration &&
  one.replicas === other.replicas &&
  one.ready === other.ready &&
  one.available === other.available &&
  one.failure?.reason === other.failure?.reason;

/** maxSurge and maxUnavailable as counts (`ResolveFenceposts`). */
export function fenceposts({ surge, unavailable, replicas }: Pick<ModelDeployment, 'surge' | 'unavailable' | 'replicas'>): {
  surge: number;
  unavailable: number;
} {
  const [most, least] = [scaled(surge, replicas, Math.ceil), scaled(unavailable, replicas, Math.floor)];
  return most === 0 && least === 0 ? { surge: 0, unavailable: 1 } : { surge: most, unavailable: Math.min(least, replicas) };
}

function scaled(value: string, total: number, round: (x: number) => number): number {
  return value.endsWith('%') ? round((Number.parseInt(value, 10) * total) / 100) : Number.parseInt(value, 10);
}

const sum = (sets: readonly ModelSet[], of: (set: ModelSet) => number): number => sets.reduce((total, set) => total + of(set), 0);
const wanted = (set: ModelSet): number => set.replicas;
const available = (set: ModelSet): number => set.status.available;

/** One sync of the Deployment controller: at most one step, by what it saw at the beginning and its own writes since. */
class DeploymentSync {
  private newUid: string | null = null;

  constructor(
    private readonly cluster: ControlledCluster,
    private readonly deployment: ModelDeployment,
    private sets: ModelSet[],
  ) {}

  *run(): Sync {
    const { deployment } = this;
    this.newUid = this.sets.find((set) => set.template === deployment.template)?.uid ?? null;
    yield* this.copyFields();
    if (deployment.paused !== null || this.active.some((set) => set.desired !== deployment.replicas)) yield* this.scale();
    else yield* this.roll();
    yield* this.writeStatus();
  }

  private get current(): ModelSet | null {
    return this.sets.find((set) => set.uid === this.newUid) ?? null;
  }

  private get old(): ModelSet[] {
    return this.sets.filter((set) => set.uid !== this.newUid);
  }

  private get active(): ModelSet[] {
    return this.sets.filter((set) => set.replicas > 0);
  }

  /** The sync goes on with the ReplicaSet as it was answered: the new spec, and the status of before. */
  private *copyFields(): Sync {
    const { current, deployment } = this;
    if (current === null) return;
    const { minReadySeconds, annotations } = deployment;
    if (current.minReadySeconds !== minReadySeconds)
      yield* this.update(current, { minReadySeconds, annotations, generation: current.generation + 1 });
    else if (current.annotations !== annotations) yield* this.update(current, { annotations });
  }

  private *update(set: ModelSet, changes: Partial<ModelSet>): Sync {
    yield;
    const written = this.cluster.sets.update(set, changes);
    this.sets = this.sets.map((other) => (other.uid === written.uid ? written : other));
  }

  private *resize(set: ModelSet, replicas: number, annotate = false): Sync {
    const { deployment } = this;
    const noted = { desired: deployment.replicas, max: deployment.replicas + fenceposts(deployment).surge };
    if (replicas !== set.replicas) yield* this.update(set, { ...noted, replicas, generation: set.generation + 1 });
    else if (annotate && (set.desired !== noted.desired || set.max !== noted.max)) yield* this.update(set, noted);
  }

  private *roll(): Sync {
    if (this.current === null) yield* this.createNew();
    const { current } = this;
    if (current === null) return;
    const size = this.newSize(current.replicas);
    if (size !== current.replicas) yield* this.resize(current, size);
    else yield* this.shrinkOld(current);
  }

  private newSize(standing: number): number {
    const { replicas } = this.deployment;
    if (standing >= replicas) return replicas;
    const room = replicas + fenceposts(this.deployment).surge - sum(this.sets, wanted);
    return standing + Math.max(0, Math.min(room, replicas - standing));
  }

  private *createNew(): Sync {
    const { template, minReadySeconds, annotations, replicas } = this.deployment;
    yield;
    // It is there already, and the informer does not show it yet.
    if (this.cluster.sets.all.some((set) => set.template === template)) throw new Conflict();
    const max = replicas + fenceposts(this.deployment).surge;
    const made = this.cluster.makeSet({ template, minReadySeconds, annotations, replicas: this.newSize(0), desired: replicas, max });
    this.sets.push(made);
    this.newUid = made.uid;
  }

  private *shrinkOld(current: ModelSet): Sync {
    if (sum(this.old, wanted) === 0) return;
    const least = this.deployment.replicas - fenceposts(this.deployment).unavailable;
    const most = sum(this.sets, wanted) - least - (current.replicas - available(current));
    if (most <= 0) return;
    let cleaned = 0;
    for (const set of this.old.filter((one) => one.replicas > 0)) {
      const unavailable = set.replicas - available(set);
      if (cleaned >= most || unavailable === 0) continue;
      // "Invalid request to scale down": it reports more than it should have.
      if (unavailable < 0) return;
      const count = Math.min(most - cleaned, unavailable);
      yield* this.resize(set, set.replicas - count);
      cleaned += count;
    }
    let spare = sum(this.sets, available) - least;
    for (const set of this.old.filter((one) => one.replicas > 0)) {
      if (spare <= 0) return;
      const count = Math.min(spare, set.replicas);
      yield* this.resize(set, set.replicas - count);
      spare -= count;
    }
  }

  /** Paused, or the Deployment's number has changed: existing ReplicaSets are scaled in proportion. */
  private *scale(): Sync {
    const { deployment, active, current } = this;
    const only = active.length === 1 ? active[0] : active.length === 0 ? (current ?? this.sets.at(-1)) : undefined;
    if (active.length <= 1) {
      if (only !== undefined) yield* this.resize(only, deployment.replicas);
      return;
    }
    if (current !== null && [current.replicas, current.desired, available(current)].every((count) => count === deployment.replicas)) {
      for (const set of this.old) yield* this.resize(set, 0);
      return;
    }
    for (const { set, size } of proportional(active, deployment)) yield* this.resize(set, size, true);
  }

  private *writeStatus(): Sync {
    const { deployment, sets } = this;
    const status = {
      observedGeneration: deployment.generation,
      replicas: sum(sets, (set) => set.status.replicas),
      updated: this.current?.status.replicas ?? 0,
      available: sum(sets, available),
      ready: sum(sets, (set) => set.status.ready),
    };
    const before = deployment.status;
    if (Object.entries(status).every(([key, value]) => before[key as keyof typeof status] === value)) return;
    yield;
    this.cluster.deployments.update(deployment, { status });
  }
}

/** Half away from zero. */
const round = (value: number): number => (value < 0 ? -Math.round(-value) : Math.round(value));

function proportional(active: readonly ModelSet[], deployment: ModelDeployment): { set: ModelSet; size: number }[] {
  const { replicas } = deployment;
  const allowed = replicas > 0 ? replicas + fenceposts(deployment).surge : 0;
  const toAdd = allowed - sum(active, wanted);
  const order = (one: ModelSet, other: ModelSet): number => (toAdd > 0 ? other.age - one.age : toAdd < 0 ? one.age - other.age : 0);
  const sorted = [...active].sort((one, other) => other.replicas - one.replicas || order(one, other));
  let added = 0;
  const sizes = sorted.map((set) => {
    const share = shareOf(set, deployment, allowed);
    const count = toAdd > 0 ? Math.min(share, toAdd - added) : toAdd < 0 ? Math.max(share, toAdd - added) : 0;
    added += count;
    return { set, size: set.replicas + count };
  });
  const [largest] = sizes;
  if (largest !== undefined && toAdd !== 0) largest.size = Math.max(0, largest.size + toAdd - added);
  return sizes;
}

function shareOf(set: ModelSet, deployment: ModelDeployment, allowed: number): number {
  if (deployment.replicas === 0) return -set.replicas;
  const before = set.max > 0 ? set.max : deployment.status.replicas;
  return before === 0 ? 0 : round((set.replicas * allowed) / before) - set.replicas;
}
