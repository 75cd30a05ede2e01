/**
 * Whether the Deployment controller sees what we see.
 *
 * It removes pods by what its ReplicaSets' statuses say is available. Those lag behind: the ReplicaSet controller counts before its own deletions and writes the
 * status with the new generation afterwards, and the Deployment controller sees it some time later. A count from before a scale-down makes it remove as many Ready
 * pods more, whatever maxSurge and maxUnavailable are: waiting is the only remedy. What is compared here was observed on Kubernetes 1.36 with statuses that were
 * delayed by 100 to 600 ms.
 */
import type { LiveDeployment, LiveReplicaSet } from '../observation.ts';
import { limitsOf } from '../steps.ts';
import type { Unsettled } from '../target-reasons.ts';
import { readyNow, standing } from './health.ts';

/** Null where the controllers' counts are those of the pods, and nothing is left for the Deployment controller to lower. */
export function unsettled(live: LiveDeployment): Unsettled | null {
  const { current, others } = live;
  if (live.observedGeneration < live.generation || current === null) return { missing: 'SEEN', replicaSet: null };
  const larger = isLowered(live) ? null : (others.find((one) => one.replicas > 0) ?? null);
  if (larger !== null) return { missing: 'LOWERED', replicaSet: larger.name };
  const behind = [current, ...others].find((one) => !isCounted(one));
  if (behind !== undefined) return { missing: 'COUNTED', replicaSet: behind.name };
  return isReported(live, current) ? null : { missing: 'REPORTED', replicaSet: null };
}

/**
 * The Deployment's status is the only sign of what its controller has seen of its ReplicaSets. Equal sums are not enough: with one pod less here and one more there
 * they are those of before. No more may count as available than is Ready and may; less does no harm.
 */
function isReported({ others, counted }: LiveDeployment, current: LiveReplicaSet): boolean {
  const all = [current, ...others];
  const pods = all.reduce((total, one) => total + standing(one).length, 0);
  return (
    counted.replicas === pods &&
    counted.updated === standing(current).length &&
    counted.ready === readyNow(all) &&
    counted.available <= readyNow(all.filter((one) => !one.gateClosed))
  );
}

/** A Deployment that its owner has paused is not lowered any further. */
function isLowered(live: LiveDeployment): boolean {
  const old = live.others.reduce((total, one) => total + one.replicas, 0);
  return live.pausedBy !== null || old <= Math.max(0, live.replicas - limitsOf(live, live.replicas).unavailable);
}

/** Fewer than it is asked for may be all that it can have, such as under a full quota. More are not all gone yet. */
function isCounted(replicaSet: LiveReplicaSet): boolean {
  const { isCurrent, replicas, ready } = replicaSet.counted;
  return isCurrent && replicas <= replicaSet.replicas && ready === readyNow([replicaSet]);
}
