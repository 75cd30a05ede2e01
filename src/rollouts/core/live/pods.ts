/** The pods of each ReplicaSet, from the raw objects of a placement's watch. */
import { judgementOf } from '../causes.ts';
import { shownSeverity } from '../failure.ts';
import type { PodFault } from '../failure.ts';
import type { LivePod, LiveReplicaSet } from '../observation.ts';
import { part, parts, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';
import { condition, faultOf, nowhere, podFaultOf, pulledContainers, pullReasons } from './diagnosis.ts';
import { endedPods } from './ended.ts';

type PodsOfSet = Pick<LiveReplicaSet, 'pods' | 'ended'>;

/** Pods by the uid of what controls them. Those that have ended (Succeeded, Failed) are none of `pods`, as with the ReplicaSet controller. */
export function podsByOwner(pods: readonly Raw[], clusterNow: Date): Map<string, PodsOfSet> {
  const byOwner = Map.groupBy(pods, controllerOf);
  return new Map([...byOwner].flatMap(([owner, own]) => (owner === null ? [] : [[owner, podsOf(own, clusterNow.getTime())]])));
}

/** The uid of what controls the object, null where nothing does. */
export function controllerOf(object: Raw): string | null {
  return text(
    parts(part(object, 'metadata'), 'ownerReferences').find((owner) => owner['controller'] === true),
    'uid',
  );
}

function podsOf(pods: readonly Raw[], clusterNow: number): PodsOfSet {
  const phase = (pod: Raw): string | null => text(part(pod, 'status'), 'phase');
  const standing = pods.filter((pod) => phase(pod) !== 'Succeeded' && phase(pod) !== 'Failed');
  const pulled = new Map(standing.map((pod) => [pod, pulledContainers(pod)]));
  const taken = standing.filter((pod) => pulled.get(pod)?.length).map((pod) => time(part(pod, 'metadata'), 'creationTimestamp') ?? 0);
  const elsewhere = new Set([...pulled.values()].flat());
  return {
    pods: standing.map((pod) => onlyThere(podOf(pod, clusterNow), pod, elsewhere)).sort((a, b) => a.name.localeCompare(b.name)),
    ended: endedPods(
      pods.filter((pod) => phase(pod) === 'Failed'),
      taken.length === 0 ? null : Math.max(...taken),
      clusterNow,
    ),
  };
}

/** Kubernetes' times have whole seconds, so a second is taken off: a pod is never thought Ready for longer than it is. */
function podOf(pod: Raw, clusterNow: number): LivePod {
  const metadata = part(pod, 'metadata');
  const readiness = condition(part(pod, 'status'), 'Ready');
  const ready = text(readiness, 'status') === 'True';
  const since = time(readiness, 'lastTransitionTime') ?? clusterNow;
  const created = time(metadata, 'creationTimestamp') ?? clusterNow;
  return {
    name: text(metadata, 'name') ?? '',
    uid: text(metadata, 'uid') ?? '',
    ready,
    readyMilliseconds: ready ? Math.max(0, Math.floor(clusterNow - since - 1000)) : 0,
    terminating: text(metadata, 'deletionTimestamp') !== null,
    ageMilliseconds: Math.max(0, clusterNow - created),
    fault: ready ? clockAhead(pod, since - clusterNow, clusterNow) : podFaultOf(pod, clusterNow),
  };
}

/** What clocks that are kept in time may differ by, the whole seconds of Kubernetes' times included. */
const CLOCK_SKEW_MILLISECONDS = 5_000;

/** The Ready condition's time is by the node's clock, and the cluster counts from it. */
function clockAhead(pod: Raw, milliseconds: number, clusterNow: number): PodFault | null {
  if (milliseconds <= CLOCK_SKEW_MILLISECONDS) return null;
  const node = text(part(pod, 'spec'), 'nodeName') ?? 'its node';
  const message = `The pod is Ready, but by the clock of node ${node}, which is ${Math.round(milliseconds / 1000)} s ahead: it counts only from then on.`;
  return faultOf({ ...nowhere, reason: 'ClockAhead', message, at: clusterNow }, clusterNow);
}

/** A pull that fails while other pods of the same template run the image says something about the node, not about the image. */
function onlyThere(live: LivePod, pod: Raw, pulled: ReadonlySet<string>): LivePod {
  const { fault } = live;
  const node = text(part(pod, 'spec'), 'nodeName');
  if (fault === null || node === null || !pullReasons.has(fault.reason) || !pulled.has(fault.container ?? '')) return live;
  const details = { kind: 'ONE_NODE', node };
  return { ...live, fault: { ...fault, details, severity: shownSeverity(judgementOf({ code: fault.reason, data: details }).severity) } };
}
