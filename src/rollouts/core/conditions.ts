/** Conditions outside a target's own pods: an unreachable cluster, its owner's pause. */
import { conditionOf, presentCondition } from './condition-types.ts';
import type { Condition } from './condition-types.ts';
import { fail, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { unreachable as unreachableFailure } from './failures.ts';
import type { Live, TargetObservation } from './observation.ts';
import { rolloutPhases } from './phases.ts';

/** How long a cluster may be away before `onUnreachable: SKIP` or `FAIL` acts: longer than a dropped watch takes to be noticed and mended. */
export const UNREACHABLE_GRACE_SECONDS = 60;

/** Nothing moves forward while the rollout is paused, or about to end. */
export function mayMove({ rollout }: TargetObservation): boolean {
  return rolloutPhases[rollout.phase].forward && rollout.intent === null;
}

export function standstillReason({ rollout }: TargetObservation): string {
  if (rollout.intent !== null) return 'The rollout is about to end: nothing moves forward.';
  return `The rollout is ${rolloutPhases[rollout.phase].word}: nothing moves forward.`;
}

/** Whether the condition says that the cluster is unreachable or refuses us; the owner's pause does not. */
export function isAway(condition: Condition | null): condition is Condition {
  return condition !== null && condition.type !== 'PAUSED_BY_OWNER';
}

/** End of the grace period of a cluster that has been unreachable since then. */
export function graceEnds(since: Date): Date {
  return new Date(since.getTime() + UNREACHABLE_GRACE_SECONDS * 1000);
}

/** The cluster does not answer (or refuses us): shown with since when, and after the grace what the rollout's policy says. */
export function away(o: TargetObservation, live: Extract<Live, { kind: 'UNREACHABLE' }>): Draft {
  const { target, rollout, now } = o;
  const ends = graceEnds(live.since);
  if (rollout.onUnreachable !== 'WAIT' && now >= ends) {
    const reason = `${target.cluster} has been away since ${live.since.toISOString()}: ${live.message}`;
    if (rollout.onUnreachable === 'SKIP' && !target.written) return { reason, set: { phase: 'SKIPPED' }, stopped: false };
    return fail(o, target.failure ?? unreachableFailure(target, reason, live.advice));
  }
  const type = live.access ? 'ACCESS' : 'UNREACHABLE';
  const condition = conditionOf(type, { message: live.message, advice: live.advice }, live.since.toISOString());
  const draft = {
    ...wait(`Waiting for ${target.cluster}: ${live.message}`, rollout.onUnreachable === 'WAIT' ? null : ends),
    set: { condition },
    stopped: true,
  };
  return isAway(target.condition) ? draft : { ...draft, event: 'target.unreachable' };
}

/** It answers again: said once, before anything else is decided. Null where it was never away. */
export function back({ target }: TargetObservation): Draft | null {
  if (!isAway(target.condition)) return null;
  return { reason: `${target.cluster} answers again.`, set: { condition: null }, event: 'target.reachable', stopped: false };
}

/** `spec.paused` is the owner's word: nothing is written until it is taken away. */
export function ownersPause({ target, now }: TargetObservation, manager: string): Draft {
  const known = target.condition?.type === 'PAUSED_BY_OWNER' ? target.condition.since : now.toISOString();
  const condition = conditionOf('PAUSED_BY_OWNER', { manager }, known);
  return { ...wait(presentCondition(condition).message), set: { condition }, show: true, stopped: true };
}
