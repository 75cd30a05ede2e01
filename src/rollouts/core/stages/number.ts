/** The number of pods: whose it is to change, and the writes that change it. Somebody else's number is left alone. */
import type { LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { preconditionOf } from '../targets/draft.ts';
import type { Draft } from '../targets/draft.ts';

/** What a Deployment has whose number nobody has ever set. */
const UNSET = 1;

/**
 * Whether the live number is still ours to change: the Deployment was made by this target, or has the number that we wrote last. A change that was decided
 * and has not arrived (a crash, a 409) is due again, also on a Deployment that was made since: a number that neither is nor becomes ours is somebody else's wish.
 */
export function scaleDue({ target, placement }: TargetObservation, live: LiveDeployment): boolean {
  const wanted = placement.replicas;
  if (live.replicas === wanted) return false;
  const before = target.made ? UNSET : (target.replicasBefore ?? UNSET);
  if (target.replicasAfter === wanted) return live.replicas === before;
  return target.made || live.replicas === (placement.lastWrittenReplicas ?? UNSET);
}

/** Asks for the wanted number. Decided again it says nothing new. */
export function scaleForward(o: TargetObservation, live: LiveDeployment): Draft {
  const { target, placement, now } = o;
  const wanted = placement.replicas;
  const reason = because('SCALING', { from: live.replicas, to: wanted });
  const action = { kind: 'SCALE' as const, replicas: wanted, precondition: preconditionOf(live) };
  if (target.written && target.replicasAfter === wanted) return { reason, action };
  // A Deployment that this target made, or made again while going back, had no number before.
  const before = target.replicasAfter === null ? (target.made ? null : live.replicas) : target.replicasBefore;
  const set = { written: true, replicasBefore: before, replicasAfter: wanted, enteredAt: now };
  return { reason, set, event: target.written ? 'target.step' : 'target.started', action };
}

/** Going back restores the number before ours, where the live one is still ours; null where there is nothing to restore. */
export function numberBefore({ target, placement }: TargetObservation, live: LiveDeployment): number | null {
  const { replicasBefore: before, replicasAfter: after } = target;
  if (before === null || after === null || live.replicas !== after || before === after) return null;
  const stillOurs = placement.lastWrittenReplicas === after || placement.lastWrittenReplicas === before;
  return stillOurs ? before : null;
}

/** A Deployment that was made again while going back has the number from before, where that was changed; else the wanted one. Null once it has it. */
export function numberOfMade(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { made, replicasBefore: before } = o.target;
  if (!made) return null;
  if (before === null) return scaleDue(o, live) ? scaleForward(o, live) : null;
  return live.replicas === UNSET && before !== UNSET ? scaleBack(live, before) : null;
}

export function scaleBack(live: LiveDeployment, replicas: number): Draft {
  const reason = because('SCALING_BACK', { from: live.replicas, to: replicas });
  return { reason, action: { kind: 'SCALE', replicas, precondition: preconditionOf(live) }, show: true };
}
