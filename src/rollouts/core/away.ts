/** Targets whose cluster stays away, as the rollout sees them: nobody may be there to decide for them. */
import { graceEnds, isAway } from './conditions.ts';
import type { RolloutDecision, TargetChange } from './decision.ts';
import { unreachable } from './failures.ts';
import type { RolloutObservation, TargetState } from './observation.ts';
import { isTerminal } from './phases.ts';
import { plain } from './reasons.ts';
import { soonest } from './times.ts';

/** A second abort gives up on clusters that have been away for this long: longer than it takes to mend a connection that was cut. */
const GIVE_UP_SECONDS = 5;

/**
 * Ends the targets that are given up on: after the grace under `onUnreachable: SKIP` and `FAIL`, and sooner where a second abort said so while going back.
 * A PENDING target waits for its turn first.
 */
export function away(o: RolloutObservation): { decision: RolloutDecision | null; lookAt: Date | null } {
  const gone = o.targets.filter((target) => !isTerminal(target.phase) && target.phase !== 'PENDING' && isAway(target.condition));
  const given = gone.filter((target) => isOver(o.now, endOf(o, target)));
  if (given.length === 0) return { decision: null, lookAt: soonest(...gone.map((target) => endOf(o, target))) };
  const reason = `Given up on ${given.map((target) => target.cluster).join(', ')}.`;
  return { decision: { kind: 'GIVE_UP_TARGETS', reason, targets: given.map((target) => end(o, target)) }, lookAt: null };
}

function isOver(now: Date, end: Date | null): boolean {
  return end !== null && now >= end;
}

/** How long a target whose cluster is away is waited for, null = until it answers. */
function endOf({ rollout }: RolloutObservation, target: TargetState): Date | null {
  const given = Date.parse(target.condition?.since ?? '');
  const since = new Date(Number.isNaN(given) ? 0 : given);
  const graceEnd = rollout.onUnreachable === 'WAIT' ? null : graceEnds(since);
  const isGivenUp = rollout.phase === 'ROLLING_BACK' && rollout.intent === 'GIVE_UP' && target.phase === 'ROLLING_BACK';
  return isGivenUp ? soonest(graceEnd, new Date(since.getTime() + GIVE_UP_SECONDS * 1000)) : graceEnd;
}

function end({ rollout }: RolloutObservation, target: TargetState): TargetChange {
  const phaseReason = `${target.cluster} has been away since ${target.condition?.since ?? 'long ago'}: ${target.condition?.message ?? ''}`;
  if (!target.written && rollout.onUnreachable === 'SKIP') {
    return { targetId: target.id, set: { phase: 'SKIPPED', phaseReason: plain(phaseReason) } };
  }
  const failure = unreachable(target, phaseReason, target.condition?.advice ?? 'Bring the cluster back and retry.');
  return { targetId: target.id, set: { phase: 'FAILED', phaseReason: plain(phaseReason), failure: target.failure ?? failure } };
}
