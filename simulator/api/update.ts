/** Replacing an object, for PUT and every patch. */
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import { allocate, askWebhooks } from '../admission/admission.ts';
import { setDefaults } from '../admission/defaults.ts';
import { validate } from '../admission/validation.ts';
import { trackUpdate } from '../fields/managed-fields.ts';
import { equal, isFields } from '../objects.ts';
import type { Fields, KubernetesObject, Metadata, Service } from '../objects.ts';
import { groupVersion, resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { badRequest, invalid, modified } from '../status.ts';
import { Stored } from '../store/store.ts';
import type { WriteOptions } from './create.ts';

export type Subresource = 'status' | 'scale' | undefined;

/** Replaces the live object by a decoded one that is not shared yet. `applied`: its managed fields are already set. */
export function update(
  cluster: Cluster,
  resource: Resource,
  live: Stored,
  next: KubernetesObject,
  options: WriteOptions,
  subresource: Subresource,
  applied = false,
): Stored {
  const before = live.object;
  checkIdentity(resource, before, next);
  const given = next.metadata.managedFields;
  next.metadata = mergedMetadata(before.metadata, next.metadata);
  keepOtherHalf(resource, before, next, subresource);
  keepAllocated(before, next);
  setDefaults(next);
  if (resource.generation && subresource !== 'status' && specChanged(resource, before, next))
    next.metadata.generation = (before.metadata.generation ?? 0) + 1;
  const errors = validate(next, before);
  if (errors.length > 0) throw invalid(resource, before.metadata.name, errors);
  allocate(cluster, next);
  const owned = applied ? next : tracked(cluster, resource, before, next, given, options, subresource);
  if (isUnchanged(before, owned)) return live;
  if (subresource === undefined && specChanged(resource, before, owned)) askWebhooks(cluster, resource, owned);
  if (options.dryRun) return new Stored(owned, live.version);
  if (before.metadata.deletionTimestamp && !owned.metadata.finalizers?.length && before.metadata.finalizers?.length) {
    cluster.store.put(resource, owned);
    return cluster.store.remove(resource, before.metadata.namespace ?? '', before.metadata.name) ?? live;
  }
  return cluster.store.put(resource, owned);
}

function checkIdentity(resource: Resource, live: KubernetesObject, next: KubernetesObject): void {
  const { name, namespace, resourceVersion } = next.metadata;
  if (name !== undefined && name !== live.metadata.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${live.metadata.name})`);
  if (namespace !== undefined && namespace !== live.metadata.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (resourceVersion && resourceVersion !== live.metadata.resourceVersion) throw modified(resource, live.metadata.name);
}

/** Labels, annotations, finalizers and owners are the client's; the rest of the metadata stays. */
function mergedMetadata(live: Metadata, next: Metadata): Metadata {
  const { labels, annotations, finalizers, ownerReferences, managedFields, uid } = next;
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, managedFields: _m, ...kept } = live;
  return {
    ...kept,
    ...(uid === undefined ? {} : { uid }),
    ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(finalizers ? { finalizers } : {}),
    ...(ownerReferences ? { ownerReferences } : {}),
    ...(managedFields ? { managedFields } : {}),
  };
}

/** A write to the status does not change the spec, and vice versa. */
function keepOtherHalf(resource: Resource, live: KubernetesObject, next: KubernetesObject, subresource: Subresource): void {
  if (!resource.subresources.includes('status')) return;
  const kept = subresource === 'status' ? 'spec' : 'status';
  if (live[kept] === undefined) delete next[kept];
  else next[kept] = kept === 'spec' ? structuredClone(live[kept]) : live[kept];
}

const allocated = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'];

/** A Service keeps its address if an update omits it, and loses it with a type that has none. */
function keepAllocated(live: KubernetesObject, next: KubernetesObject): void {
  if (live.kind !== 'Service') return;
  const [before, after] = [(live as Service).spec, (next as Service).spec];
  if (before.type === 'ExternalName') return;
  if (after.type !== 'ExternalName') for (const name of allocated) after[name] ??= before[name];
  else for (const name of [...allocated, 'internalTrafficPolicy']) if (equal(after[name], before[name])) delete after[name];
}

const ignored = new Set(['metadata', 'status', 'apiVersion', 'kind']);

function specChanged(resource: Resource, live: KubernetesObject, next: KubernetesObject): boolean {
  if (resource === resources.deployments && !equal(live.metadata.annotations, next.metadata.annotations)) return true;
  const names = new Set([...Object.keys(live), ...Object.keys(next)]);
  return [...names].some((name) => !ignored.has(name) && !equal(live[name], next[name]));
}

function tracked(
  cluster: Cluster,
  resource: Resource,
  live: KubernetesObject,
  next: KubernetesObject,
  given: unknown,
  options: WriteOptions,
  subresource: Subresource,
): KubernetesObject {
  // One empty entry clears all managed fields; no entry leaves them unchanged.
  if (Array.isArray(given) && given.length === 1 && isFields(given[0]) && Object.keys(given[0]).length === 0)
    delete next.metadata.managedFields;
  else if (!given && live.metadata.managedFields) next.metadata.managedFields = live.metadata.managedFields;
  const writer = {
    manager: options.manager,
    apiVersion: groupVersion(resource),
    time: timestamp(cluster.clock.now()),
    ...(subresource ? { subresource } : {}),
  };
  return trackUpdate(live, next, { ref: resource.type }, writer);
}

/** Whether only the times of managers' last writes differ. */
function isUnchanged(live: KubernetesObject, next: KubernetesObject): boolean {
  const timeless = ({ metadata }: KubernetesObject): Fields => ({
    ...metadata,
    resourceVersion: '',
    managedFields: (metadata.managedFields ?? []).map(({ time: _time, ...entry }) => entry),
  });
  const rest = ({ metadata: _metadata, ...others }: KubernetesObject): Fields => others;
  return live === next || (equal(rest(live), rest(next)) && equal(timeless(live), timeless(next)));
}
