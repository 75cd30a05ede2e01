/** The ReplicaSet controller: keeps the number of pods in its spec, and counts them. */
import { timestamp } from '../clock.ts';
import type { Cluster } from '../cluster.ts';
import { equal } from '../objects.ts';
import type { Condition, KubernetesObject, Pod, ReplicaSet, ReplicaSetStatus } from '../objects.ts';
import { resources } from '../resources.ts';
import { StatusError } from '../status.ts';
import { labelSelectorMatch } from '../store/selector.ts';
import { removeObject } from '../api/delete.ts';
import { controlledBy } from './deployment/revisions.ts';
import { recordEvent } from './events.ts';
import { asPod, isActive, isReady, isTerminating, readySince, restarts } from './pod-state.ts';
import { splitKey } from './queue.ts';
import type { Rest, WorkQueue } from './queue.ts';
import { createAsController, writeMetadata, writeStatus } from './writes.ts';

const burst = 500;
const component = 'replicaset-controller';

/**
 * The status says what was counted before this sync's own creations and deletions, with the generation that it was made for: the next sync, of which the pods'
 * changes are the occasion, counts what has become of them (`syncReplicaSet` of kube-controller-manager).
 *
 * @returns the write of the status where a fault delays it
 */
export function syncReplicaSet(cluster: Cluster, queue: WorkQueue, key: string): Rest | undefined {
  const { namespace, name } = splitKey(key);
  const set = cluster.store.get(resources.replicaSets, namespace, name)?.object as ReplicaSet | undefined;
  if (!set) {
    cluster.backoff.delete(key);
    return undefined;
  }
  const pods = ownPods(cluster, set);
  const failure = set.metadata.deletionTimestamp ? undefined : manage(cluster, set, pods.filter(isActive));
  const status = statusOf(cluster, set, pods, failure);
  const write = (): void => writeStatusOf(cluster, namespace, name, status);
  planNextLook(cluster, queue, key, set, ownPods(cluster, set), failure);
  const [least, most] = cluster.faults.settings.statusDelayMilliseconds ?? [0, 0];
  if (most > 0 && !equal(set.status, status)) return { milliseconds: cluster.random.between(least, most), work: write };
  write();
  return undefined;
}

function writeStatusOf(cluster: Cluster, namespace: string, name: string, status: ReplicaSetStatus): void {
  const set = cluster.store.get(resources.replicaSets, namespace, name)?.object as ReplicaSet | undefined;
  if (set && !equal(set.status, status)) writeStatus(cluster, resources.replicaSets, set, status);
}

function ownPods(cluster: Cluster, set: ReplicaSet): Pod[] {
  const owned = cluster.store.ownedBy(set.metadata.uid).filter(({ resource }) => resource === resources.pods);
  return owned
    .map(({ stored }) => asPod(stored.object))
    .filter((pod) => pod.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === set.metadata.uid));
}

/** Creates or deletes pods until the number is right. Returns the refusal if creating failed. */
function manage(cluster: Cluster, set: ReplicaSet, active: Pod[]): StatusError | undefined {
  const kept = [...release(cluster, set, active), ...adopt(cluster, set)];
  const missing = set.spec.replicas - kept.length;
  if (missing > 0) return createPods(cluster, set, Math.min(missing, burst));
  for (const pod of victims(cluster, kept, Math.min(-missing, burst))) {
    removeObject(cluster, resources.pods, pod, {});
    recordEvent(cluster, set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
  }
  return undefined;
}

/** Pods whose labels were changed by hand no longer belong to the set. */
function release(cluster: Cluster, set: ReplicaSet, pods: readonly Pod[]): Pod[] {
  const matches = labelSelectorMatch(set.spec.selector);
  return pods.filter((pod) => {
    if (matches(pod.metadata.labels)) return true;
    const ownerReferences = pod.metadata.ownerReferences?.filter(({ uid }) => uid !== set.metadata.uid) ?? [];
    writeMetadata(cluster, resources.pods, pod, { ownerReferences });
    return false;
  });
}

/** Adopts matching pods without a controller. */
function adopt(cluster: Cluster, set: ReplicaSet): Pod[] {
  const matches = labelSelectorMatch(set.spec.selector);
  const found: KubernetesObject[] = [];
  for (const object of cluster.store.each(resources.pods, set.metadata.namespace)) {
    const { ownerReferences, labels } = object.metadata;
    if (!ownerReferences?.some(({ controller }) => controller) && matches(labels) && isActive(asPod(object))) found.push(object);
  }
  return found.map((object) =>
    asPod(
      writeMetadata(cluster, resources.pods, object, { ownerReferences: [...(object.metadata.ownerReferences ?? []), controlledBy(set)] }),
    ),
  );
}

/** In growing batches, so that a quota refuses one pod and not five hundred. */
function createPods(cluster: Cluster, set: ReplicaSet, count: number): StatusError | undefined {
  let left = count;
  for (let batch = 1; left > 0; batch *= 2) {
    let refusal: StatusError | undefined;
    for (let index = 0; index < Math.min(batch, left); index++) refusal = createPod(cluster, set) ?? refusal;
    if (refusal) return refusal;
    left -= Math.min(batch, left);
  }
  return undefined;
}

function createPod(cluster: Cluster, set: ReplicaSet): StatusError | undefined {
  const { template } = set.spec;
  const { labels, annotations } = template.metadata ?? {};
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controlledBy(set)],
    },
    spec: structuredClone(template.spec),
  } as unknown as KubernetesObject;
  try {
    const created = createAsController(cluster, resources.pods, pod);
    recordEvent(cluster, set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`, component);
    return undefined;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    recordEvent(cluster, set, 'Warning', 'FailedCreate', `Error creating: ${error.message}`, component);
    return error;
  }
}

const phaseOrder = { Pending: 0, Unknown: 1, Running: 2 } as { [phase: string]: number };

/** Order of deletion: unassigned, pending, not ready, crowded on a node, recently ready, often restarted, young. */
function victims(cluster: Cluster, pods: readonly Pod[], count: number): Pod[] {
  if (count >= pods.length) return [...pods];
  const perNode = new Map<string, number>();
  for (const { spec } of pods) perNode.set(spec.nodeName ?? '', (perNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const now = cluster.clock.now();
  const age = (since: number | undefined): number => (since === undefined ? 0 : Math.floor(Math.log2(Math.max(1, now - since))));
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName ? 1 : 0,
    phaseOrder[pod.status.phase] ?? 1,
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0),
    -(perNode.get(pod.spec.nodeName ?? '') ?? 0),
    age(readySince(pod)),
    -restarts(pod),
    age(Date.parse(pod.metadata.creationTimestamp)),
  ];
  const ranked = pods.map((pod) => ({ pod, rank: rank(pod) }));
  ranked.sort((left, right) => {
    const at = left.rank.findIndex((value, index) => value !== right.rank[index]);
    if (at < 0) return left.pod.metadata.uid < right.pod.metadata.uid ? -1 : 1;
    return (left.rank[at] ?? 0) - (right.rank[at] ?? 0);
  });
  return ranked.slice(0, count).map(({ pod }) => pod);
}

function isAvailable(cluster: Cluster, pod: Pod, minReadySeconds: number): boolean {
  const since = readySince(pod);
  return since !== undefined && (minReadySeconds === 0 || since + minReadySeconds * 1000 <= cluster.clock.now());
}

function statusOf(cluster: Cluster, set: ReplicaSet, pods: readonly Pod[], failure: StatusError | undefined): ReplicaSetStatus {
  const active = pods.filter(isActive);
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  const count = (name: string, value: number): Partial<ReplicaSetStatus> => (value > 0 ? { [name]: value } : {});
  const templateLabels = labelSelectorMatch({ matchLabels: set.spec.template.metadata?.labels ?? {} });
  const conditions = conditionsOf(cluster, set, active.length, failure);
  return {
    replicas: active.length,
    ...count('fullyLabeledReplicas', active.filter((pod) => templateLabels(pod.metadata.labels)).length),
    ...count('readyReplicas', active.filter(isReady).length),
    ...count('availableReplicas', active.filter((pod) => isAvailable(cluster, pod, minReadySeconds)).length),
    terminatingReplicas: pods.filter((pod) => isTerminating(pod) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed')
      .length,
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

function conditionsOf(cluster: Cluster, set: ReplicaSet, active: number, failure: StatusError | undefined): Condition[] {
  const current = (set.status?.conditions ?? []).find(({ type }) => type === 'ReplicaFailure');
  if (!failure) return [];
  if (current) return [current];
  const reason = active < set.spec.replicas ? 'FailedCreate' : 'FailedDelete';
  return [{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(cluster.clock.now()), reason, message: failure.message }];
}

/** Refused pods are retried with increasing delay. Ready pods are checked again when the first becomes available. */
function planNextLook(
  cluster: Cluster,
  queue: WorkQueue,
  key: string,
  set: ReplicaSet,
  pods: readonly Pod[],
  failure: StatusError | undefined,
): void {
  if (failure) {
    const failures = (cluster.backoff.get(key) ?? 0) + 1;
    cluster.backoff.set(key, failures);
    queue.addAfter(key, Math.min(5 * 2 ** failures, 30_000));
    return;
  }
  cluster.backoff.delete(key);
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  if (minReadySeconds === 0) return;
  const now = cluster.clock.now();
  const waits = pods.filter(isActive).flatMap((pod) => {
    const since = readySince(pod);
    return since === undefined || since + minReadySeconds * 1000 <= now ? [] : [since + minReadySeconds * 1000 - now];
  });
  if (waits.length > 0) queue.addAfter(key, Math.min(...waits));
}
