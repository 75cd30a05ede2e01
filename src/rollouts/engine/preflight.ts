import { describeAccess } from '../../clusters/core/access.ts';
import type { KubernetesClient, Precondition } from '../../clusters/kubernetes/types.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { Preflight } from '../core/observation.ts';
import { failure, foreignObject, isDefinite, refused } from './failures.ts';
import { keyOf } from './objects.ts';
import type { Memory } from './memory.ts';

export interface Flight {
  client: KubernetesClient;
  cluster: string;
  namespace: string;
  workloadId: string;
  /** As they would be applied, the Deployment among them. */
  objects: readonly KubernetesObject[];
  /** Of the Deployment as observed; null = none of ours was. */
  precondition: Precondition | null;
  /** Fields of other managers are no failure. */
  takeOver: boolean;
}

/**
 * Asks the cluster what would stand in the way, all at once and without changing anything: may we do what is needed, is a name taken by somebody else's object,
 * would each object be admitted, does another manager own one of its fields. Remembers which objects are there.
 *
 * @throws KubernetesError where the cluster gave no answer; then nothing is known and it is asked again.
 */
export async function preflight(flight: Flight, memory: Memory): Promise<Preflight> {
  const { client, cluster, namespace } = flight;
  const [missing, ...found] = await Promise.allSettled([
    client.missingAccess(namespace),
    ...flight.objects.map((object) => lookAt(object, flight)),
  ]);
  const failures = [missing, ...found].flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  const vague = failures.find((error) => !isDefinite(error));
  if (vague !== undefined) throw vague instanceof Error ? vague : new Error('the preflight failed');
  if (missing.status === 'fulfilled' && missing.value.length > 0) {
    const message = `The credential may not ${missing.value.map(describeAccess).join(', ')} in namespace ${namespace}.`;
    // To a credential of one namespace, a namespace that is missing looks like one that is closed to it.
    const advice = "Apply the cluster's access manifest in this namespace; make the namespace first if there is none of this name.";
    return { ok: false, failure: failure(cluster, 'FORBIDDEN', message, advice) };
  }
  if (failures.length > 0) return { ok: false, failure: refused(cluster, failures[0]) };
  for (const [index, each] of found.entries()) {
    const object = flight.objects[index];
    if (object && each.status === 'fulfilled' && each.value) memory.present.add(keyOf(object));
  }
  return { ok: true };
}

/** Whether the object is there. An object of its name that is not the workload's is a failure, and so is what a dry run says against it. */
async function lookAt(object: KubernetesObject, flight: Flight): Promise<boolean> {
  const { apiVersion, kind } = object;
  const isDeployment = kind === 'Deployment';
  const options = {
    force: flight.takeOver,
    dryRun: true,
    ...(isDeployment && flight.precondition ? { precondition: flight.precondition } : {}),
  };
  // What was observed need not be read.
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
