/** The `/scale` subresource of Deployments and ReplicaSets. */
import type { Cluster } from '../cluster.ts';
import type { Deployment, Fields, KubernetesObject, LabelSelector, ReplicaSet } from '../objects.ts';
import type { Resource } from '../resources.ts';
import { badRequest, conflict, invalid, invalidValue } from '../status.ts';
import type { Stored } from '../store/store.ts';
import type { WriteOptions } from './create.ts';
import { isFields } from '../objects.ts';
import { decode } from '../schema/decode.ts';
import { readObject } from './request.ts';
import type { Request } from './request.ts';
import { update } from './update.ts';
import { decodeBody, isApply, patched } from './write.ts';

const scaleKind = { type: 'autoscaling.v1.Scale', kind: 'Scale', group: 'autoscaling', version: 'v1' };

function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) =>
    operator === 'Exists' ? key : operator === 'DoesNotExist' ? `!${key}` : `${key} ${operator.toLowerCase()} (${values.join(',')})`,
  );
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressions].sort().join(',');
}

export function scaleOf(object: KubernetesObject): KubernetesObject {
  const { spec, status, metadata } = object as Deployment | ReplicaSet;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(spec.selector) },
  };
}

/** PUT or PATCH of a Scale: an update of the object behind it, with its own entry in the managed fields. */
export function writeScale(cluster: Cluster, resource: Resource, live: Stored, request: Request, options: WriteOptions): KubernetesObject {
  const current = scaleOf(live.object);
  const raw =
    request.method === 'PUT' || isApply(request)
      ? readObject(request, 'autoscaling/v1', 'Scale')
      : patched(current, scaleKind.type, request);
  const wanted = decodeBody(scaleKind, raw, options);
  const spec = isFields(wanted['spec']) ? wanted['spec'] : {};
  const replicas = spec['replicas'] ?? 0;
  if (typeof replicas !== 'number') throw badRequest('spec.replicas is not a number');
  const { resourceVersion, uid } = wanted.metadata;
  const { name } = live.object.metadata;
  if (uid && uid !== live.object.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.object.metadata.uid}`;
    throw conflict({ group: resource.group, plural: `${resource.plural}/scale` }, name, why);
  }
  if (replicas < 0) throw invalid(scaleKind, name, [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')]);
  const next = decode({ ...live.object, spec: { ...(live.object['spec'] as Fields), replicas } }, resource.type, resource.kind).object;
  next.metadata = {
    ...next.metadata,
    resourceVersion: resourceVersion || live.object.metadata.resourceVersion,
  };
  return scaleOf(update(cluster, resource, live, next, options, 'scale').object);
}
