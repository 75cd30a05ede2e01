/** What a change makes of a target's state. */
import type { TargetSet } from '../decision.ts';
import type { TargetState } from '../observation.ts';
import { detailOf } from '../reasons.ts';

export function applyTarget(target: TargetState, { phaseReason, ...set }: TargetSet, now: Date): TargetState {
  const detail = phaseReason === undefined ? {} : { phaseDetail: detailOf(phaseReason, target.phaseDetail, now) };
  return { ...target, ...set, ...detail };
}
