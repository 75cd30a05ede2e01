/** A cluster of the model: what its API server stores, and what happens to pods without a controller's doing. */
import type { PodFault } from '../../../src/rollouts/core/failure.ts';
import { Conflict, Kind } from './api.ts';

export interface ModelPod {
  readonly uid: string;
  readonly version: number;
  readonly owner: string;
  readonly ready: boolean;
  readonly createdAt: number;
  /** When it became Ready. */
  readonly readyAt: number;
  readonly terminating: boolean;
  readonly fault: PodFault | null;
  /** Has been found to be bad, and never becomes Ready. */
  readonly broken: boolean;
}

export interface ModelSetStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly ready: number;
  readonly available: number;
  readonly failure: { reason: string; message: string } | null;
}

export interface ModelSet {
  readonly uid: string;
  readonly version: number;
  readonly name: string;
  readonly template: string;
  /** The order in which they were made. */
  readonly age: number;
  readonly generation: number;
  readonly replicas: number;
  /** As last copied from the Deployment while this was its new ReplicaSet. */
  readonly minReadySeconds: number;
  /** Likewise; as one text. */
  readonly annotations?: string;
  /** The annotations desired-replicas and max-replicas. */
  readonly desired: number;
  readonly max: number;
  readonly status: ModelSetStatus;
}

export interface ModelDeploymentStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
}

export interface ModelDeployment {
  readonly uid: string;
  readonly version: number;
  readonly generation: number;
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly surge: string;
  readonly unavailable: string;
  readonly template: string;
  readonly release: number;
  readonly paused: string | null;
  readonly annotations?: string;
  readonly status: ModelDeploymentStatus;
}

export type DeploymentSpec = Omit<ModelDeployment, 'uid' | 'version' | 'generation' | 'status'>;

/** Kubernetes' "never": the minReadySeconds of a closed gate. */
export const CLOSED = 2147483646;

export const notReady: PodFault = {
  reason: 'NotReady',
  message: 'not ready',
  container: 'web',
  exitCode: null,
  restarts: 0,
  log: 'CURRENT',
  severity: 'SLOW',
  ageMilliseconds: 0,
};

const unschedulable: PodFault = { ...notReady, reason: 'Unschedulable', message: '0/1 nodes are available', container: null, log: null };

export class ModelCluster {
  now = Date.UTC(2026, 0, 1);
  private serial = 0;
  readonly deployments = new Kind<ModelDeployment>(() => ++this.serial);
  readonly sets = new Kind<ModelSet>(() => ++this.serial);
  readonly pods = new Kind<ModelPod>(() => ++this.serial);
  /** No more pods than this in the namespace. */
  quota: number | null = null;
  /** No more pods than this fit onto the nodes. */
  room: number | null = null;
  /** After a controller has deleted a pod, with that pod as it was. */
  onDeletion: (pod: ModelPod) => void = () => undefined;
  /** After a Ready pod has become not Ready, or has gone, by no controller's doing. */
  onLoss: (pod: ModelPod) => void = () => undefined;

  /** Of all that has ever been written. */
  get lastVersion(): number {
    return this.serial;
  }

  get deployment(): ModelDeployment | null {
    return this.deployments.all[0] ?? null;
  }

  podsOf(set: { uid: string }): ModelPod[] {
    return this.pods.all.filter((pod) => pod.owner === set.uid);
  }

  /** Ready pods that are not terminating. */
  get readyPods(): ModelPod[] {
    return this.pods.all.filter((pod) => pod.ready && !pod.terminating);
  }

  /** The sum of `spec.replicas` over the ReplicaSets. */
  get wanted(): number {
    return this.sets.all.reduce((sum, set) => sum + set.replicas, 0);
  }

  create(spec: DeploymentSpec): void {
    const uid = `deployment-${++this.serial}`;
    this.deployments.put({
      ...spec,
      uid,
      generation: 1,
      status: { observedGeneration: 0, replicas: 0, updated: 0, ready: 0, available: 0 },
    });
  }

  /** Somebody writes the Deployment's spec, fenced by the version that it was decided on where there is one. @throws Conflict */
  write(spec: Partial<DeploymentSpec>, version?: number): void {
    const live = this.deployment;
    if (live === null) return;
    const changed = Object.entries(spec).some(([key, value]) => live[key as keyof DeploymentSpec] !== value);
    if (version !== undefined && version !== live.version) throw new Conflict();
    if (changed) this.deployments.update(live, { ...spec, generation: live.generation + 1 });
  }

  makeSet(fields: Pick<ModelSet, 'template' | 'replicas' | 'minReadySeconds' | 'annotations' | 'desired' | 'max'>): ModelSet {
    const age = ++this.serial;
    const status = { observedGeneration: 0, replicas: 0, ready: 0, available: 0, failure: null };
    return this.sets.put({ ...fields, uid: `set-${age}`, name: `web-${age}`, age, generation: 1, status });
  }

  /** Null where the quota refuses it. */
  makePod(owner: string): ModelPod | null {
    if (this.quota !== null && this.pods.all.length >= this.quota) return null;
    const uid = `pod-${++this.serial}`;
    return this.pods.put({ uid, owner, createdAt: this.now, ready: false, readyAt: 0, terminating: false, fault: notReady, broken: false });
  }

  /** As a controller deletes it: it serves no more, and is gone a while later. */
  deletePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === null || pod.terminating) return;
    this.pods.put({ ...pod, terminating: true });
    this.onDeletion(pod);
  }

  clear(): void {
    this.deployments.clear();
    this.sets.clear();
    this.pods.clear();
  }

  // The kubelets and the scheduler

  /** Whether a kubelet or the scheduler has something to do for it. */
  canStart(pod: ModelPod): boolean {
    return !pod.ready && !pod.broken && !pod.terminating && (this.fits(pod) || pod.fault?.reason !== unschedulable.reason);
  }

  becomeReady(pod: ModelPod): void {
    if (!this.fits(pod)) this.pods.put({ ...pod, fault: unschedulable });
    else this.pods.put({ ...pod, ready: true, readyAt: this.now, fault: null });
  }

  becomeUnready(pod: ModelPod, fault: PodFault = notReady, broken = false): void {
    this.pods.put({ ...pod, ready: false, fault, broken });
    if (pod.ready && !pod.terminating) this.onLoss(pod);
  }

  removePod(pod: ModelPod): void {
    this.pods.remove(pod.uid);
    if (pod.ready && !pod.terminating) this.onLoss(pod);
  }

  /** Nodes are filled in the order of the pods' creation. */
  private fits(pod: ModelPod): boolean {
    return this.room === null || this.pods.all.findIndex(({ uid }) => uid === pod.uid) < this.room;
  }
}
