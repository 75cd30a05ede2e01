/**
 * The model of the Deployment and ReplicaSet controllers (`../rollouts/model/controllers.ts`), with its informers and late statuses, on the objects of a simulated
 * cluster. Each of its steps takes a time that the seed says; kubelets and scheduler are the simulator's.
 */
import type { Cluster } from '../../simulator/cluster.ts';
import { timestamp } from '../../simulator/clock.ts';
import { controlledBy, templateHash } from '../../simulator/controllers/deployment/revisions.ts';
import { desiredReplicasAnnotation, hashLabel, maxReplicasAnnotation } from '../../simulator/controllers/deployment/arithmetic.ts';
import { collect } from '../../simulator/controllers/garbage.ts';
import { Kubelet } from '../../simulator/controllers/kubelet/kubelet.ts';
import { isActive, isReady, readySince } from '../../simulator/controllers/pod-state.ts';
import { createAsController } from '../../simulator/controllers/writes.ts';
import { removeObject } from '../../simulator/api/delete.ts';
import { controllerOf, equal, withMetadata } from '../../simulator/objects.ts';
import type { Deployment, KubernetesObject, Pod, PodTemplate, ReplicaSet, StringMap } from '../../simulator/objects.ts';
import { resources } from '../../simulator/resources.ts';
import type { Resource } from '../../simulator/resources.ts';
import { StatusError } from '../../simulator/status.ts';
import type { Change } from '../../simulator/store/store.ts';
import { canonicalJson } from '../../src/platform/canonical-json.ts';
import type { Chance } from '../rollouts/model/chance.ts';
import { Conflict, Informer } from '../rollouts/model/api.ts';
import type { ModelDeployment, ModelPod, ModelSet } from '../rollouts/model/cluster.ts';
import { ControllerManager } from '../rollouts/model/controllers.ts';
import type { ControlledCluster } from '../rollouts/model/controllers.ts';

/** In which order ReplicaSets were made, within a second. */
const AGE = 'simulation/age';
/** Annotations that the controller keeps itself, or copies nowhere. */
const OWN = /^(deployment\.kubernetes\.io\/|kubectl\.kubernetes\.io\/last-applied-configuration$|simulation\/age$)/;

const templates = new WeakMap<PodTemplate, string>();

/** A pod template as one text, without the label that the controller adds. */
function textOf(template: PodTemplate): string {
  const known = templates.get(template);
  if (known !== undefined) return known;
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
  const { creationTimestamp: _time, ...metadata } = template.metadata ?? {};
  const text = canonicalJson({ ...template, metadata: { ...metadata, labels } });
  templates.set(template, text);
  return text;
}

const inherited = (annotations: StringMap = {}): string =>
  canonicalJson(Object.fromEntries(Object.entries(annotations).filter(([name]) => !OWN.test(name))));

const versionOf = ({ metadata }: KubernetesObject): number => Number(metadata.resourceVersion);

function readDeployment(object: KubernetesObject): ModelDeployment {
  const { metadata, spec, status } = object as Deployment;
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy.rollingUpdate ?? {};
  return {
    uid: metadata.uid,
    version: versionOf(object),
    generation: metadata.generation ?? 0,
    replicas: spec.replicas,
    minReadySeconds: spec.minReadySeconds ?? 0,
    surge: String(maxSurge),
    unavailable: String(maxUnavailable),
    template: textOf(spec.template),
    release: 0,
    paused: spec.paused ? 'somebody' : null,
    annotations: inherited(metadata.annotations),
    status: {
      observedGeneration: status.observedGeneration ?? 0,
      replicas: status.replicas ?? 0,
      updated: status.updatedReplicas ?? 0,
      ready: status.readyReplicas ?? 0,
      available: status.availableReplicas ?? 0,
    },
  };
}

function readSet(object: KubernetesObject): ModelSet {
  const { metadata, spec, status } = object as ReplicaSet;
  const number = (name: string): number => Number(metadata.annotations?.[name] ?? 0);
  const failure = status.conditions?.find(({ type }) => type === 'ReplicaFailure');
  return {
    uid: metadata.uid,
    version: versionOf(object),
    name: metadata.name,
    template: textOf(spec.template),
    age: number(AGE),
    generation: metadata.generation ?? 0,
    replicas: spec.replicas,
    minReadySeconds: spec.minReadySeconds ?? 0,
    annotations: inherited(metadata.annotations),
    desired: number(desiredReplicasAnnotation),
    max: number(maxReplicasAnnotation),
    status: {
      observedGeneration: status.observedGeneration ?? 0,
      replicas: status.replicas,
      ready: status.readyReplicas ?? 0,
      available: status.availableReplicas ?? 0,
      failure: failure === undefined ? null : { reason: failure.reason ?? '', message: failure.message ?? '' },
    },
  };
}

function readPod(object: KubernetesObject): ModelPod {
  const pod = object as Pod;
  return {
    uid: pod.metadata.uid,
    version: versionOf(pod),
    owner: controllerOf(pod)?.uid ?? '',
    createdAt: 0,
    ready: isReady(pod),
    readyAt: readySince(pod) ?? 0,
    terminating: !isActive(pod),
    fault: null,
    broken: false,
  };
}

/** The objects of one kind in the workload's namespace, as the model's controllers see them. */
class StoredKind<T extends { uid: string; version: number }> {
  private readonly names = new Map<string, string>();
  private readonly informers: Informer<T>[] = [];
  private readonly read: (object: KubernetesObject) => T;

  constructor(
    private readonly cluster: Cluster,
    private readonly resource: Resource,
    private readonly namespace: string,
    read: (object: KubernetesObject) => T,
    private readonly written: (object: KubernetesObject, changes: Partial<T>) => KubernetesObject,
  ) {
    const seen = new WeakMap<KubernetesObject, T>();
    this.read = (object) => {
      const known = seen.get(object) ?? read(object);
      seen.set(object, known);
      return known;
    };
  }

  onChange({ type, current: { object } }: Change): void {
    const { uid, name, namespace } = object.metadata;
    if (namespace !== this.namespace) return;
    if (type === 'DELETED') this.names.delete(uid);
    else this.names.set(uid, name);
    for (const informer of this.informers) informer.push(uid, type === 'DELETED' ? null : this.read(object));
  }

  object(uid: string): KubernetesObject | null {
    const name = this.names.get(uid);
    const object = name === undefined ? undefined : this.cluster.store.get(this.resource, this.namespace, name)?.object;
    return object?.metadata.uid === uid ? object : null;
  }

  get all(): T[] {
    return [...this.names.keys()].flatMap((uid) => this.get(uid) ?? []);
  }

  get(uid: string): T | null {
    const object = this.object(uid);
    return object && this.read(object);
  }

  /** @throws Conflict where `seen` is not its last version */
  update(seen: T, changes: Partial<T>): T {
    const object = this.object(seen.uid);
    if (object === null || versionOf(object) !== seen.version) throw new Conflict();
    return this.store(object, this.written(object, changes));
  }

  put(next: Omit<T, 'version'>): T {
    const object = this.object(next.uid);
    if (object === null) throw new Conflict();
    return this.store(object, this.written(object, next as Partial<T>));
  }

  /** As an API server does: a write that changes nothing makes no version. */
  private store(before: KubernetesObject, after: KubernetesObject): T {
    return this.read(equal(before, after) ? before : this.cluster.store.put(this.resource, after).object);
  }

  watch(): Informer<T> {
    const informer = new Informer<T>(this.all);
    this.informers.push(informer);
    return informer;
  }
}

const positive = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

/** Deployments: the controllers write their status alone. */
function writeDeployment(object: KubernetesObject, { status }: Partial<ModelDeployment>): KubernetesObject {
  if (status === undefined) return object;
  const { observedGeneration, replicas, updated, ready, available } = status;
  const counts = positive({ replicas, updatedReplicas: updated, readyReplicas: ready, availableReplicas: available });
  return { ...object, status: { observedGeneration, ...counts } };
}

/** Milliseconds of a kind of step: about as often short as long, and now and then very long. */
export interface Speeds {
  deployments: number;
  sets: number;
  pods: number;
  deploymentSync: number;
  setSync: number;
}

export class SimulatedControllers implements ControlledCluster {
  readonly deployments: StoredKind<ModelDeployment>;
  readonly sets: StoredKind<ModelSet>;
  readonly pods: StoredKind<ModelPod>;
  readonly manager: ControllerManager;
  /** Called when the controllers have seen everything and have nothing left to do. */
  onQuiet: () => void = () => undefined;
  private readonly kubelet: Kubelet;
  private readonly armed = new Set<string>();
  private readonly heardAt = { deployments: 0, sets: 0, pods: 0 };
  private ages = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly namespace: string,
    private readonly chance: Chance,
    private readonly speeds: Speeds,
  ) {
    this.kubelet = new Kubelet(cluster);
    this.deployments = new StoredKind(cluster, resources.deployments, namespace, readDeployment, writeDeployment);
    this.sets = new StoredKind(cluster, resources.replicaSets, namespace, readSet, (object, changes) => this.writeSet(object, changes));
    this.pods = new StoredKind(cluster, resources.pods, namespace, readPod, (object) => object);
    this.manager = new ControllerManager(this);
    cluster.store.listen((change) => this.onChange(change));
  }

  get now(): number {
    return this.cluster.clock.now();
  }

  reconsider(): void {
    this.kubelet.reconsider();
  }

  stop(): void {
    this.kubelet.stop();
  }

  makeSet(fields: Parameters<ControlledCluster['makeSet']>[0]): ModelSet {
    const deployment = this.deployments.object(this.manager.deployments.all[0]?.uid ?? '') as Deployment | null;
    if (deployment === null) throw new Conflict();
    const template = JSON.parse(fields.template) as PodTemplate;
    const digest = templateHash(template, undefined);
    const labels = { ...template.metadata?.labels, [hashLabel]: digest };
    const { name, namespace } = deployment.metadata;
    const { selector } = deployment.spec;
    const created = createAsController(this.cluster, resources.replicaSets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${digest}`,
        namespace,
        labels,
        annotations: {
          ...(JSON.parse(fields.annotations ?? '{}') as StringMap),
          [desiredReplicasAnnotation]: String(fields.desired),
          [maxReplicasAnnotation]: String(fields.max),
          [AGE]: String(++this.ages),
        },
        ownerReferences: [controlledBy(deployment)],
      } as unknown as KubernetesObject['metadata'],
      spec: {
        replicas: fields.replicas,
        ...(fields.minReadySeconds > 0 ? { minReadySeconds: fields.minReadySeconds } : {}),
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: digest } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    });
    return this.sets.get(created.metadata.uid)!;
  }

  makePod(owner: string): ModelPod | null {
    const set = this.sets.object(owner) as ReplicaSet | null;
    if (set === null) return null;
    const { labels, annotations } = set.spec.template.metadata ?? {};
    const metadata = {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controlledBy(set)],
    } as unknown as KubernetesObject['metadata'];
    try {
      const spec = structuredClone(set.spec.template.spec);
      const pod = createAsController(this.cluster, resources.pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
      return this.pods.get(pod.metadata.uid);
    } catch (error) {
      if (error instanceof StatusError) return null;
      throw error;
    }
  }

  deletePod(uid: string): void {
    const pod = this.pods.object(uid);
    if (pod && pod.metadata.deletionTimestamp === undefined) removeObject(this.cluster, resources.pods, pod, {});
  }

  private writeSet(object: KubernetesObject, changes: Partial<ModelSet>): KubernetesObject {
    const { metadata, spec, status } = object as ReplicaSet;
    const { annotations, desired, max, replicas, minReadySeconds, generation } = changes;
    const kept = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => OWN.test(name)));
    const others = annotations === undefined ? metadata.annotations : { ...kept, ...(JSON.parse(annotations) as StringMap) };
    const next = withMetadata(object, {
      ...(generation === undefined ? {} : { generation }),
      annotations: {
        ...others,
        ...(desired === undefined ? {} : { [desiredReplicasAnnotation]: String(desired) }),
        ...(max === undefined ? {} : { [maxReplicasAnnotation]: String(max) }),
      },
    });
    return {
      ...next,
      spec: { ...spec, replicas: replicas ?? spec.replicas, minReadySeconds: minReadySeconds ?? spec.minReadySeconds ?? 0 },
      status: changes.status === undefined ? status : this.setStatus(object as ReplicaSet, changes.status),
    };
  }

  private setStatus(set: ReplicaSet, { observedGeneration, replicas, ready, available, failure }: ModelSet['status']): object {
    const before = set.status.conditions?.find(({ type }) => type === 'ReplicaFailure');
    const since = before?.lastTransitionTime ?? timestamp(this.now);
    const conditions = failure === null ? [] : [{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: since, ...failure }];
    return {
      replicas,
      observedGeneration,
      ...positive({ readyReplicas: ready, availableReplicas: available, fullyLabeledReplicas: replicas }),
      ...(conditions.length > 0 ? { conditions } : {}),
    };
  }

  private onChange(change: Change): void {
    const { resource, type, current } = change;
    const { manager } = this;
    if (resource === resources.deployments) {
      this.deployments.onChange(change);
      this.tell('deployments', () => manager.deliverDeployment());
    } else if (resource === resources.replicaSets) {
      this.sets.onChange(change);
      this.tell('sets', () => manager.deliverSet());
    } else if (resource === resources.pods) {
      this.pods.onChange(change);
      this.tell('pods', () => manager.deliverPod());
      this.kubelet.onPod(change);
    } else if (resource === resources.configMaps) this.kubelet.reconsider();
    else return;
    if (type === 'DELETED')
      this.arm(`garbage ${current.object.metadata.uid}`, 20, () => collect(this.cluster, current.object.metadata.uid, undefined));
    this.pump();
  }

  /** The informers hear of a change later than it is made, and in order. */
  private tell(kind: 'deployments' | 'sets' | 'pods', deliver: () => void): void {
    const now = this.now;
    const at = Math.max(this.heardAt[kind], now + this.delay(this.speeds[kind]));
    this.heardAt[kind] = at;
    this.cluster.clock.after(at - now, () => this.step(deliver));
  }

  /** Whatever can go on goes on, each mover at its own speed. */
  private pump(): void {
    const { manager, speeds } = this;
    if (manager.deploymentHasWork) this.arm('deployment', speeds.deploymentSync, () => manager.stepDeployment());
    for (const uid of manager.setsWithWork)
      this.arm(`set ${uid}`, speeds.setSync, () => {
        manager.stepSet(uid);
        this.planAvailability(uid);
      });
  }

  private arm(key: string, milliseconds: number, step: () => void): void {
    if (this.armed.has(key)) return;
    this.armed.add(key);
    this.cluster.clock.after(this.delay(milliseconds), () => {
      this.armed.delete(key);
      this.step(step);
    });
  }

  private step(step: () => void): void {
    step();
    this.pump();
    if (this.isQuiet) this.onQuiet();
  }

  get isQuiet(): boolean {
    const { deployments, sets, pods, deploymentHasWork, setsWithWork } = this.manager;
    return deployments.behind + sets.behind + pods.behind === 0 && !deploymentHasWork && setsWithWork.length === 0;
  }

  private delay(milliseconds: number): number {
    return milliseconds * (0.2 + 1.6 * this.chance.next());
  }

  /** A pod becomes available by time alone. */
  private planAvailability(uid: string): void {
    const set = this.sets.get(uid);
    if (set === null || set.minReadySeconds === 0 || set.minReadySeconds > 3_600) return;
    const waits = this.pods.all
      .filter((pod) => pod.owner === uid && pod.ready)
      .map((pod) => pod.readyAt + set.minReadySeconds * 1000 - this.now)
      .filter((wait) => wait > 0);
    if (waits.length === 0) return;
    this.cluster.clock.after(Math.min(...waits), () => {
      this.manager.resync(uid);
      this.pump();
    });
  }
}
