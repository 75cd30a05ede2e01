/** The writing verbs for whole objects: POST, PUT, PATCH, DELETE. */
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import { applyConfiguration } from '../fields/managed-fields.ts';
import { isFields } from '../objects.ts';
import type { Fields, KubernetesObject } from '../objects.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch, applyStrategicMergePatch } from '../patch/merge-patch.ts';
import { groupVersion } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { applyComplaints } from '../schema/complaints.ts';
import { decode } from '../schema/decode.ts';
import { badRequest, conflict, invalid, notFound, requiredValue, unexpected, unsupportedMediaType } from '../status.ts';
import type { Stored } from '../store/store.ts';
import { create } from './create.ts';
import type { WriteOptions } from './create.ts';
import { contentType, isTrue, readBody, readObject } from './request.ts';
import type { Request } from './request.ts';
import { update } from './update.ts';
import type { Subresource } from './update.ts';

export interface Written {
  stored: Stored;
  created: boolean;
}

/** Decodes a body. Unknown fields are refused, reported as warnings or dropped, as requested. */
export function decodeBody(
  resource: Pick<Resource, 'type' | 'kind' | 'group' | 'version'>,
  body: Fields,
  options: WriteOptions,
): KubernetesObject {
  const { object, unknown } = decode(body, resource.type, resource.kind);
  if (unknown.length > 0 && options.validation === 'Strict') {
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: strict decoding error: ${unknown.join(', ')}`,
    );
  }
  if (options.validation === 'Warn') options.warnings.push(...unknown);
  return object;
}

export function post(cluster: Cluster, resource: Resource, namespace: string, request: Request, options: WriteOptions): Written {
  const body = readObject(request, groupVersion(resource), resource.kind);
  return { stored: create(cluster, resource, namespace, decodeBody(resource, body, options), options), created: true };
}

export function put(
  cluster: Cluster,
  resource: Resource,
  live: Stored,
  request: Request,
  options: WriteOptions,
  subresource: Subresource,
): Written {
  const body = readObject(request, groupVersion(resource), resource.kind);
  const next = decodeBody(resource, body, options);
  const { uid, name } = live.object.metadata;
  if (next.metadata.uid && next.metadata.uid !== uid) {
    const key = `/registry/${resource.plural}/${resource.namespaced ? `${live.object.metadata.namespace}/` : ''}${name}`;
    const why = `Precondition failed: UID in precondition: ${next.metadata.uid}, UID in object meta: ${uid}`;
    throw conflict(resource, name, `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`);
  }
  return { stored: update(cluster, resource, live, next, options, subresource), created: false };
}

/** The live object with a patch other than apply, not yet decoded. */
export function patched(live: Fields, type: string, request: Request): Fields {
  const patch = readBody(request);
  switch (contentType(request)) {
    case 'application/json-patch+json':
      return applyJsonPatch(live, patch);
    case 'application/merge-patch+json':
      return applyMergePatch(live, patch) as Fields;
    case 'application/strategic-merge-patch+json':
      return applyStrategicMergePatch(live, patch, { ref: type }) as Fields;
    default:
      throw unsupportedMediaType();
  }
}

export const isApply = (request: Request): boolean => contentType(request).startsWith('application/apply-patch');

export function patch(
  cluster: Cluster,
  resource: Resource,
  live: Stored,
  request: Request,
  options: WriteOptions,
  subresource: Subresource,
): Written {
  const next = decodeBody(resource, patched(live.object, resource.type, request), options);
  return { stored: update(cluster, resource, live, next, options, subresource), created: false };
}

/** Server-side apply, which also creates. */
export function apply(
  cluster: Cluster,
  resource: Resource,
  at: { namespace: string; name: string },
  request: Request,
  options: WriteOptions,
  subresource: Subresource,
): Written {
  const { namespace, name } = at;
  const config = readConfiguration(resource, at, request);
  const live = cluster.store.get(resource, namespace, name);
  const writer = {
    manager: requiredManager(request),
    apiVersion: groupVersion(resource),
    time: timestamp(cluster.clock.now()),
    ...(subresource ? { subresource } : {}),
  };
  const merged = applyConfiguration(live?.object, config, { ref: resource.type }, writer, isTrue(request.query.get('force')));
  if (live) {
    if (merged === live.object) return { stored: live, created: false };
    return {
      stored: update(cluster, resource, live, decode(merged, resource.type, resource.kind).object, options, subresource, true),
      created: false,
    };
  }
  if (subresource) throw notFound(resource, name);
  if (config.metadata.uid)
    throw conflict(
      resource,
      name,
      `uid mismatch: the provided object specified uid ${config.metadata.uid}, and no existing object was found`,
    );
  const { resourceVersion: _version, ...metadata } = merged.metadata;
  const object = decode({ ...merged, metadata }, resource.type, resource.kind).object;
  return { stored: create(cluster, resource, namespace, object, options, true), created: true };
}

function requiredManager({ query }: Request): string {
  const manager = query.get('fieldManager');
  if (!manager)
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [requiredValue('fieldManager', 'is required for apply patch')]);
  return manager;
}

function readConfiguration(resource: Resource, at: { namespace: string; name: string }, request: Request): KubernetesObject {
  const body = withoutNulls(readObject(request, groupVersion(resource), resource.kind)) as Fields;
  const complaints = applyComplaints(body, { ref: resource.type });
  if (complaints.length > 0) {
    const stated = isFields(body['metadata']) ? body['metadata'] : {};
    const [namespace, name] = [stated['namespace'], stated['name']].map((one) => (typeof one === 'string' ? one : ''));
    const who = `${namespace}/${name}; ${groupVersion(resource)}, Kind=${resource.kind}`;
    throw unexpected(
      `failed to create typed patch object (${who}): ${complaints.length === 1 ? complaints[0] : `errors:\n  ${complaints.join('\n  ')}`}`,
    );
  }
  const metadata = body['metadata'] as Fields;
  if (metadata['managedFields'] !== undefined) throw badRequest('metadata.managedFields must be nil');
  if (metadata['name'] !== undefined && metadata['name'] !== at.name)
    throw badRequest(`the name of the object (${asText(metadata['name'])}) does not match the name on the URL (${at.name})`);
  return {
    ...body,
    metadata: { ...metadata, name: at.name, ...(at.namespace === '' ? {} : { namespace: at.namespace }) },
  } as unknown as KubernetesObject;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, part]) => (part === null ? [] : [[name, withoutNulls(part)]])));
}
