/** Which rows change when a rollout, a wave or one target goes back. */
import type { TargetChange } from '../decision.ts';
import type { TargetState } from '../observation.ts';
import { startedFields, isTerminal, targetPhases } from '../phases.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { compileUndo } from '../strategies/compile.ts';
import type { TargetCause, Clusters } from '../rollout-reasons.ts';

/**
 * What was written goes back, whatever its phase, but for what is back already or failed to go back; what was not started is SKIPPED. A target that failed
 * before its first write keeps its failure: there is nothing to undo.
 */
export function undoTargets(now: Date, targets: readonly TargetState[], why: TargetCause): TargetChange[] {
  return targets.flatMap((target): TargetChange[] => {
    if (canGoBack(target)) {
      const back = { phase: 'ROLLING_BACK' as const, undoing: true, stages: compileUndo(target), stage: 0 };
      const set = { ...startedFields(now), ...back, phaseReason: because('TARGET_ROLLING_BACK', why) };
      return [{ targetId: target.id, set }];
    }
    if (!target.written && !isTerminal(target.phase)) return [skipTarget(target, because('TARGET_NOT_STARTED', why))];
    return [];
  });
}

/** Written, and neither on its way back, nor back, nor failed to go back. */
export function canGoBack(target: TargetState): boolean {
  if (!target.written) return false;
  return targetPhases[target.phase].underWay || (!target.undoing && (target.phase === 'SUCCEEDED' || target.phase === 'FAILED'));
}

/** Ends a target without an undo. */
export function skipTarget(target: TargetState, phaseReason: Reason): TargetChange {
  return { targetId: target.id, set: { phase: 'SKIPPED', phaseReason, condition: null } };
}

/** Targets as a reason names them: the first five by their clusters. */
export function clustersOf(targets: readonly TargetState[]): Clusters {
  return { count: targets.length, clusters: targets.slice(0, 5).map((target) => target.cluster) };
}
