/**
 * Judges what happens, by the truth in the simulated clusters at each of their changes, by the requests that arrive there, and by the rows and events at each commit.
 * It shares no code with what is judged. The letters are those of the invariants:
 *
 * - A: a Ready pod is deleted by a controller only while at least N - maxUnavailable, or as many as were Ready when this was decided, stay Ready.
 * - S: the ReplicaSets together ask for at most N and the surge.
 * - R: who has succeeded runs one revision, the one that was asked for; who has gone back runs the ReplicaSet that ran before.
 * - T: a rollout has one terminal event, and nothing of it follows. E: events are numbered without gaps.
 * - F: nothing is written by a worker whose lease is gone. 1: one effect of one request.
 */
import type { Change } from '../../simulator/store/store.ts';
import type { Deployment, KubernetesObject, Pod, ReplicaSet } from '../../simulator/objects.ts';
import { resources } from '../../simulator/resources.ts';
import { fenceposts } from '../rollouts/model/controllers.ts';
import type { Arrival } from './network.ts';
import type { Row, Transaction } from './postgres.ts';
import { NAMESPACE, WORKLOAD } from './releases.ts';
import type { Place, World } from './world.ts';

const TERMINAL = new Set(['rollout.succeeded', 'rollout.rolled_back', 'rollout.failed', 'rollout.canceled', 'rollout.superseded']);
const SETTLED = new Set(['SUCCEEDED', 'ROLLED_BACK', 'FAILED', 'CANCELED', 'SUPERSEDED']);

export interface Violation {
  invariant: string;
  at: number;
  what: string;
}

interface Limits {
  maxSurge: number | string;
  maxUnavailable: number | string;
}

const isServing = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
const isStanding = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status.phase !== 'Succeeded' && status.phase !== 'Failed';
const ownerOf = ({ metadata }: KubernetesObject): string => metadata.ownerReferences?.find((owner) => owner.controller)?.uid ?? '';

/** What a pod template runs: its image, and when it was restarted. */
function revisionOf(template: { metadata?: { annotations?: Record<string, string> }; spec: { containers: { image?: string }[] } }): string {
  const images = template.spec.containers.map(({ image }) => image).join('+');
  return `${images} ${template.metadata?.annotations?.['slipway.dev/restarted-at'] ?? ''}`.trim();
}

/** One cluster's part. */
class PlaceRecorder {
  /** Pods that others delete: no controller of the workload has decided it. */
  readonly deletedByOthers = new Set<string>();
  /** Others have changed the Deployment since the last rollout began. */
  touched = false;
  /** Numbers of pods since the controllers had last seen everything. */
  private numbers = new Set<number>();
  /** The fewest Ready pods on which something was decided since then, with those that were lost since then. */
  private floor = Number.POSITIVE_INFINITY;
  /** Ready pods that were lost since the rollout began by no controller's doing: what has been decided before has not reckoned with it. */
  private lost = 0;
  private readonly serving = new Set<string>();
  /** Limits of the strategies that are being carried out, or were until everything was quiet. */
  private limits: Limits[] = [];
  /** The Deployment's last generation. */
  private written: string | null = null;
  private newestToken = 0;

  constructor(
    readonly place: Place,
    private readonly recorder: Recorder,
  ) {
    place.cluster.store.listen((change) => this.onChange(change));
    place.controllers.onQuiet = () => this.onQuiet();
    place.network.onRequest = (arrival) => this.onRequest(arrival);
  }

  get deployment(): Deployment | null {
    const stored = this.place.cluster.store.get(resources.deployments, NAMESPACE, WORKLOAD.name);
    return (stored?.object as Deployment | undefined) ?? null;
  }

  get sets(): ReplicaSet[] {
    const uid = this.deployment?.metadata.uid;
    return this.place.cluster.store
      .list(resources.replicaSets, NAMESPACE)
      .flatMap(({ object }) => (ownerOf(object) === uid ? [object as ReplicaSet] : []));
  }

  get pods(): Pod[] {
    return this.place.cluster.store.list(resources.pods, NAMESPACE).map(({ object }) => object as Pod);
  }

  private onQuiet(): void {
    const { deployment } = this;
    this.numbers = new Set(deployment === null ? [] : [deployment.spec.replicas]);
    if (!this.recorder.isActive) {
      this.limits = [];
      this.lost = 0;
    }
    this.floor = this.serving.size + this.lost;
  }

  private onChange({ resource, type, current, previous }: Change): void {
    const { object } = current;
    if (object.metadata.namespace !== NAMESPACE) return;
    if (resource === resources.deployments) this.onDeployment(type === 'DELETED' ? null : (object as Deployment));
    if (resource === resources.pods) this.onPod(type === 'DELETED', object as Pod);
    if (resource === resources.replicaSets && type === 'ADDED') this.onNewSet(object as ReplicaSet);
    if (resource === resources.replicaSets && previous) this.checkSurge();
  }

  private onDeployment(deployment: Deployment | null): void {
    const written = deployment && `${deployment.metadata.uid} ${deployment.metadata.generation}`;
    if (deployment === null || written === this.written) return;
    this.written = written;
    this.numbers.add(deployment.spec.replicas);
    this.floor = Math.min(this.floor, this.serving.size + this.lost);
  }

  private onNewSet(set: ReplicaSet): void {
    const revision = revisionOf(set.spec.template);
    if (!this.touched && !this.recorder.revisions.has(revision))
      this.breach('1', `a ReplicaSet of ${revision}, which nobody has asked for`);
    const same = this.sets.filter((one) => revisionOf(one.spec.template) === revision);
    if (!this.touched && same.length > 1) this.breach('1', `${same.length} ReplicaSets of ${revision}`);
    this.checkSurge();
  }

  private onPod(gone: boolean, pod: Pod): void {
    const { uid } = pod.metadata;
    const served = this.serving.has(uid);
    const serves = !gone && isServing(pod);
    if (serves) this.serving.add(uid);
    else this.serving.delete(uid);
    if (!served || serves) return;
    const deleted = gone || pod.metadata.deletionTimestamp !== undefined;
    if (deleted && !this.deletedByOthers.has(uid)) this.checkReady(pod);
    else this.lost += 1;
  }

  private checkReady(pod: Pod): void {
    const { deployment } = this;
    if (deployment === null || deployment.metadata.deletionTimestamp !== undefined || this.limits.length === 0) return;
    const numbers = [...this.numbers];
    const unavailable = Math.max(...this.limits.flatMap((limits) => numbers.map((n) => resolved(limits, n).unavailable)));
    const least = Math.min(Math.min(...numbers) - unavailable, this.floor) - this.lost;
    if (this.serving.size < least)
      this.breach('A', `${this.serving.size} pods are Ready without ${pod.metadata.name}, at least ${least} must be; ${this.describe()}`);
  }

  private checkSurge(): void {
    const { deployment, sets } = this;
    if (deployment === null || this.limits.length === 0) return;
    const numbers = [...this.numbers];
    const surge = Math.max(...this.limits.flatMap((limits) => numbers.map((n) => resolved(limits, n).surge)));
    const most = Math.max(...numbers) + surge;
    const sum = sets.reduce((total, set) => total + set.spec.replicas, 0);
    if (sum > most) this.breach('S', `${sum} pods asked for, at most ${most} may be; ${this.describe()}`);
  }

  /** F: a write to the Deployment carries what it was decided on, and none follows that of a later holder. */
  private onRequest({ process, method, path, body, code, sentAt }: Arrival): void {
    if (!/\/deployments\/[^/?]+(\/scale)?(\?|$)/.test(path) || method === 'GET' || path.includes('dryRun=All') || code >= 300) return;
    const token = this.recorder.tokenOf(process.name, this.place.placementId, sentAt);
    if (token === null) this.breach('F', `${process.name} writes the Deployment and has never had the lease`);
    else if (token < this.newestToken) this.breach('F', `${process.name} writes the Deployment after a later holder`);
    else this.newestToken = token;
    if (code === 200 && method === 'PATCH' && !body.includes('resourceVersion'))
      this.breach('F', `${process.name} writes the Deployment without a fence: ${path}`);
  }

  /** R, at the commit of what a target has become. */
  judge(target: Row, event: string): void {
    if (this.touched) return;
    const { deployment } = this;
    const running = this.sets.filter((set) => set.spec.replicas > 0);
    const standing = new Set(this.pods.filter(isStanding).map(ownerOf));
    const wanted = event === 'target.succeeded' ? target.to : target.from;
    const ofNumbers = this.recorder.rolloutOf(target).kind === 'SCALE';
    if (ofNumbers) return;
    if (wanted === null) {
      if (deployment !== null && deployment.metadata.deletionTimestamp === undefined)
        this.breach('R', `${event}, and the Deployment is still there`);
      return;
    }
    const revision = this.recorder.revisionOf(wanted);
    if (deployment === null) return this.breach('R', `${event} with ${revision}, and there is no Deployment`);
    const others = this.sets.filter(
      (set) => revisionOf(set.spec.template) !== revision && (set.spec.replicas > 0 || standing.has(set.metadata.uid)),
    );
    if (others.length > 0) this.breach('R', `${event} with ${revision}, and others run; ${this.describe()}`);
    if (revisionOf(deployment.spec.template) !== revision)
      this.breach('R', `${event} with ${revision}, and the Deployment has ${revisionOf(deployment.spec.template)}`);
    if (deployment.spec.replicas > 0 && running.length !== 1)
      this.breach('R', `${event}, and ${running.length} ReplicaSets run; ${this.describe()}`);
  }

  holdTo({ maxSurge, maxUnavailable }: Limits): void {
    const isHeldTo = this.limits.some((one) => one.maxSurge === maxSurge && one.maxUnavailable === maxUnavailable);
    if (!isHeldTo) this.limits.push({ maxSurge, maxUnavailable });
  }

  breach(invariant: string, what: string): void {
    this.recorder.breach(invariant, `${this.place.name}: ${what}`);
  }

  describe(): string {
    const { deployment } = this;
    const { maxSurge, maxUnavailable } = deployment?.spec.strategy.rollingUpdate ?? {};
    const ready = (set: ReplicaSet): number => this.pods.filter((pod) => ownerOf(pod) === set.metadata.uid && isServing(pod)).length;
    const sets = this.sets.map(
      (set) =>
        `${revisionOf(set.spec.template)}: ${set.spec.replicas} (${ready(set)} Ready, ${set.status.availableReplicas ?? 0} available)`,
    );
    const gate = (deployment?.spec.minReadySeconds ?? 0) > 1e9 ? 'closed' : 'open';
    return `N = ${deployment?.spec.replicas} of ${[...this.numbers].join()}, (${maxSurge}, ${maxUnavailable}), ${gate}; ${sets.join(', ')}; limits ${this.limits.map((one) => `(${one.maxSurge}, ${one.maxUnavailable})`).join(' ')}`;
  }
}

const resolved = ({ maxSurge, maxUnavailable }: Limits, replicas: number): { surge: number; unavailable: number } =>
  fenceposts({ surge: String(maxSurge), unavailable: String(maxUnavailable), replicas });

export class Recorder {
  readonly violations: Violation[] = [];
  /** What may run: image and restart. */
  readonly revisions = new Set<string>();
  private readonly places: PlaceRecorder[];
  private readonly ended = new Set<string>();
  private readonly accepted = new Set<string>();
  private readonly versions = new Map<string, number>();
  /** Tokens of leases on placements, in the order in which they were granted. */
  private readonly tokens: { process: string; placement: string; token: number; at: number }[] = [];

  constructor(private readonly world: World) {
    this.places = world.places.map((place) => new PlaceRecorder(place, this));
    world.postgres.onCommit = (transaction) => this.onCommit(transaction);
  }

  get isActive(): boolean {
    return [...this.world.postgres.rows('rollouts').values()].some((row) => !SETTLED.has(row.phase));
  }

  of(place: Place): PlaceRecorder {
    return this.places.find((one) => one.place === place)!;
  }

  breach(invariant: string, what: string): void {
    this.violations.push({ invariant, at: this.world.time.now - this.world.time.began, what });
  }

  tokenOf(process: string, placement: string, at: number): number | null {
    return this.tokens.findLast((one) => one.process === process && one.placement === placement && one.at <= at)?.token ?? null;
  }

  rolloutOf(target: Row): Row {
    return this.world.postgres.rows('rollouts').get(target.rollout_id)!;
  }

  /** The revision of a side of a target. */
  revisionOf(side: { digest: string; restartedAt: string | null }): string {
    const objects = JSON.parse(this.world.postgres.rows('rendered').get(side.digest)!.objects as string) as KubernetesObject[];
    const { template } = (objects.find(({ kind }) => kind === 'Deployment') as Deployment).spec;
    return `${revisionOf(template)} ${side.restartedAt ?? ''}`.trim();
  }

  private onCommit(transaction: Transaction): void {
    const { world } = this;
    for (const row of transaction.writes.get('work')?.values() ?? []) this.onWork(transaction, row);
    for (const row of transaction.writes.get('targets')?.values() ?? []) if (row) this.onTarget(transaction, row);
    const fresh = transaction.events.length;
    for (const event of fresh > 0 ? world.postgres.events.slice(-fresh) : []) {
      if (event.seq !== world.postgres.events.indexOf(event) + 1) this.breach('E', `event ${event.seq} is out of order`);
      const id = event.rolloutId ?? '';
      if (this.ended.has(id)) this.breach('T', `${event.type} of ${id} after its terminal event`);
      if (event.type === 'rollout.created') this.accepted.add(id);
      else if (!this.accepted.has(id)) this.breach('E', `${event.type} of ${id} before it was created`);
      if (TERMINAL.has(event.type)) this.ended.add(id);
      if (event.reason?.code.includes('UNDECIDABLE')) this.breach('!', event.message);
      if (event.type === 'target.succeeded' || event.type === 'target.rolled_back') {
        const target = world.postgres.rows('targets').get(event.targetId ?? '')!;
        this.placeOf(target).judge(target, event.type);
      }
    }
  }

  private placeOf(target: Row): PlaceRecorder {
    return this.places.find(({ place }) => place.placementId === target.placement_id)!;
  }

  private onWork({ process }: Transaction, row: Row | null): void {
    if (row?.kind !== 'placements' || row.token === null || this.tokens.some((one) => one.token === Number(row.token))) return;
    this.tokens.push({ process: process.name, placement: row.id, token: Number(row.token), at: this.world.time.now });
  }

  private onTarget(transaction: Transaction, row: Row): void {
    const place = this.placeOf(row);
    const rollout = this.rolloutOf(row);
    if (row.to !== null) this.revisions.add(this.revisionOf(row.to));
    if (!this.accepted.has(rollout.id)) place.touched = false;
    const sides = [rollout.strategy, row.to?.strategy, row.from?.strategy, row.superseded?.strategy] as (Limits | undefined)[];
    for (const side of sides) if (side) place.holdTo(side);
    const isChanged = row.version !== this.versions.get(row.id);
    this.versions.set(row.id, row.version);
    // The commit of a placement's holder is the one that changes a target together with its placement.
    const byHolder = transaction.writes.get('placements')?.has(row.placement_id) === true && transaction.process.name.startsWith('worker');
    if (!byHolder || !isChanged) return;
    const lease = this.world.postgres.rows('work').get(`placements ${row.placement_id}`);
    const token = this.tokenOf(transaction.process.name, row.placement_id, this.world.time.now);
    if (lease === undefined || Number(lease.token) !== token || !(lease.until > transaction.startedAt))
      this.breach('F', `${transaction.process.name} commits a decision about ${place.place.name} without its lease`);
  }

  /** At the end: T. */
  end(): void {
    for (const id of this.accepted) if (!this.ended.has(id)) this.breach('T', `rollout ${id} has no terminal event`);
    for (const { process, error } of this.world.errors) {
      const { name, message } = error as Error;
      if (!['ConnectionLost', 'LostRace', 'Problem'].includes(name)) this.breach('!', `${process} reports ${name}: ${message}`);
    }
  }
}
