/** BACK: restores the template of `from`, so that the original ReplicaSet scales up. It skips steps and pauses and is never refused. */
import { z } from 'zod';
import { graceSeconds } from '../../../workloads/core/strategy.ts';
import type { LiveDeployment, LiveReplicaSet, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { backAmounts, resolveLimits, sameEffect } from '../steps.ts';
import type { Amounts } from '../steps.ts';
import { waitUntilHealthy } from '../live/deadline.ts';
import { bearsOriginal, beforeOf, isThere, sideOf, applyGate, ownAmounts, restoreOwnAmounts } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { isUnschedulable, judgeAll, readyNow, splitOf, standing } from '../live/health.ts';
import type { Verdict } from '../live/health.ts';
import { isVerdict } from './open.ts';
import { numberBefore, numberOfMade, scaleBack } from './number.ts';
import type { StageHandler, StageOf, Visit } from './stage.ts';
import { badFirst, notReadyCount, setOf } from './superseded.ts';

export const backStage: StageHandler<StageOf<'BACK'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bringBack(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const draft = restoreOwnAmounts(o, live);
    if (draft !== null) return { kind: 'STAY', draft };
    return { kind: 'DONE', reason: backReady(o, live, brought) };
  },
};

/** The reason at the end. Pods that were not Ready before the rollout need not be so after it. */
export function backReady(o: TargetObservation, live: LiveDeployment, { ready }: Verdict): Reason {
  const counts = { ready, pods: live.replicas, ...beforeOf(sideOf(o)) };
  return because('BACK_READY', ready < live.replicas ? { ...counts, notReadyBefore: sideOf(o).notReady } : counts);
}

/** The Deployment is gone: recreates `from`. */
export function recreate(o: TargetObservation): Draft {
  const from = sideOf(o);
  const reason = because('RECREATING', { release: from.release });
  return applyGate(o, null, { which: 'FROM', closed: false, amounts: ownAmounts(from.strategy), reason });
}

/**
 * Brings `from` back with the gate open: the write that is due, or the wait until all pods are its own and as many are Ready as before the rollout; the verdict
 * once they are.
 */
export function bringBack({ o, live }: Visit): Draft | Verdict {
  const from = sideOf(o);
  const standsOpen = bearsOriginal(live, from) && live.gate === 'OPEN' && live.pausedBy === null;
  if (!standsOpen) return restoreFrom(o, from, live);
  const number = numberOfMade(o, live);
  if (number !== null) return number;
  const verdict = judgeAll(live, from, from.notReady);
  return verdict.healthy ? verdict : (adjusted(o, from, live) ?? waitUntilHealthy(o, from, verdict));
}

/**
 * The write that restores `from`, after the one that has bad pods go first where that is needed. A number of pods that we raised is lowered first, so
 * that no surge is made for pods that go anyway.
 */
function restoreFrom(o: TargetObservation, from: Side, live: LiveDeployment): Draft {
  const before = numberBefore(o, live);
  if (before !== null && before < live.replicas) return scaleBack(live, before);
  const first = badFirst(o, live);
  if (first !== null) return first;
  // While the template is still `to`'s the new side is the current ReplicaSet; once it is `from`'s (a person's undo, a gate left closed) it is the others.
  const isRestored = isThere(live, from);
  const reason = because('GOING_BACK', { ...beforeOf(from), left: splitOf(live)[isRestored ? 'old' : 'new'], pods: live.replicas });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts: amountsNow(o, from, live, false), reason });
}

/** By what stands now. Once no pod could be created above N, that is not tried again. */
function amountsNow(o: TargetObservation, from: Side, live: LiveDeployment, isStuck: boolean): Amounts {
  const limits = resolveLimits(from.strategy.maxSurge, from.strategy.maxUnavailable, live.replicas);
  const all = [live.current, ...live.others].filter((one) => one !== null);
  const own = setOf(all, from) ?? null;
  const leaving = all.filter((one) => one !== own);
  const counts = { ready: readyNow(all), bad: notReadyCount(leaving), missingBefore: missingBefore(o, from, own) };
  return backAmounts(live.replicas, limits, { ...counts, stuck: isStuck });
}

/**
 * Of as many pods as were not Ready before the rollout, those that are not now: they stand since then, or for longer than a pod is given to start. Until then
 * others that leave wait for them.
 */
function missingBefore({ now, rollout }: TargetObservation, from: Side, own: LiveReplicaSet | null): number {
  const running = rollout.startedAt === null ? 0 : now.getTime() - rollout.startedAt.getTime();
  const given = Math.min(running, 1000 * graceSeconds(rollout.strategy));
  return Math.min(from.notReady, standing(own).filter((pod) => !pod.ready && pod.ageMilliseconds >= given).length);
}

/** While pods are left that are to leave: the amounts anew where pods have become Ready or not Ready, their number has changed, or none can be created above it. */
function adjusted(o: TargetObservation, from: Side, live: LiveDeployment): Draft | null {
  if (splitOf(live).old === 0) return null;
  const hasSurge = live.surge !== '0';
  const isStuck = live.replicaFailure !== null || isUnschedulable(live);
  const amounts = amountsNow(o, from, live, isStuck || !hasSurge);
  if (sameEffect(live, amounts, live.replicas)) return null;
  const { release } = from;
  const missing = amounts.unavailable;
  const reason =
    isStuck && hasSurge
      ? because('BACK_STUCK', { release, missing })
      : because('BACK_ADJUSTED', { release, ready: readyNow([live.current, ...live.others]), pods: live.replicas, missing });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts, reason });
}
