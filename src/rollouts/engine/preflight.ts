import { describeAccess } from '../../clusters/core/access.ts';
import type { KubernetesClient, Precondition } from '../../clusters/kubernetes/types.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { Preflight } from '../core/observation.ts';
import { AccessMissing, foreignObject, isFatalError, failureFrom } from './cluster-errors.ts';
import { objectKey } from './objects.ts';
import type { Memory } from './memory.ts';

export interface Flight {
  client: KubernetesClient;
  cluster: string;
  namespace: string;
  workloadId: string;
  /** The objects to apply, including the Deployment. */
  objects: readonly KubernetesObject[];
  /** UID of the observed Deployment; null = there is none of ours. */
  precondition: Precondition | null;
  /** Field conflicts with other managers are not a failure. */
  takeOver: boolean;
}

/**
 * Checks what would prevent the rollout, all at once and without changing anything: missing permissions, names of others' objects, objects that are not
 * admitted, and fields of other managers. Remembers which objects exist.
 *
 * @throws KubernetesError if the cluster gave no definite answer, or permissions are missing, which may be granted meanwhile; the preflight is then repeated
 */
export async function preflight(flight: Flight, memory: Memory): Promise<Preflight> {
  const { client, cluster, namespace } = flight;
  const [missing, ...found] = await Promise.allSettled([
    client.missingAccess(namespace),
    ...flight.objects.map((object) => lookAt(object, flight)),
  ]);
  const failures = [missing, ...found].flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  if (missing.status === 'fulfilled' && missing.value.length > 0) throw new AccessMissing(missing.value.map(describeAccess), namespace);
  const vague = failures.find((error) => !isFatalError(error));
  if (vague !== undefined) throw vague instanceof Error ? vague : new Error('the preflight failed');
  if (failures.length > 0) return { ok: false, failure: failureFrom(cluster, failures[0]) };
  for (const [index, each] of found.entries()) {
    const object = flight.objects[index];
    if (object && each.status === 'fulfilled' && each.value) memory.present.add(objectKey(object));
  }
  return { ok: true };
}

/** Whether the object exists. Throws if an object with its name is not the workload's, or if the dry run is refused. */
async function lookAt(object: KubernetesObject, flight: Flight): Promise<boolean> {
  const { apiVersion, kind } = object;
  const isDeployment = kind === 'Deployment';
  const options = {
    force: flight.takeOver,
    dryRun: true,
    ...(isDeployment && flight.precondition ? { precondition: flight.precondition } : {}),
  };
  // An observed object need not be read.
  const reading =
    isDeployment && flight.precondition
      ? null
      : flight.client.read({ apiVersion, kind, namespace: flight.namespace, name: object.metadata.name });
  const [found, dryRun] = await Promise.allSettled([reading, flight.client.apply(object, options)]);
  if (found.status === 'rejected') throw found.reason;
  const live = found.value;
  if (live && live.metadata.labels?.[LABELS.workloadId] !== flight.workloadId) throw foreignObject(object);
  if (dryRun.status === 'rejected') throw dryRun.reason;
  return live !== null || reading === null;
}
