/**
 * Whether the Deployment controller sees what it has to see of what we see.
 *
 * It removes at most O + a - (N - u) pods of the old ReplicaSets, those that are not available first, by what the ReplicaSets' statuses say. Statuses lag behind:
 * the ReplicaSet controller counts before its own deletions and writes the count with the new generation afterwards, and the Deployment controller sees it some
 * time later. An a from before a scale-down makes it remove as many Ready pods more, whatever maxSurge and maxUnavailable are: waiting is the only remedy.
 *
 * What is compared was found with a model of both controllers in which all of this is late (`test/rollouts/model`), and on Kubernetes 1.36 with statuses that were
 * delayed by 100 to 600 ms. What makes no difference is not waited for: while pods start their counts are behind all the time.
 */
import type { Counted, LiveDeployment, LiveReplicaSet } from '../observation.ts';
import { limitsOf } from '../steps.ts';
import type { Unsettled } from '../target-reasons.ts';
import { readyNow, standing } from './health.ts';

/** Null where nothing is left to be seen, and nothing is left for the Deployment controller to lower or to raise. */
export function unsettled(live: LiveDeployment): Unsettled | null {
  const { current, others } = live;
  if (live.observedGeneration < live.generation || current === null) return { missing: 'SEEN', replicaSet: null };
  const larger = isLowered(live) ? null : (others.find((one) => one.replicas > 0) ?? null);
  if (larger !== null) return { missing: 'LOWERED', replicaSet: larger.name };
  if (!isRaised(live, current)) return { missing: 'RAISED', replicaSet: current.name };
  const behind = [current, ...others].find((one) => !isCounted(one));
  if (behind !== undefined) return { missing: 'COUNTED', replicaSet: behind.name };
  return isReported(live, current) ? null : { missing: 'REPORTED', replicaSet: null };
}

/**
 * Whether the Deployment controller may take new pods for available: the gate is open, or was so a moment ago. A count that is not current may be followed by one
 * from before the gate was closed.
 */
export function mayCountNew({ gate, current }: LiveDeployment): boolean {
  return gate === 'OPEN' || (current !== null && (!current.gateClosed || current.counted.available > 0 || !current.counted.isCurrent));
}

/** A Deployment that its owner has paused is not lowered any further. */
function isLowered(live: LiveDeployment): boolean {
  return live.pausedBy !== null || oldOf(live) <= Math.max(0, live.replicas - limitsOf(live, live.replicas).unavailable);
}

/** Pods that are asked for after our look are not in it: neither in what we write, nor among those that the ReplicaSet controller knows to be Ready. */
function isRaised(live: LiveDeployment, { replicas }: LiveReplicaSet): boolean {
  return (
    live.pausedBy !== null || replicas >= live.replicas || replicas + oldOf(live) >= live.replicas + limitsOf(live, live.replicas).surge
  );
}

const oldOf = ({ others }: LiveDeployment): number => others.reduce((total, one) => total + one.replicas, 0);

/**
 * Counted for its spec as it is, else the Deployment controller may not have seen yet that it has lowered or raised it itself. No more pods than are asked for,
 * else the count is one from before the deletions; fewer may be all that it can have, such as under a full quota. Where pods count as available, exactly the
 * Ready ones that there are. Of a ReplicaSet that was held none does: there the count matters only where some pods are Ready and some are not.
 */
function isCounted(replicaSet: LiveReplicaSet): boolean {
  const { counted, gateClosed, replicas } = replicaSet;
  const ready = readyNow([replicaSet]);
  if (!counted.isCurrent || counted.replicas > replicas) return false;
  return gateClosed ? isSorted(replicaSet, ready) : counted.ready === ready;
}

/** Where some pods are Ready and some are not, the ReplicaSet controller has to know which, since it removes those first. */
function isSorted(replicaSet: LiveReplicaSet, ready: number): boolean {
  return ready === 0 || ready === standing(replicaSet).length || replicaSet.counted.ready >= ready;
}

/** The Deployment's status is the only sign of which of its ReplicaSets' statuses its controller has seen: by it they add up. */
function isReported(live: LiveDeployment, current: LiveReplicaSet): boolean {
  const { counted } = live;
  return (
    counted.replicas === countedOf(live, 'replicas') &&
    counted.updated === current.counted.replicas &&
    counted.ready === countedOf(live, 'ready') &&
    isAvailableReported(live)
  );
}

/** Whether the Deployment controller has seen which pods the ReplicaSets have available. */
export function isAvailableReported(live: LiveDeployment): boolean {
  return live.counted.available === countedOf(live, 'available');
}

function countedOf({ current, others }: LiveDeployment, what: keyof Counted): number {
  return [current, ...others].reduce((total, one) => total + (one?.counted[what] ?? 0), 0);
}
