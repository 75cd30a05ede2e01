/** What to do about one target now. */
import { away, back } from './conditions.ts';
import type { TargetDecision } from './decision.ts';
import { complete, fail, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { describeFailure } from './failure.ts';
import { forward } from './forward.ts';
import type { TargetObservation } from './observation.ts';
import { isSettled, isTerminal } from './phases.ts';
import { removeTarget } from './removal.ts';
import { scaleTarget } from './scaling.ts';
import { undo } from './undo.ts';

/**
 * Synchronous, total and level-triggered: it asks only what is, so the same observation always yields the same decision, whatever was lost before.
 *
 * The holder commits `set` and `event`, performs `action`, and decides again; a decision with none of them means: wait until the cluster or the row changes,
 * or until `lookAt`. No write is ever decided for a settled rollout or a target that is at its end.
 */
export function decideTarget(o: TargetObservation): TargetDecision {
  const over = overOf(o);
  return over === null ? complete(o, draftOf(o)) : { reason: over, set: {}, event: null, action: null, lookAt: null };
}

/** Why nothing at all is done about it, not even a note in its row. */
function overOf({ rollout, target }: TargetObservation): string | null {
  if (isSettled(rollout.phase)) return 'The rollout has ended.';
  if (isTerminal(target.phase)) return 'The target is at its end.';
  return target.phase === 'PENDING' ? 'The target has not been started.' : null;
}

function draftOf(o: TargetObservation): Draft {
  const draft = freely(o);
  return draft.action === undefined || draft.action.kind === 'READ_LOG' || o.hindrance === null ? draft : hindered(o, draft, o.hindrance);
}

/** What cannot be done for now is tried again, says so, and fails when it has been tried for as long as a step may take. */
function hindered(o: TargetObservation, draft: Draft, { failure, since }: NonNullable<TargetObservation['hindrance']>): Draft {
  const { progressDeadlineSeconds } = o.rollout.strategy;
  if (o.now.getTime() >= since.getTime() + progressDeadlineSeconds * 1000) return fail(o, failure);
  return draft.event === undefined ? { ...draft, reason: `${describeFailure(failure)} Trying again.`, show: true } : draft;
}

function freely(o: TargetObservation): Draft {
  const { rollout, target, live } = o;
  if (live.kind === 'UNKNOWN') return wait('The cluster has not been listed yet.');
  if (live.kind === 'UNREACHABLE') return away(o, live);
  const answered = back(o);
  if (answered !== null) return answered;
  if (target.phase === 'ROLLING_BACK') return undo(o);
  if (rollout.kind === 'SCALE') return scaleTarget(o);
  return target.to === null ? removeTarget(o) : forward(o, target.to);
}
