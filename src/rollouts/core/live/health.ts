/** Whether what was asked for stands and is healthy. */
import type { Live, LiveDeployment, LivePod, LiveReplicaSet, Side } from '../observation.ts';
import { atRest } from '../steps.ts';
import type { Split } from '../steps.ts';

export interface Verdict {
  healthy: boolean;
  /** What is really there, by the ReplicaSets' `spec.replicas`. */
  split: Split;
  /** New pods that have been Ready for the template's minReadySeconds. */
  ready: number;
  /** The controller has seen the last write and has nothing left to do. Says nothing about readiness. */
  settled: boolean;
  /** Milliseconds until the next pod that is Ready has been so for long enough; null where no pod is on its way by time alone. */
  ripeInMilliseconds: number | null;
}

/** Pods of both sides, by `spec.replicas`. A ReplicaSet that the controller has not created yet counts as 0. */
export function splitOf(live: LiveDeployment): Split {
  return { new: live.current?.replicas ?? 0, old: sum(live.others.map((one) => one.replicas)) };
}

/** With the gate closed: the split that (s, u) leave at the live N stands, and every new pod is Ready. */
export function judgeGated(live: LiveDeployment, side: Side): Verdict {
  const split = splitOf(live);
  return judge(live, side, split, atRest({ surge: live.surge, unavailable: live.unavailable }, live.replicas, split));
}

/** With the gate open: all N pods are new and Ready, and no other ReplicaSet has any. `notReady`: so many may be missing or not Ready. */
export function judgeAll(live: LiveDeployment, side: Side, notReady = 0): Verdict {
  const split = splitOf(live);
  const verdict = judge(live, side, split, split.new === live.replicas && split.old === 0);
  return { ...verdict, healthy: verdict.healthy || (notReady > 0 && verdict.settled && verdict.ready >= split.new - notReady) };
}

function judge(live: LiveDeployment, side: Side, split: Split, stands: boolean): Verdict {
  const needed = side.strategy.minReadySeconds * 1000;
  const pods = standing(live.current);
  const ready = pods.filter((pod) => pod.ready && pod.readyMilliseconds >= needed).length;
  const settled = stands && caughtUp(live) && live.current !== null && live.observedGeneration >= live.generation;
  const waits = pods.filter((pod) => pod.ready && pod.readyMilliseconds < needed).map((pod) => needed - pod.readyMilliseconds);
  return {
    healthy: settled && pods.length === split.new && ready === split.new,
    split,
    ready,
    settled,
    ripeInMilliseconds: waits.length === 0 ? null : Math.min(...waits),
  };
}

/**
 * The ReplicaSets that were lowered have let their pods go. Until then their counts of available pods are those from before, by which the Deployment controller
 * would lower them further after the next write.
 */
export function caughtUp(live: LiveDeployment): boolean {
  return live.others.every((one) => standing(one).length <= one.replicas);
}

/** Pods that are there to stay. */
export function standing(replicaSet: LiveReplicaSet | null): LivePod[] {
  return (replicaSet?.pods ?? []).filter((pod) => !pod.terminating);
}

/** Pods of a ReplicaSet that are Ready now, whatever their age. */
export function readyNow(replicaSets: readonly (LiveReplicaSet | null)[]): number {
  return sum(replicaSets.map((one) => standing(one).filter((pod) => pod.ready).length));
}

/** The number of the release that runs: its pods are all that there are, N of them, and Ready. Null where there is none, or no pod. */
export function ranRelease(live: Live): number | null {
  if (live.kind !== 'PRESENT' || live.replicas === 0 || live.editedBy !== null) return null;
  const alone = live.others.every((one) => one.replicas === 0 && standing(one).length === 0);
  return alone && readyNow([live.current]) >= live.replicas ? live.release : null;
}

/** Whether a pod of the side that is being rolled out fits no node. */
export function isUnschedulable({ current }: LiveDeployment): boolean {
  return standing(current).some(({ ready, fault }) => !ready && fault?.reason === 'Unschedulable');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
