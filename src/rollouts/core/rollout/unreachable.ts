/** Targets whose cluster stays unreachable, as the rollout sees them: their region may have no worker to decide about them. */
import { presentCondition } from '../condition-types.ts';
import type { RolloutDecision, TargetChange } from '../decision.ts';
import { unreachableFailure } from '../failure.ts';
import type { RolloutObservation, TargetState } from '../observation.ts';
import { isSteered } from '../phases.ts';
import { because, sentenceOf } from '../reasons.ts';
import { soonest } from '../live/deadline.ts';
import { graceEnds, isUnreachable } from '../live/outside.ts';
import { clustersOf } from './undo.ts';

/** A second abort gives up on clusters that have been unreachable for this long: longer than a new connection takes after one was cut. */
const GIVE_UP_SECONDS = 5;

/**
 * Ends the targets that are given up on: after the grace under `onUnreachable: SKIP` and `FAIL`, and sooner where a second abort said so during the rollback.
 * A PENDING target is started first.
 */
export function decideUnreachable(o: RolloutObservation): { decision: RolloutDecision | null; lookAt: Date | null } {
  const gone = o.targets.filter((target) => isSteered(target.phase) && isUnreachable(target.condition));
  const over = gone.filter((target) => isOver(o.now, endOf(o, target)));
  if (over.length === 0) return { decision: null, lookAt: soonest(...gone.map((target) => endOf(o, target))) };
  const reason = because('TARGETS_GIVEN_UP', clustersOf(over));
  return { decision: { kind: 'GIVE_UP_TARGETS', reason, targets: over.map((target) => giveUpTarget(o, target)) }, lookAt: null };
}

function isOver(now: Date, end: Date | null): boolean {
  return end !== null && now >= end;
}

/** Until when a target whose cluster is unreachable is waited for; null = until it is reachable. */
function endOf({ rollout }: RolloutObservation, target: TargetState): Date | null {
  const given = Date.parse(target.condition?.since ?? '');
  const since = new Date(Number.isNaN(given) ? 0 : given);
  const graceEnd = rollout.onUnreachable === 'WAIT' ? null : graceEnds(since);
  const isGivenUp = rollout.phase === 'ROLLING_BACK' && rollout.intent === 'GIVE_UP' && target.phase === 'ROLLING_BACK';
  return isGivenUp ? soonest(graceEnd, new Date(since.getTime() + GIVE_UP_SECONDS * 1000)) : graceEnd;
}

function giveUpTarget({ rollout }: RolloutObservation, target: TargetState): TargetChange {
  const { cluster } = target;
  const condition = target.condition && presentCondition(target.condition);
  const phaseReason = because('UNREACHABLE_TOO_LONG', { cluster, since: condition?.since ?? null, message: condition?.message ?? '' });
  if (!target.written && rollout.onUnreachable === 'SKIP') return { targetId: target.id, set: { phase: 'SKIPPED', phaseReason } };
  const advice = condition?.advice ?? 'Bring the cluster back and retry.';
  const failure = target.failure ?? unreachableFailure(target, sentenceOf(phaseReason), advice);
  return { targetId: target.id, set: { phase: 'FAILED', phaseReason, failure } };
}
