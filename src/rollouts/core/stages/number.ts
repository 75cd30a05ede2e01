/** The number of pods: whether it is ours to change, and the writes that change it. A number set by others is kept. */
import type { Applied, LiveDeployment, TargetObservation, TargetState } from '../observation.ts';
import { because } from '../reasons.ts';
import { preconditionOf } from '../draft.ts';
import type { Draft } from '../draft.ts';

/** Kubernetes' default of `spec.replicas`. */
const UNSET = 1;

/**
 * The number of pods to run: the target's own, else that of the release to run (while going back, the one before). Without one (a removal): of the release that ran
 * before, else of the one that runs.
 *
 * @param own the number that the placement has apart from its release; null = none
 * @param applied what runs on the placement
 * @param ofReleases the releases' numbers there, by id
 */
export function wantedReplicas(
  { undoing, from, to }: Pick<TargetState, 'undoing' | 'from' | 'to'>,
  own: number | null,
  applied: Applied | null,
  ofReleases: Readonly<Record<string, number>>,
): number {
  const release = (undoing ? null : to) ?? from ?? applied;
  return own ?? (release && ofReleases[release.releaseId]) ?? UNSET;
}

/**
 * Whether the live number is still ours to change: the Deployment was made by this target, or has the number that we wrote last. A change that was decided
 * and has not arrived (a crash, a 409) is repeated, also on a Deployment that was created since; any other number was set by others.
 */
export function scaleDue({ target, placement }: TargetObservation, live: LiveDeployment): boolean {
  const wanted = placement.replicas;
  if (live.replicas === wanted) return false;
  const before = target.made ? UNSET : (target.replicasBefore ?? UNSET);
  if (target.replicasAfter === wanted) return live.replicas === before;
  return target.made || live.replicas === (placement.lastWrittenReplicas ?? UNSET);
}

/** Requests the wanted number. Repeating the decision adds no event. */
export function scaleForward(o: TargetObservation, live: LiveDeployment): Draft {
  const { target, placement, now } = o;
  const wanted = placement.replicas;
  const reason = because('SCALING', { from: live.replicas, to: wanted });
  const action = { kind: 'SCALE' as const, replicas: wanted, precondition: preconditionOf(live) };
  if (target.written && target.replicasAfter === wanted) return { reason, action };
  // A Deployment that this target created, or recreated while going back, had no number before. One that was asked for since is known already.
  const first = target.replicasBefore ?? (target.made ? null : live.replicas);
  const before = target.replicasAfter === null ? first : target.replicasBefore;
  const set = { written: true, replicasBefore: before, replicasAfter: wanted, enteredAt: now };
  return { reason, set, event: target.written ? 'target.step' : 'target.started', action };
}

/** Going back restores the number before ours, where the live one is still ours; null where there is nothing to restore. */
export function numberBefore({ target, placement }: Pick<TargetObservation, 'target' | 'placement'>, live: LiveDeployment): number | null {
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
