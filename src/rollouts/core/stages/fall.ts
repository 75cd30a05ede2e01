/**
 * A SCALE of ours that lowers N beside pods that are held. Where such a fall may cost pods (`fallMayCost`), the target that holds them has one more first, at
 * (1, u): N' + 1 pods stand after the fall, so that none has to go before another one is Ready. The surge stays until the target goes on.
 */
import { applyGate } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { kinds } from '../kinds.ts';
import type { Beside, LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { fallMayCost, resolveLimits } from '../steps.ts';
import { isOnIt } from './open.ts';
import type { Visit } from './stage.ts';

/** The write of the target that holds; null where no SCALE that is under way needs it. */
export function surgeFirst({ o, live }: Visit): Draft | null {
  const { to } = o.target;
  const scale = o.beside.find((one) => isScaling(one) && needsSurge(o, live, one.placement.replicas));
  if (to === null || scale === undefined) return null;
  const reason = because('SURGE_FIRST', { from: live.replicas, to: scale.placement.replicas, release: to.release });
  return applyGate(o, live, { which: 'TO', closed: true, amounts: { surge: '1', unavailable: live.unavailable }, reason });
}

/** Whether a target beside this SCALE is to make that write first. */
export function surgesFirst(o: TargetObservation, live: LiveDeployment): boolean {
  return o.beside.some((one) => needsSurge(one, live, o.placement.replicas));
}

function isScaling({ rollout, target }: Beside): boolean {
  return kinds[rollout.kind].writes === 'NUMBER' && target.phase === 'PROGRESSING' && !target.undoing && target.failure === null;
}

/** Both targets ask this, of the same rows and the same Deployment: neither waits for a write that the other one does not make. */
function needsSurge({ rollout, target }: Beside, live: LiveDeployment, n: number): boolean {
  const { to, gate, phase, failure } = target;
  if (phase !== 'HELD' || failure !== null || rollout.intent !== null || to === null) return false;
  if (gate?.closed !== true || live.gate === 'OPEN' || live.pausedBy !== null || !isOnIt({ target }, live, to)) return false;
  const { maxSurge, maxUnavailable } = rollout.strategy;
  const { surge } = resolveLimits(maxSurge, maxUnavailable, live.replicas);
  return surge > 0 && fallMayCost(live, live.replicas, n, surge);
}
