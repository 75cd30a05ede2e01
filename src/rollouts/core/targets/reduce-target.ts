/** What a decision makes of a target's row, with what follows from it for the placement and the rollout. */
import { conditionOf } from '../condition-types.ts';
import type { NoWorker, TargetDecision, TargetEventType, TargetSet } from '../decision.ts';
import { kinds } from '../kinds.ts';
import type { RolloutState, Side, TargetState } from '../observation.ts';
import { because, reasonOf, detailOf } from '../reasons.ts';
import type { StoredReason } from '../reasons.ts';
import { targetEvent, UnknownTransition } from '../transitions.ts';

export interface TargetRows {
  now: Date;
  rollout: Pick<RolloutState, 'kind'>;
  target: TargetState;
}

export interface TargetReduction {
  target: TargetState;
  event: { type: TargetEventType; reason: StoredReason } | null;
  /** Whether the rollout's loop has to look: it decides on what has changed. */
  wakeRollout: boolean;
  /** The side that the placement runs from now on; undefined where that has not changed. */
  applied: Side | null | undefined;
}

/** @throws UnknownTransition where the table of transitions does not have the change, or its event is another one */
export function reduceTarget({ now, rollout, target: before }: TargetRows, change: TargetDecision | NoWorker): TargetReduction {
  if ('kind' in change) return unserved(before, change, now);
  const { set, event } = change;
  const target = applyTarget(before, set, now);
  const expected = target.phase === before.phase ? null : targetEvent(before.phase, target.phase);
  if (expected !== null && event?.type !== expected) {
    throw new UnknownTransition(`${before.phase} -> ${target.phase} of a target is ${expected}, not ${event?.type ?? 'without an event'}`);
  }
  return {
    target,
    event: event && { type: event.type, reason: reasonOf(target.phaseDetail) },
    wakeRollout: ['phase', 'condition', 'failure'].some((key) => key in set) || (before.phase === 'HELD' && set.hindrance !== undefined),
    applied: appliedBy(rollout, before, target),
  };
}

/** A change of the number of pods writes no template. */
function appliedBy({ kind }: TargetRows['rollout'], before: TargetState, { phase, to, from }: TargetState): Side | null | undefined {
  if (kinds[kind].writes === 'NUMBER' || phase === before.phase) return undefined;
  if (phase === 'SUCCEEDED') return to;
  return phase === 'ROLLED_BACK' ? from : undefined;
}

function unserved(before: TargetState, { since }: NoWorker, now: Date): TargetReduction {
  const reason = because('NO_WORKER', { region: before.region });
  const condition = conditionOf('NO_WORKER', { region: before.region }, since.toISOString());
  const target = applyTarget(before, { condition, stoppedAt: before.stoppedAt ?? now }, now);
  return { target, event: { type: 'target.unreachable', reason }, wakeRollout: true, applied: undefined };
}

/** @throws UnknownTransition where the table of transitions does not have the change of phase */
export function applyTarget(target: TargetState, { phaseReason, ...set }: TargetSet, now: Date): TargetState {
  if (set.phase !== undefined && set.phase !== target.phase) targetEvent(target.phase, set.phase);
  const detail = phaseReason === undefined ? {} : { phaseDetail: detailOf(phaseReason, target.phaseDetail, now) };
  // What stood in the way of one phase is none of the next one's: it begins anew there.
  const hindrance = set.phase === undefined || set.phase === target.phase ? {} : { hindrance: null };
  return { ...target, ...hindrance, ...set, ...detail };
}
