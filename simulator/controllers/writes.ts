/**
 * Writes of controllers. They run in the store's process, so their writes are never stale. Managed fields are kept only for statuses of Deployments and
 * pods, which clients read.
 */
import { create } from '../api/create.ts';
import { trackUpdate } from '../fields/managed-fields.ts';
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import { withMetadata } from '../objects.ts';
import type { Condition, Deployment, Fields, KubernetesObject, Metadata } from '../objects.ts';
import type { Resource } from '../resources.ts';
import { groupVersion, resources } from '../resources.ts';

/** Creates an object as a controller: defaults and admission apply, so that it may be refused by a quota. */
export function createAsController(cluster: Cluster, resource: Resource, object: KubernetesObject): KubernetesObject {
  return create(cluster, resource, object.metadata.namespace ?? '', object, undefined).object;
}

export function writeMetadata(
  cluster: Cluster,
  resource: Resource,
  object: KubernetesObject,
  metadata: Partial<Metadata>,
): KubernetesObject {
  return cluster.store.put(resource, withMetadata(object, metadata)).object;
}

/** Writes a spec (and metadata) and increments the generation. */
export function writeSpec(
  cluster: Cluster,
  resource: Resource,
  object: KubernetesObject,
  spec: Fields,
  metadata: Partial<Metadata> = {},
): KubernetesObject {
  const generation = (object.metadata.generation ?? 0) + 1;
  return cluster.store.put(resource, { ...withMetadata(object, { ...metadata, generation }), spec }).object;
}

export function writeStatus(cluster: Cluster, resource: Resource, object: KubernetesObject, status: Fields): KubernetesObject {
  return cluster.store.put(resource, { ...object, status }).object;
}

/** A Deployment's status and the annotations that its controller keeps, under the controller's own field manager. */
export function writeDeploymentStatus(cluster: Cluster, live: Deployment, next: Deployment): Deployment {
  return writeTracked(cluster, resources.deployments, live, next, 'kube-controller-manager') as Deployment;
}

/** A pod's status, under the kubelet's field manager. */
export function writePodStatus(cluster: Cluster, live: KubernetesObject, status: Fields): KubernetesObject {
  return writeTracked(cluster, resources.pods, live, { ...live, status }, 'kubelet');
}

function writeTracked(
  cluster: Cluster,
  resource: Resource,
  live: KubernetesObject,
  next: KubernetesObject,
  manager: string,
): KubernetesObject {
  const writer = { manager, apiVersion: groupVersion(resource), time: timestamp(cluster.clock.now()), subresource: 'status' };
  return cluster.store.put(resource, trackUpdate(live, next, { ref: resource.type }, writer)).object;
}

/** The conditions with one set. If status and reason are unchanged, it is kept; if only the status is, its transition time is kept. */
export function withCondition(conditions: readonly Condition[] | undefined, condition: Condition): Condition[] {
  const current = conditions?.find(({ type }) => type === condition.type);
  if (current && current.status === condition.status && current.reason === condition.reason) return [...(conditions ?? [])];
  const lastTransitionTime = current?.status === condition.status ? current.lastTransitionTime : condition.lastTransitionTime;
  return [...without(conditions, condition.type), { ...condition, lastTransitionTime }];
}

export function without(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
