/** Reading a pod's state. */
import type { Condition, KubernetesObject, Pod } from '../objects.ts';

export const asPod = (object: KubernetesObject): Pod => object as Pod;

export const conditionOf = (pod: Pod, type: string): Condition | undefined => pod.status.conditions?.find((one) => one.type === type);

export const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True';

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Neither finished nor terminating: counted by a ReplicaSet. */
export const isActive = (pod: Pod): boolean => !isTerminating(pod) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed';

/** Time in milliseconds at which the pod became Ready; undefined if it is not. */
export function readySince(pod: Pod): number | undefined {
  const ready = conditionOf(pod, 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime) : undefined;
}

export const restarts = (pod: Pod): number => Math.max(0, ...(pod.status.containerStatuses ?? []).map(({ restartCount }) => restartCount));
