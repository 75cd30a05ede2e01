/**
 * What becomes of that about which no decision can be taken, because the core itself fails on it: it ends, and an operator is needed. The same rows would
 * fail in the same way at every retry, which would hide the fault and keep the workload from every other rollout.
 */
import type { RolloutDecision, TargetChange, TargetDecision } from '../decision.ts';
import { internalFailure } from '../failure.ts';
import type { RolloutObservation, TargetObservation, TargetState } from '../observation.ts';
import { isTerminal } from '../phases.ts';
import { because } from '../reasons.ts';
import { wholeFailure } from './outcome.ts';
import { skipTarget } from './undo.ts';

/** Ends the target as FAILED; what `onFailure` says follows. */
export function undecidableTarget({ target }: TargetObservation): TargetDecision {
  const failure = internalFailure(target);
  const reason = because('TARGET_UNDECIDABLE', {});
  return {
    reason,
    set: { phase: 'FAILED', phaseReason: reason, failure },
    event: { type: 'target.failed' },
    action: null,
    lookAt: null,
  };
}

/** Ends the rollout as FAILED with everything as it stands. Its failure is the one of a target that has failed already, if any. */
export function undecidableRollout(o: RolloutObservation): Extract<RolloutDecision, { kind: 'SETTLE' }> {
  const reason = because('UNDECIDABLE', {});
  const open = o.targets.filter((target) => !isTerminal(target.phase));
  const [first] = open.filter((target) => target.written);
  return {
    kind: 'SETTLE',
    reason,
    phase: 'FAILED',
    targets: open.map((target) => (target.written ? failUndecidable(target) : skipTarget(target, reason))),
    failure: wholeFailure(o) ?? (first === undefined ? null : internalFailure(first)),
  };
}

function failUndecidable(target: TargetState): TargetChange {
  return {
    targetId: target.id,
    set: { phase: 'FAILED', phaseReason: because('TARGET_UNDECIDABLE', {}), failure: internalFailure(target) },
  };
}
