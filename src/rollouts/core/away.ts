/** Targets whose cluster stays away, as the rollout sees them: nobody may be there to decide for them. */
import { graceEnds, isAway } from './conditions.ts';
import type { RolloutDecision, TargetChange } from './decision.ts';
import { unreachable } from './failures.ts';
import type { RolloutObservation, TargetState } from './observation.ts';
import { isTerminal } from './phases.ts';

/**
 * Ends the targets that are given up on: after the grace under `onUnreachable: SKIP` and `FAIL`, and at once where a second abort said so while going back.
 * A PENDING target waits for its turn first.
 */
export function away(o: RolloutObservation): { decision: RolloutDecision | null; lookAt: Date | null } {
  const gone = o.targets.filter((target) => !isTerminal(target.phase) && target.phase !== 'PENDING' && isAway(target.condition));
  const given = gone.filter((target) => isGivenUp(o, target));
  if (given.length > 0) {
    const clusters = given.map((target) => target.cluster).join(', ');
    return {
      decision: { kind: 'GIVE_UP_TARGETS', reason: `Given up on ${clusters}.`, targets: given.map((target) => end(o, target)) },
      lookAt: null,
    };
  }
  const ends = o.rollout.onUnreachable === 'WAIT' ? [] : gone.map((target) => endOf(target).getTime());
  return { decision: null, lookAt: ends.length === 0 ? null : new Date(Math.min(...ends)) };
}

function isGivenUp({ now, rollout }: RolloutObservation, target: TargetState): boolean {
  if (rollout.phase === 'ROLLING_BACK' && rollout.intent === 'GIVE_UP' && target.phase === 'ROLLING_BACK') return true;
  return rollout.onUnreachable !== 'WAIT' && now >= endOf(target);
}

function endOf(target: TargetState): Date {
  const since = Date.parse(target.condition?.since ?? '');
  return graceEnds(new Date(Number.isNaN(since) ? 0 : since));
}

function end({ rollout }: RolloutObservation, target: TargetState): TargetChange {
  const phaseReason = `${target.cluster} has been away since ${target.condition?.since ?? 'long ago'}: ${target.condition?.message ?? ''}`;
  if (!target.written && rollout.onUnreachable === 'SKIP') {
    return { targetId: target.id, set: { phase: 'SKIPPED', phaseReason } };
  }
  const failure = unreachable(target, phaseReason, target.condition?.advice ?? 'Bring the cluster back and retry.');
  return { targetId: target.id, set: { phase: 'FAILED', phaseReason, failure: target.failure ?? failure } };
}
