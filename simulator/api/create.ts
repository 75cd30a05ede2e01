/** Creating objects: for clients and for controllers. */
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import { admit, allocate, requireNamespace } from '../admission/admission.ts';
import { completePod, setDefaults } from '../admission/defaults.ts';
import { validate } from '../admission/validation.ts';
import { trackUpdate } from '../fields/managed-fields.ts';
import type { KubernetesObject, Metadata } from '../objects.ts';
import { groupVersion } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { alreadyExists, badRequest, invalid, unexpected } from '../status.ts';
import { Stored } from '../store/store.ts';

/** A client's options for a write; controllers have none. */
export interface WriteOptions {
  manager: string;
  dryRun: boolean;
  validation: 'Strict' | 'Warn' | 'Ignore';
  /** Collects the texts of the answer's Warning headers. */
  warnings: string[];
}

/** Stores a decoded object that is not shared yet, and returns the stored one. `applied`: its managed fields are already set. */
export function create(
  cluster: Cluster,
  resource: Resource,
  namespace: string,
  object: KubernetesObject,
  options: WriteOptions | undefined,
  applied = false,
): Stored {
  const time = timestamp(cluster.clock.now());
  object.metadata = identity(cluster, resource, namespace, object.metadata, time);
  const { name } = object.metadata;
  requireNamespace(cluster, resource, namespace, name);
  if (resource.subresources.includes('status')) delete object['status'];
  setDefaults(object);
  const errors = validate(object, undefined);
  if (errors.length > 0) throw invalid(resource, name, errors);
  if (cluster.store.get(resource, namespace, name)) throw alreadyExists(resource, name);
  admit(cluster, resource, object);
  allocate(cluster, object);
  const writer = options && { manager: options.manager, apiVersion: groupVersion(resource), time };
  const owned = writer && !applied ? trackUpdate(undefined, object, { ref: resource.type }, writer) : object;
  completePod(owned);
  return options?.dryRun ? new Stored(unversioned(owned), cluster.store.version) : cluster.store.put(resource, owned);
}

/** An object that was never stored has no version. */
function unversioned(object: KubernetesObject): KubernetesObject {
  const { resourceVersion: _version, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as Metadata };
}

/** Metadata of a new object that only the server sets. */
function identity(cluster: Cluster, resource: Resource, namespace: string, given: Metadata, time: string): Metadata {
  const {
    resourceVersion,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    selfLink: _link,
    ...metadata
  } = given as Metadata & { selfLink?: string };
  if (resourceVersion) throw unexpected('resourceVersion should not be set on objects to be created');
  if (resource.namespaced && metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
  const name = metadata.name || (metadata.generateName ? `${metadata.generateName.slice(0, 248)}${cluster.random.suffix(5)}` : '');
  return {
    ...metadata,
    name,
    ...(resource.namespaced ? { namespace } : {}),
    uid: cluster.random.uuid(),
    creationTimestamp: time,
    ...(resource.generation ? { generation: 1 } : {}),
    resourceVersion: '',
  };
}
