/** What a change makes of a target's state. */
import type { TargetSet } from '../decision.ts';
import type { TargetState } from '../observation.ts';
import { detailOf } from '../reasons.ts';
import { targetEvent } from '../transitions.ts';

/** @throws UnknownTransition where the table of transitions does not have the change of phase */
export function applyTarget(target: TargetState, { phaseReason, ...set }: TargetSet, now: Date): TargetState {
  if (set.phase !== undefined && set.phase !== target.phase) targetEvent(target.phase, set.phase);
  const detail = phaseReason === undefined ? {} : { phaseDetail: detailOf(phaseReason, target.phaseDetail, now) };
  return { ...target, ...set, ...detail };
}
