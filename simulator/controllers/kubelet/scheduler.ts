/** Chooses a node for each pod: a ready one that its selector allows, with the fewest pods. */
import type { Cluster } from '../../cluster.ts';
import { timestamp } from '../../clock.ts';
import type { Condition, KubernetesObject, Pod, StringMap } from '../../objects.ts';
import { isFields, withMetadata } from '../../objects.ts';
import { resources } from '../../resources.ts';
import { recordEvent } from '../events.ts';

/** Label with the zone of the pod's node. */
export const zoneLabel = 'topology.kubernetes.io/zone';

export class Scheduler {
  readonly #cluster: Cluster;
  readonly #perNode = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  forget(pod: Pod): void {
    const node = pod.spec.nodeName;
    if (node) this.#perNode.set(node, Math.max(0, (this.#perNode.get(node) ?? 0) - 1));
  }

  /** Schedules the pod, or writes why it cannot be scheduled and returns false. */
  place(pod: Pod): boolean {
    const { store, clock } = this.#cluster;
    const named = pod.spec.nodeName;
    const node = named ?? this.#choose(pod);
    const now = timestamp(clock.now());
    if (node === undefined) {
      this.#refuse(pod, now);
      return false;
    }
    this.#perNode.set(node, (this.#perNode.get(node) ?? 0) + 1);
    const scheduled: Condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now };
    const conditions = [...(pod.status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled'), scheduled];
    const zone = store.get(resources.nodes, '', node)?.object.metadata.labels?.[zoneLabel];
    const labels = { ...pod.metadata.labels, ...(zone === undefined ? {} : { [zoneLabel]: zone }) };
    store.put(resources.pods, {
      ...withMetadata(pod, { labels }),
      spec: { ...pod.spec, nodeName: node },
      status: { ...pod.status, conditions },
    });
    return true;
  }

  #choose(pod: Pod): string | undefined {
    let best: string | undefined;
    for (const node of this.#cluster.store.each(resources.nodes)) {
      const { name, labels } = node.metadata;
      if (isUsable(node) && fits(pod.spec.nodeSelector, labels) && (best === undefined || this.#count(name) < this.#count(best)))
        best = name;
    }
    return best;
  }

  #count(node: string): number {
    return this.#perNode.get(node) ?? 0;
  }

  #refuse(pod: Pod, now: string): void {
    const nodes = [...this.#cluster.store.each(resources.nodes)];
    const total = nodes.length;
    const unmatched = nodes.filter((node) => isUsable(node) && !fits(pod.spec.nodeSelector, node.metadata.labels)).length;
    const unusable = nodes.filter((node) => !isUsable(node)).length;
    const reasons = [
      ...(unmatched > 0 ? [`${unmatched} node(s) didn't match Pod's node affinity/selector`] : []),
      ...(unusable > 0 ? [`${unusable} node(s) had untolerated taint(s)`] : []),
    ];
    const message = total === 0 ? 'no nodes available to schedule pods' : `0/${total} nodes are available: ${reasons.join(', ')}.`;
    const before = pod.status.conditions?.find(({ type }) => type === 'PodScheduled');
    recordEvent(this.#cluster, pod, 'Warning', 'FailedScheduling', message, 'default-scheduler');
    if (before?.status === 'False' && before.message === message) return;
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime: now,
    };
    this.#cluster.store.put(resources.pods, { ...pod, status: { ...pod.status, conditions: [condition] } });
  }
}

function isUsable(node: KubernetesObject): boolean {
  const spec = isFields(node['spec']) ? node['spec'] : {};
  return spec['unschedulable'] !== true && !node.metadata.deletionTimestamp;
}

const fits = (selector: StringMap | undefined, labels: StringMap | undefined): boolean =>
  Object.entries(selector ?? {}).every(([name, value]) => labels?.[name] === value);
