/** The garbage collector and the namespace controller: they delete objects without an owner, and what a deletion waits for. */
import type { Cluster } from '../cluster.ts';
import type { Fields, KubernetesObject, Metadata } from '../objects.ts';
import { resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { allResources } from '../resources.ts';
import { removeObject } from '../api/delete.ts';
import { createAsController, writeMetadata } from './writes.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** Called shortly after an owner was deleted, or its foreground deletion has begun. */
export function collect(cluster: Cluster, uid: string, owner: { resource: Resource; object: KubernetesObject } | undefined): void {
  const dependents = cluster.store.ownedBy(uid);
  const finalizers = owner?.object.metadata.finalizers ?? [];
  if (owner && finalizers.includes(orphanFinalizer)) {
    for (const { resource, stored } of dependents) disown(cluster, resource, stored.object, uid);
    finish(cluster, owner, orphanFinalizer);
    return;
  }
  for (const { resource, stored } of dependents) {
    const others = (stored.object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
    if (others.length > 0) disown(cluster, resource, stored.object, uid);
    else if (!stored.object.metadata.deletionTimestamp)
      removeObject(cluster, resource, stored.object, owner ? { propagationPolicy: 'Foreground' } : {});
  }
  if (!owner || !finalizers.includes(foregroundFinalizer)) return;
  const blocking = cluster.store
    .ownedBy(uid)
    .some(({ stored }) =>
      stored.object.metadata.ownerReferences?.some((reference) => reference.uid === uid && reference.blockOwnerDeletion),
    );
  if (!blocking) finish(cluster, owner, foregroundFinalizer);
}

function disown(cluster: Cluster, resource: Resource, object: KubernetesObject, uid: string): void {
  const ownerReferences = object.metadata.ownerReferences?.filter((reference) => reference.uid !== uid) ?? [];
  const { ownerReferences: _, ...metadata } = object.metadata;
  const kept: Metadata = ownerReferences.length > 0 ? { ...metadata, ownerReferences } : metadata;
  cluster.store.put(resource, { ...object, metadata: kept });
}

function finish(cluster: Cluster, { resource, object }: { resource: Resource; object: KubernetesObject }, finalizer: string): void {
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer);
  if (finalizers.length > 0) writeMetadata(cluster, resource, object, { finalizers });
  else cluster.store.remove(resource, object.metadata.namespace ?? '', object.metadata.name);
}

/** Adds the default objects to a namespace. Empties one that is being deleted, and removes it when it is empty. */
export function syncNamespace(cluster: Cluster, name: string): void {
  const namespace = cluster.store.get(resources.namespaces, '', name)?.object;
  if (!namespace) return;
  if (!namespace.metadata.deletionTimestamp) {
    furnish(cluster, name);
    return;
  }
  let left = 0;
  for (const resource of allResources) {
    if (!resource.namespaced) continue;
    for (const stored of cluster.store.list(resource, name)) {
      if (!stored.object.metadata.deletionTimestamp) removeObject(cluster, resource, stored.object, {});
    }
    left += cluster.store.count(resource, name);
  }
  if (left === 0) cluster.store.remove(resources.namespaces, '', name);
}

function furnish(cluster: Cluster, namespace: string): void {
  const put = (resource: Resource, kind: string, name: string, more: Fields): void => {
    if (cluster.store.get(resource, namespace, name)) return;
    createAsController(cluster, resource, { apiVersion: 'v1', kind, metadata: { name, namespace } as Metadata, ...more });
  };
  put(resources.serviceAccounts, 'ServiceAccount', 'default', {});
  put(resources.configMaps, 'ConfigMap', 'kube-root-ca.crt', { data: { 'ca.crt': 'the authority of this simulated cluster\n' } });
}
