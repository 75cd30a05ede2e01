/** Deletes objects, gracefully if their kind or finalizers require it. */
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import { withMetadata } from '../objects.ts';
import type { KubernetesObject, Pod } from '../objects.ts';
import { resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { conflict, forbidden } from '../status.ts';
import type { Stored } from '../store/store.ts';

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

const permanent = new Set(['default', 'kube-system', 'kube-public']);

/** Begins the deletion of an object. Returns the marked object, or undefined if it is removed at once. */
export function removeObject(
  cluster: Cluster,
  resource: Resource,
  object: KubernetesObject,
  options: DeleteOptions,
  dryRun = false,
): Stored | undefined {
  checkPreconditions(resource, object, options);
  const { name, namespace = '', uid } = object.metadata;
  if (resource === resources.namespaces && permanent.has(name)) throw forbidden(resource, name, 'this namespace may not be deleted');
  if (dryRun) return undefined;
  const live = cluster.store.get(resource, namespace, name);
  if (!live || live.object.metadata.uid !== uid) return undefined;
  const grace = graceOf(resource, live.object, options);
  const finalizers = finalizersOf(cluster, live.object, options);
  // The namespace controller empties a namespace before it is removed.
  if (grace === 0 && finalizers.length === 0 && resource !== resources.namespaces) {
    cluster.store.remove(resource, namespace, name);
    return undefined;
  }
  return mark(cluster, resource, live, grace, finalizers);
}

function checkPreconditions({ group, kind }: Resource, { metadata }: KubernetesObject, { preconditions = {} }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions;
  const who = { group, plural: kind };
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(who, metadata.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(who, metadata.name, why);
  }
}

function mark(cluster: Cluster, resource: Resource, live: Stored, grace: number, finalizers: string[]): Stored {
  const { deletionTimestamp, deletionGracePeriodSeconds = Infinity } = live.object.metadata;
  if (deletionTimestamp && grace >= deletionGracePeriodSeconds) return live;
  const marked = withMetadata(live.object, {
    deletionTimestamp: timestamp(cluster.clock.now() + grace * 1000),
    deletionGracePeriodSeconds: grace,
    ...(resource.generation ? { generation: (live.object.metadata.generation ?? 0) + 1 } : {}),
    ...(finalizers.length > 0 ? { finalizers } : {}),
  });
  const status = resource === resources.namespaces ? { status: { phase: 'Terminating' } } : {};
  return cluster.store.put(resource, { ...marked, ...status });
}

/** Grace period in seconds. Only scheduled pods have one. */
function graceOf(resource: Resource, object: KubernetesObject, options: DeleteOptions): number {
  if (resource !== resources.pods) return 0;
  const { spec, status } = object as Pod;
  if (!spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') return 0;
  return Math.max(0, options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30);
}

/** Finalizers that block the removal: the object's own, and those that a propagation policy adds until dependents are handled. */
function finalizersOf(cluster: Cluster, object: KubernetesObject, { propagationPolicy }: DeleteOptions): string[] {
  const own = (object.metadata.finalizers ?? []).filter((name) => name !== 'foregroundDeletion' && name !== 'orphan');
  const dependents = cluster.store.ownedBy(object.metadata.uid).length > 0;
  if (dependents && propagationPolicy === 'Foreground') return [...own, 'foregroundDeletion'];
  if (dependents && propagationPolicy === 'Orphan') return [...own, 'orphan'];
  return own;
}
