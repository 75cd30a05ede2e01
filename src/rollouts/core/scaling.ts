/** The number of pods: a rollout's own last step, and the targets of a SCALE rollout. Somebody else's number is left alone. */
import { mayMove, standstillReason } from './conditions.ts';
import { BEING_DELETED, overdue, waitHealthy } from './deadline.ts';
import { fail, failWith, pods, preconditionOf, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { notOurs, nothingToScale, scaledByOthers } from './failures.ts';
import { fatalTrouble, readyNow, splitOf } from './health.ts';
import type { LiveDeployment, TargetObservation } from './observation.ts';
import { limitsOf } from './steps.ts';

/** What a Deployment has whose number nobody has ever set. */
const UNSET = 1;

/**
 * Whether the live number is still ours to change: the Deployment was made by this target, or has the number that we wrote last. A change that was decided
 * and has not arrived (a crash, a 409) is due again; a number that neither is nor becomes ours is somebody else's wish.
 */
export function scaleDue({ target, placement }: TargetObservation, live: LiveDeployment): boolean {
  const wanted = placement.replicas;
  if (live.replicas === wanted) return false;
  if (target.replicasAfter === wanted) return live.replicas === (target.replicasBefore ?? UNSET);
  return target.made || live.replicas === (placement.lastWrittenReplicas ?? UNSET);
}

/** Asks for the wanted number. Decided again it says nothing new. */
export function scaleForward(o: TargetObservation, live: LiveDeployment): Draft {
  const { target, placement, now } = o;
  const wanted = placement.replicas;
  const reason = `Scaling from ${live.replicas} to ${pods(wanted)}.`;
  const action = { kind: 'SCALE' as const, replicas: wanted, precondition: preconditionOf(live) };
  if (target.written && target.replicasAfter === wanted) return { reason, action, stopped: false };
  // A Deployment that this target made, or made again while going back, had no number before.
  const before = target.replicasAfter === null ? (target.made ? null : live.replicas) : target.replicasBefore;
  const set = { written: true, replicasBefore: before, replicasAfter: wanted, enteredAt: now };
  return { reason, set, event: target.written ? 'target.step' : 'target.started', action, stopped: false };
}

/** A target of a SCALE rollout: it writes no template, and runs beside whatever else goes on at the placement. */
export function scaleTarget(o: TargetObservation): Draft {
  const { live, target, placement, rollout } = o;
  const seconds = rollout.strategy.progressDeadlineSeconds;
  if (live.kind === 'ABSENT') return fail(o, nothingToScale(target, placement.workload));
  if (live.kind !== 'PRESENT') return wait('The cluster has not been listed yet.');
  if (!live.ours) return fail(o, notOurs(target, placement.workload));
  if (live.terminating) return waitHealthy(o, seconds, BEING_DELETED, null);
  if (o.writeFailure !== null) return fail(o, o.writeFailure.failure);
  const ready = readyNow([live.current, ...live.others]);
  const done = live.replicas === placement.replicas && isScaled(live, ready);
  // Where as many pods are Ready as were asked for, those that are not belong to what goes on beside.
  const blame = target.written && !done ? fatalTrouble(o, live, [live.current, ...live.others]) : null;
  if (blame !== null) return failWith(o, blame);
  if (!mayMove(o)) return { ...wait(standstillReason(o)), stopped: true };
  if (live.replicas !== placement.replicas) return overruled(o, live, seconds) ?? scaleForward(o, live);
  const what = `${ready} of ${live.replicas} pods are Ready`;
  if (!done) return waitHealthy(o, seconds, what, null);
  return { reason: `${what}.`, set: { phase: 'SUCCEEDED' }, event: 'target.succeeded', stopped: false };
}

/** Fails if somebody else, such as an autoscaler, has set another number after ours. Null while ours may still be on its way. */
function overruled(o: TargetObservation, live: LiveDeployment, seconds: number): Draft | null {
  const { target, placement } = o;
  if (!target.written || target.replicasAfter !== placement.replicas) return null;
  if (live.replicas !== target.replicasBefore) return fail(o, scaledByOthers(target, live.replicas, placement.replicas));
  return overdue(o, seconds, `the number of pods is ${live.replicas} again`);
}

/** N pods stand and are Ready; a canary held beside may have its surge above that. */
export function isScaled(live: LiveDeployment, ready: number): boolean {
  const split = splitOf(live);
  const total = split.new + split.old;
  const room = split.old > 0 ? limitsOf(live, live.replicas).surge : 0;
  const seen = live.observedGeneration >= live.generation && live.current !== null;
  return seen && total >= live.replicas && total <= live.replicas + room && ready >= live.replicas;
}

/** Going back restores the number before ours, where the live one is still ours; null where there is nothing to restore. */
export function restoreDue({ target, placement }: TargetObservation, live: LiveDeployment): number | null {
  const { replicasBefore: before, replicasAfter: after } = target;
  if (before === null || after === null || live.replicas !== after || before === after) return null;
  const stillOurs = placement.lastWrittenReplicas === after || placement.lastWrittenReplicas === before;
  return stillOurs ? before : null;
}

export function restore(live: LiveDeployment, replicas: number): Draft {
  const reason = `Going back from ${live.replicas} to ${pods(replicas)}.`;
  return { reason, action: { kind: 'SCALE', replicas, precondition: preconditionOf(live) }, show: true, stopped: false };
}
