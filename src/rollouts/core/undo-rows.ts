/** Which rows change when a rollout, a wave or one target goes back. */
import type { TargetChange } from './decision.ts';
import type { TargetState } from './observation.ts';
import { entering, isTerminal, targetPhases } from './phases.ts';
import { plain } from './reasons.ts';

/**
 * What was written goes back, whatever its phase, but for what is back already or failed to go back; what was not started is SKIPPED. A target that failed
 * before its first write keeps its failure: there is nothing to undo.
 */
export function undoing(now: Date, targets: readonly TargetState[], why: string): TargetChange[] {
  return targets.flatMap((target): TargetChange[] => {
    if (canGoBack(target)) {
      const set = { ...entering(now), phase: 'ROLLING_BACK' as const, undoing: true, phaseReason: plain(`Going back: ${why}`) };
      return [{ targetId: target.id, set }];
    }
    if (!target.written && !isTerminal(target.phase)) return [skipped(target, `Not started: ${why}`)];
    return [];
  });
}

/** Written, and neither on its way back, nor back, nor failed to go back. */
export function canGoBack(target: TargetState): boolean {
  if (!target.written) return false;
  return targetPhases[target.phase].underWay || (!target.undoing && (target.phase === 'SUCCEEDED' || target.phase === 'FAILED'));
}

export function skipped(target: TargetState, phaseReason: string): TargetChange {
  return { targetId: target.id, set: { phase: 'SKIPPED', phaseReason: plain(phaseReason), condition: null } };
}
