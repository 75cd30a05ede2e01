/**
 * A SCALE of ours that lowers N beside a rollout. The controllers scale each side in proportion, whether its pods are Ready or not, and then act on counts from
 * before. So the target that runs the rollout holds its pods first, the SCALE is written once that is counted, and then the rollout goes on:
 *
 * - In a step, once its pods are Ready: (1, u). N' + 1 pods stand after the fall, so that none has to go before another one is Ready, and a larger surge, which
 *   is a number of pods, does not come to more new ones of N' than the plan has. (0, u) stays where the fall needs none (`fallNeedsMore`).
 * - Beside an open gate, on the way forward or back: the gate is closed where it stands (`freezeAt`). No new pod counts as available then, and as many pods as
 *   stood above N stand above N', in place of those that are not Ready.
 */
import { graceSeconds } from '../../../workloads/core/strategy.ts';
import { applyGate, isThere, wait } from '../draft.ts';
import type { Draft, GateWrite } from '../draft.ts';
import { kinds } from '../kinds.ts';
import { mayMove, soonest, waitHealthy } from '../live/deadline.ts';
import { readyNow, splitOf } from '../live/health.ts';
import type { Beside, LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { fallNeedsMore, freezeAt, limitsOf, resolveLimits } from '../steps.ts';
import type { Limits } from '../steps.ts';
import { numberBefore } from './number.ts';
import { isOnIt } from './open.ts';
import type { Visit } from './stage.ts';

/** The write that holds, or the wait until the SCALE that it is for has been written; null where none is under way that needs it. */
export function heldBeforeFall({ o, live }: Visit): Draft | null {
  const lower = o.beside.map((one) => fallOf(one, live)).find((n) => n !== null);
  if (lower === undefined || !mayHold(o, live)) return null;
  const hold = holdBefore(o, live, lower);
  if (hold !== null) return o.rollout.intent === null || o.target.undoing ? applyGate(o, live, hold) : null;
  const isHeld = live.gate === 'CLOSED' && splitOf(live).old > 0 && !goesOn(o, live, lower);
  return isHeld && o.target.phase !== 'HELD' ? wait(because('NUMBER_FIRST', { from: live.replicas, to: lower })) : null;
}

/**
 * The wait of this SCALE before N falls to n: for a target beside that is to hold first, and for pods that start (`isShort`), as long as a pod is given for that;
 * null where it need not wait. Both targets ask the same, of the same rows and the same Deployment: neither waits in vain.
 */
export function waitBeforeFall(o: TargetObservation, live: LiveDeployment, n: number): Draft | null {
  if (n >= live.replicas) return null;
  const standing = o.beside.filter((one) => mayHold(one, live));
  const holds = o.beside.some((one) => isAboutToGoBack(one, live)) || standing.some((one) => holdBefore(one, live, n) !== null);
  const started = new Date((o.target.enteredAt ?? o.now).getTime() + 1000 * graceSeconds(o.rollout.strategy));
  if (!holds && (o.now >= started || !standing.some((one) => isShort(one, live, n)))) return null;
  const draft = waitHealthy(o, { is: 'NOT_HELD' });
  return { ...draft, lookAt: soonest(draft.lookAt ?? null, holds ? null : started) };
}

/** The N to which a SCALE is about to lower the live one; null where it is not. */
function fallOf(one: Beside, live: LiveDeployment): number | null {
  const { rollout, target, placement } = one;
  if (kinds[rollout.kind].writes !== 'NUMBER' || target.failure !== null) return null;
  const isUnderWay = target.undoing ? target.phase === 'ROLLING_BACK' : target.phase === 'PROGRESSING' && mayMove(one);
  const n = target.undoing ? numberBefore(one, live) : placement.replicas;
  return isUnderWay && n !== null && n < live.replicas ? n : null;
}

/** What goes back is first to have its own template. */
function isAboutToGoBack({ rollout, target: { undoing, from } }: Beside, live: LiveDeployment): boolean {
  return kinds[rollout.kind].writes !== 'NUMBER' && undoing && from !== null && live.pausedBy === null && !isThere(live, from);
}

type Rows = Pick<TargetObservation, 'rollout' | 'target'>;

/** The Deployment has this target's template, and is its to write. */
function mayHold({ target }: Rows, live: LiveDeployment): boolean {
  const { from, to, undoing, failure } = target;
  if (live.pausedBy !== null || live.terminating || !live.ours) return false;
  if (undoing) return from !== null && isThere(live, from);
  return failure === null && to !== null && isOnIt({ target }, live, to);
}

/** What the target is to hold with before N falls to n; null where it does, or need not. */
function holdBefore(one: Rows, live: LiveDeployment, n: number): GateWrite | null {
  const { target } = one;
  const split = splitOf(live);
  if (n < 1 || split.new === 0 || split.old === 0 || goesOn(one, live, n)) return null;
  const limits = limitsAt(one, live.replicas);
  const write = { which: target.undoing ? 'FROM' : 'TO', closed: true } as const;
  const reason = because('FREEZING', { why: 'SCALING', ...split });
  if (live.gate === 'OPEN') return { ...write, amounts: freezeAt(live.replicas, split, limits), reason };
  const { surge } = limitsOf(live, live.replicas);
  const { unavailable } = live;
  if (isStepwise(one)) {
    const mayStay = surge === 1 || (surge === 0 && !fallNeedsMore(live, live.replicas, n, limits.surge));
    if (limits.surge === 0 || mayStay) return null;
    const more = because('SURGE_FIRST', { from: live.replicas, to: n, release: target.to?.release ?? 0 });
    return { ...write, amounts: { surge: '1', unavailable }, reason: surge === 0 ? more : reason };
  }
  // Raised while the gate was being closed.
  const above = split.new + split.old - live.replicas;
  return above > surge ? { ...write, amounts: { surge: String(above), unavailable }, reason } : null;
}

/** Its pods are held by steps, and not by a hold of ours before the fall. */
const isStepwise = ({ target: { undoing, stages, stage } }: Rows): boolean =>
  !undoing && ['PODS', 'PAUSE'].includes(stages[stage]?.kind ?? '');

/**
 * Pods start: any of a step, or, of what is held where it stood, more than may be missing of n. As many stand above n then as above N now, and no pod becomes
 * Ready by the fall, so that as many are missing then as are now.
 */
function isShort(one: Rows, live: LiveDeployment, n: number): boolean {
  const split = splitOf(live);
  if (split.old === 0) return false;
  const ready = readyNow([live.current, ...live.others]);
  if (isStepwise(one) && live.gate === 'CLOSED') return ready < split.new + split.old;
  return live.replicas - ready > limitsAt(one, n).unavailable;
}

/** What goes back is never held up: its pods are missing until it is back. Nor is a step before its pods are Ready, for which it waits itself. */
const goesOn = (one: Rows, live: LiveDeployment, n: number): boolean =>
  (one.target.undoing || (isStepwise(one) && live.gate === 'CLOSED')) && isShort(one, live, n);

function limitsAt({ target: { undoing, from }, rollout }: Rows, n: number): Limits {
  const { maxSurge, maxUnavailable } = undoing && from !== null ? from.strategy : rollout.strategy;
  return resolveLimits(maxSurge, maxUnavailable, n);
}
