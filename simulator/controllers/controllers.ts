/** Receives every change in a cluster and wakes the affected controllers. */
import type { Cluster } from '../cluster.ts';
import { controllerOf, equal } from '../objects.ts';
import type { KubernetesObject, OwnerReference, Pod } from '../objects.ts';
import { resourceOfKind, resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import type { Change } from '../store/store.ts';
import { syncDeployment } from './deployment/controller.ts';
import { servicesOf, syncEndpoints } from './endpoints.ts';
import { collect, syncNamespace } from './garbage.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import { keyOf, WorkQueue } from './queue.ts';
import { syncQuota } from './quota.ts';
import { syncReplicaSet } from './replicaset.ts';

export class Controllers {
  readonly #cluster: Cluster;
  readonly #kubelet: Kubelet;
  readonly #deployments: WorkQueue;
  readonly #replicaSets: WorkQueue;
  readonly #endpoints: WorkQueue;
  readonly #garbage: WorkQueue;
  readonly #namespaces: WorkQueue;
  readonly #quotas: WorkQueue;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { clock, random, options } = cluster;
    const soon = (): number => random.between(...(options.controllerDelayMilliseconds as [number, number]));
    this.#kubelet = new Kubelet(cluster);
    this.#deployments = new WorkQueue(clock, soon, (key) => syncDeployment(cluster, this.#deployments, key));
    this.#replicaSets = new WorkQueue(clock, soon, (key) => syncReplicaSet(cluster, this.#replicaSets, key));
    this.#endpoints = new WorkQueue(
      clock,
      () => random.between(10, 40),
      (key) => syncEndpoints(cluster, key),
    );
    this.#garbage = new WorkQueue(clock, soon, (key) => this.#collect(key));
    this.#namespaces = new WorkQueue(clock, soon, (name) => syncNamespace(cluster, name));
    this.#quotas = new WorkQueue(
      clock,
      () => random.between(50, 100),
      (namespace) => syncQuota(cluster, namespace),
    );
    cluster.store.listen((change) => this.#onChange(change));
  }

  reconsider(): void {
    this.#kubelet.reconsider();
  }

  stop(): void {
    this.#kubelet.stop();
    for (const queue of [this.#deployments, this.#replicaSets, this.#endpoints, this.#garbage, this.#namespaces, this.#quotas])
      queue.stop();
  }

  #onChange(change: Change): void {
    const { resource, current } = change;
    const { metadata } = current.object;
    if (resource === resources.events) return;
    this.#onDeletion(change);
    if (resource === resources.deployments) this.#deployments.add(keyOf(metadata.namespace, metadata.name));
    else if (resource === resources.replicaSets) {
      this.#replicaSets.add(keyOf(metadata.namespace, metadata.name));
      this.#wakeOwner(current.object, 'Deployment', this.#deployments);
    } else if (resource === resources.pods) this.#onPod(change);
    else if (resource === resources.services) this.#endpoints.add(keyOf(metadata.namespace, metadata.name));
    else if (resource === resources.configMaps || resource === resources.secrets) this.#kubelet.reconsider();
    if (resource.namespaced) this.#wakeNamespace(resource, change);
  }

  #onPod(change: Change): void {
    const { current, previous, type } = change;
    this.#kubelet.onPod(change);
    this.#wakeOwner(current.object, 'ReplicaSet', this.#replicaSets);
    const { namespace = '', labels } = current.object.metadata;
    if (endpointChanged(change))
      for (const key of servicesOf(this.#cluster, namespace, [labels, previous?.object.metadata.labels])) this.#endpoints.add(key);
    if (type === 'DELETED') this.#wakeRecreate(current.object);
  }

  /** Wakes a Deployment that waits until its old pods are gone. */
  #wakeRecreate(pod: KubernetesObject): void {
    const owner = controllerOf(pod);
    const set = owner && this.#cluster.store.get(resources.replicaSets, pod.metadata.namespace ?? '', owner.name)?.object;
    if (set) this.#wakeOwner(set, 'Deployment', this.#deployments);
  }

  #wakeOwner(object: KubernetesObject, kind: string, queue: WorkQueue): void {
    const owner = controllerOf(object);
    if (owner?.kind === kind) queue.add(keyOf(object.metadata.namespace, owner.name));
  }

  #wakeNamespace(resource: Resource, { type, current }: Change): void {
    const { namespace = '' } = current.object.metadata;
    const { store } = this.#cluster;
    if (type === 'DELETED' && store.get(resources.namespaces, '', namespace)?.object.metadata.deletionTimestamp)
      this.#namespaces.add(namespace);
    if (store.count(resources.resourceQuotas, namespace) > 0) this.#quotas.add(namespace);
  }

  #onDeletion({ type, resource, current }: Change): void {
    const { uid, name, namespace = '', deletionTimestamp, ownerReferences = [] } = current.object.metadata;
    if (resource === resources.namespaces && type !== 'DELETED' && (type === 'ADDED' || deletionTimestamp)) this.#namespaces.add(name);
    const itself = { apiVersion: current.object.apiVersion, kind: resource.kind, name, uid };
    if ((type === 'DELETED' || deletionTimestamp) && this.#cluster.store.ownedBy(uid).length > 0)
      this.#garbage.add(ownerKey(itself, namespace));
    for (const owner of ownerReferences) {
      const found = this.#owner(ownerKey(owner, namespace));
      if (type === 'DELETED' ? found?.object.metadata.deletionTimestamp : type === 'ADDED' && !found)
        this.#garbage.add(ownerKey(owner, namespace));
    }
  }

  #collect(key: string): void {
    collect(this.#cluster, key.split('|').at(-1) ?? '', this.#owner(key));
  }

  #owner(key: string): { resource: Resource; object: KubernetesObject } | undefined {
    const [apiVersion = '', kind = '', namespace = '', name = '', uid] = key.split('|');
    const resource = resourceOfKind(apiVersion, kind);
    const object = resource && this.#cluster.store.get(resource, resource.namespaced ? namespace : '', name)?.object;
    return resource && object && object.metadata.uid === uid ? { resource, object } : undefined;
  }
}

const ownerKey = ({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): string =>
  [apiVersion, kind, namespace, name, uid].join('|');

/** Whether a pod's change may affect endpoints. */
function endpointChanged({ type, current, previous }: Change): boolean {
  if (type !== 'MODIFIED' || !previous) return true;
  const [before, after] = [previous.object as Pod, current.object as Pod];
  const ready = ({ status }: Pod): unknown => status.conditions?.find((one) => one.type === 'Ready')?.status;
  return (
    before.status.podIP !== after.status.podIP ||
    ready(before) !== ready(after) ||
    before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp ||
    !equal(before.metadata.labels, after.metadata.labels)
  );
}
