/** Conditions outside a target's own pods: an unreachable cluster, its owner's pause. */
import { conditionOf } from '../condition-types.ts';
import type { Condition } from '../condition-types.ts';
import { unreachableFailure } from '../failure.ts';
import type { Live, TargetObservation } from '../observation.ts';
import { because, sentenceOf } from '../reasons.ts';
import { fail, wait } from '../draft.ts';
import type { Draft } from '../draft.ts';

/** How long a cluster may be unreachable before `onUnreachable: SKIP` or `FAIL` acts: longer than it takes to notice and replace a dropped watch. */
const UNREACHABLE_GRACE_SECONDS = 60;

/** Whether the condition says that the cluster is unreachable or refuses us; the owner's pause does not. */
export function isUnreachable(condition: Condition | null): condition is Condition {
  return condition !== null && condition.type !== 'PAUSED_BY_OWNER';
}

/** End of the grace period of a cluster that has been unreachable since then. */
export function graceEnds(since: Date): Date {
  return new Date(since.getTime() + UNREACHABLE_GRACE_SECONDS * 1000);
}

/** The cluster is unreachable or refuses the credentials: sets the condition, and after the grace period applies `onUnreachable`. */
export function clusterUnreachable(o: TargetObservation, live: Extract<Live, { kind: 'UNREACHABLE' }>): Draft {
  const { target, rollout, now } = o;
  const { cluster } = target;
  const ends = graceEnds(live.since);
  const since = live.since.toISOString();
  if (rollout.onUnreachable !== 'WAIT' && now >= ends) {
    const reason = because('UNREACHABLE_TOO_LONG', { cluster, since, message: live.message });
    if (rollout.onUnreachable === 'SKIP' && !target.written) return { reason, set: { phase: 'SKIPPED' } };
    return fail(target.failure ?? unreachableFailure(target, sentenceOf(reason), live.advice));
  }
  const condition = conditionOf(live.access ? 'ACCESS' : 'UNREACHABLE', { message: live.message, advice: live.advice }, since);
  const lookAt = rollout.onUnreachable === 'WAIT' ? null : ends;
  const draft = { ...wait(because('CLUSTER_UNREACHABLE', { cluster, message: live.message }), lookAt), set: { condition } };
  return isUnreachable(target.condition) ? draft : { ...draft, event: 'target.unreachable' };
}

/** The event that the cluster is reachable, before any other decision. Null if it was not unreachable. */
export function clusterReachable({ target }: TargetObservation): Draft | null {
  if (!isUnreachable(target.condition)) return null;
  return { reason: because('CLUSTER_ANSWERS', { cluster: target.cluster }), set: { condition: null }, event: 'target.reachable' };
}

/** `spec.paused` belongs to the Deployment's owner: nothing is written until it is resumed. */
export function ownersPause({ target, now }: TargetObservation, manager: string): Draft {
  const reason = because('PAUSED_BY_OWNER', { manager });
  const since = target.condition?.type === 'PAUSED_BY_OWNER' ? target.condition.since : now.toISOString();
  return { ...wait(reason), set: { condition: conditionOf('PAUSED_BY_OWNER', { manager }, since) }, show: true };
}
