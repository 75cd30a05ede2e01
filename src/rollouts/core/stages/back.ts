/** BACK: the template of `from` again, by the original ReplicaSet. It skips steps and pauses and is never refused. */
import { z } from 'zod';
import { edited } from '../failures.ts';
import type { LiveDeployment, LiveReplicaSet, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { resolveLimits } from '../steps.ts';
import type { Amounts } from '../steps.ts';
import { standingOf, waitHealthy } from '../target/deadline.ts';
import { bears, fail, sideOf } from '../target/draft.ts';
import type { Draft } from '../target/draft.ts';
import { isUnschedulable, judgeAll, readyNow, splitOf, standing } from '../target/health.ts';
import type { Verdict } from '../target/health.ts';
import { applyGate, hasAmounts, ownAmounts, ownAmountsDue } from '../target/write.ts';
import { isVerdict } from './bring.ts';
import { numberBefore, scaleBack, scaleDue, scaleForward } from './number.ts';
import type { StageHandler, StageOf, Visit } from './stage.ts';

export const back: StageHandler<StageOf<'BACK'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bringBack(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const from = sideOf(o);
    const own = ownAmounts(from.strategy);
    if (ownAmountsDue(o, live, own)) {
      const reason = because('BACK_OWN_LIMITS', { release: from.release });
      return { kind: 'STAY', draft: applyGate(o, live, { which: 'FROM', closed: false, amounts: own, reason }) };
    }
    return { kind: 'DONE', reason: because('BACK_READY', { ready: brought.ready, pods: live.replicas, release: from.release }) };
  },
};

/** The Deployment is gone: `from` is created again. */
export function recreate(o: TargetObservation): Draft {
  const from = sideOf(o);
  const reason = because('RECREATING', { release: from.release });
  return applyGate(o, null, { which: 'FROM', closed: false, amounts: ownAmounts(from.strategy), reason });
}

/** Brings `from` back with the gate open: the write that is due, or the wait until all pods are its own and Ready; the verdict once they are. */
export function bringBack({ o, live }: Visit): Draft | Verdict {
  const from = sideOf(o);
  const { target, placement } = o;
  const standsOpen = bears(live, from) && live.gate === 'OPEN' && live.pausedBy === null;
  if (!standsOpen) return turnBack(o, from, live);
  if (live.editedBy !== null) return fail(edited(target, placement.workload, live.editedBy));
  if (target.made && scaleDue(o, live)) return scaleForward(o, live);
  const verdict = judgeAll(live, from);
  return verdict.healthy ? verdict : (unstick(o, from, live) ?? waitHealthy(o, standingOf(o, from, verdict), verdict.ripeInMilliseconds));
}

/** The one write that turns around. A number of pods that we raised is lowered first, so that no surge is made for pods that go anyway. */
function turnBack(o: TargetObservation, from: Side, live: LiveDeployment): Draft {
  const before = numberBefore(o, live);
  if (before !== null && before < live.replicas) return scaleBack(live, before);
  // While the template is still `to`'s the new side is the current ReplicaSet; once it is `from`'s (a person's undo, a gate left closed) it is the others.
  const turned = live.template === from.templateDigest;
  const leaving = turned ? live.others : [live.current];
  const staying = turned ? [live.current] : live.others;
  const amounts = turnAmounts(from, live, leaving, staying, false);
  const reason = because('GOING_BACK', { release: from.release, left: splitOf(live)[turned ? 'old' : 'new'], pods: live.replicas });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts, reason });
}

/**
 * s = max(1, maxSurge), u = the leaving pods that are not Ready now: they carry nothing. Where no pod can be created above N (no surge in the template, a
 * full quota, no node), s = 0 and u at least 1, or nothing would ever move.
 *
 * Where leaving pods are Ready too, u stops at what is missing to N Ready pods already: the controller takes Ready pods as well once it may go below, so that
 * a larger u would lower the number of Ready pods further than the template allows.
 */
function turnAmounts(
  from: Side,
  live: LiveDeployment,
  leaving: (LiveReplicaSet | null)[],
  staying: (LiveReplicaSet | null)[],
  stuck: boolean,
): Amounts {
  const limits = resolveLimits(from.strategy.maxSurge, from.strategy.maxUnavailable, live.replicas);
  const missing = Math.max(0, live.replicas - readyNow([...leaving, ...staying]));
  const leavingReady = readyNow(leaving);
  const carriedByRest = leavingReady === 0 || readyNow(staying) >= live.replicas - limits.unavailable;
  const spare = carriedByRest ? notReady(leaving) : Math.min(notReady(leaving), Math.max(limits.unavailable, missing));
  if (stuck || limits.surge === 0) return { surge: '0', unavailable: String(Math.max(1, limits.unavailable, spare)) };
  return { surge: String(limits.surge), unavailable: String(spare) };
}

function notReady(replicaSets: readonly (LiveReplicaSet | null)[]): number {
  return replicaSets.reduce((total, one) => total + Math.max(0, (one?.replicas ?? 0) - standing(one).filter((pod) => pod.ready).length), 0);
}

/** Gives the surge up, for good, if no pod can be created above N. Recomputes an absolute u when N has changed. */
function unstick(o: TargetObservation, from: Side, live: LiveDeployment): Draft | null {
  if (splitOf(live).old === 0) return null;
  const surging = live.surge !== '0';
  const stuck = surging && (live.replicaFailure !== null || isUnschedulable(live));
  const { gate } = o.target;
  const resized = gate !== null && gate.n !== null && gate.n !== live.replicas && !live.unavailable.endsWith('%');
  if (!stuck && !resized) return null;
  const amounts = turnAmounts(from, live, live.others, [live.current], stuck || !surging);
  if (hasAmounts(live, amounts)) return null;
  const { release } = from;
  const reason = stuck
    ? because('BACK_STUCK', { release, missing: amounts.unavailable })
    : because('BACK_RESIZED', { release, pods: live.replicas, missing: amounts.unavailable });
  return applyGate(o, live, { which: 'FROM', closed: false, amounts, reason });
}
