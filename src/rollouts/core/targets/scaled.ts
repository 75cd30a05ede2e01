/** A change of N while pods are held on the closed gate, by an autoscaler, a person or a SCALE of ours. The controllers follow faster than anything could be written. */
import type { Draft } from '../draft.ts';
import type { TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { expectedSplit, fallMayCost, resolveLimits } from '../steps.ts';
import { isOnIt } from '../stages/open.ts';
import type { Visit } from '../stages/stage.ts';

/**
 * Says once that N is not the one that the gate was written for, and what that may have cost; null while it is. The row then has the new N, which is how it is
 * known to have been said.
 */
export function scaledWhileHeld({ o, live }: Visit): Draft | null {
  const { gate, to } = o.target;
  if (to === null || gate?.closed !== true || live.gate === 'OPEN' || !isOnIt(o, live, to)) return null;
  if (gate.n === null || gate.n === live.replicas) return null;
  const reason = because('HELD_SCALED', {
    from: gate.n,
    to: live.replicas,
    manager: live.replicasBy,
    new: expectedSplit(live, gate.n).new,
    release: to.release,
    fewerReady: fallMayCost(live, gate.n, live.replicas, surgeAt(o, gate.n)),
  });
  return { reason, set: { gate: { ...gate, n: live.replicas } }, event: 'target.step' };
}

function surgeAt({ rollout: { strategy } }: TargetObservation, n: number): number {
  return resolveLimits(strategy.maxSurge, strategy.maxUnavailable, n).surge;
}
