/** BACK: restores the template of `from`, so that the original ReplicaSet scales up. It skips steps and pauses and is never refused. */
import { z } from 'zod';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { resolveLimits } from '../steps.ts';
import type { Amounts } from '../steps.ts';
import { waitUntilHealthy } from '../live/deadline.ts';
import { bearsOriginal, beforeOf, isThere, sideOf, applyGate, hasAmounts, ownAmounts, restoreOwnAmounts } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { isUnschedulable, judgeAll, readyNow, splitOf } from '../live/health.ts';
import type { Verdict } from '../live/health.ts';
import { isVerdict } from './open.ts';
import { numberBefore, numberOfMade, scaleBack } from './number.ts';
import type { StageHandler, StageOf, Visit } from './stage.ts';
import { pastSuperseded } from './superseded.ts';

export const backStage: StageHandler<StageOf<'BACK'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bringBack(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const draft = restoreOwnAmounts(o, live);
    if (draft !== null) return { kind: 'STAY', draft };
    return { kind: 'DONE', reason: because('BACK_READY', { ready: brought.ready, pods: live.replicas, ...beforeOf(sideOf(o)) }) };
  },
};

/** The Deployment is gone: recreates `from`. */
export function recreate(o: TargetObservation): Draft {
  const from = sideOf(o);
  const reason = because('RECREATING', { release: from.release });
  return applyGate(o, null, { which: 'FROM', closed: false, amounts: ownAmounts(from.strategy), reason });
}

/** Brings `from` back with the gate open: the write that is due, or the wait until all pods are its own and Ready; the verdict once they are. */
export function bringBack({ o, live }: Visit): Draft | Verdict {
  const from = sideOf(o);
  const standsOpen = bearsOriginal(live, from) && live.gate === 'OPEN' && live.pausedBy === null;
  if (!standsOpen) return restoreFrom(o, from, live);
  const number = numberOfMade(o, live);
  if (number !== null) return number;
  const verdict = judgeAll(live, from);
  return verdict.healthy ? verdict : (unstick(o, from, live) ?? waitUntilHealthy(o, from, verdict));
}

/**
 * The write that restores `from`, after the one that goes past a superseded revision where that is needed. A number of pods that we raised is lowered first, so
 * that no surge is made for pods that go anyway.
 */
function restoreFrom(o: TargetObservation, from: Side, live: LiveDeployment): Draft {
  const before = numberBefore(o, live);
  if (before !== null && before < live.replicas) return scaleBack(live, before);
  const past = pastSuperseded(o, from, live);
  if (past !== null) return past;
  // While the template is still `to`'s the new side is the current ReplicaSet; once it is `from`'s (a person's undo, a gate left closed) it is the others.
  const isRestored = isThere(live, from);
  const reason = because('GOING_BACK', { ...beforeOf(from), left: splitOf(live)[isRestored ? 'old' : 'new'], pods: live.replicas });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts: backAmounts(from, live, false), reason });
}

/**
 * s = max(1, maxSurge), u = what is missing to N Ready pods, over all ReplicaSets. The controller then takes as many pods as are not Ready, plus those above N,
 * and no more. Where no pod can be created above N (no surge in the template, a full quota, no node), s = 0 and u at least 1, or nothing would ever move.
 *
 * Not more, such as the leaving pods that are not Ready: one of those that becomes Ready before the controller acts would cost a Ready pod.
 */
function backAmounts(from: Side, live: LiveDeployment, stuck: boolean): Amounts {
  const limits = resolveLimits(from.strategy.maxSurge, from.strategy.maxUnavailable, live.replicas);
  const missing = Math.max(0, live.replicas - readyNow([live.current, ...live.others]));
  if (stuck || limits.surge === 0) return { surge: '0', unavailable: String(Math.max(1, limits.unavailable, missing)) };
  return { surge: String(limits.surge), unavailable: String(missing) };
}

/** Drops the surge permanently if no pod can be created above N. Recomputes an absolute u when N has changed. */
function unstick(o: TargetObservation, from: Side, live: LiveDeployment): Draft | null {
  if (splitOf(live).old === 0) return null;
  const surging = live.surge !== '0';
  const stuck = surging && (live.replicaFailure !== null || isUnschedulable(live));
  const { gate } = o.target;
  const resized = gate !== null && gate.n !== null && gate.n !== live.replicas && !live.unavailable.endsWith('%');
  if (!stuck && !resized) return null;
  const amounts = backAmounts(from, live, stuck || !surging);
  if (hasAmounts(live, amounts)) return null;
  const { release } = from;
  const reason = stuck
    ? because('BACK_STUCK', { release, missing: amounts.unavailable })
    : because('BACK_RESIZED', { release, pods: live.replicas, missing: amounts.unavailable });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts, reason });
}
