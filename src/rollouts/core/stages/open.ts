/**
 * OPEN: with the gate open the Deployment controller replaces the remaining pods; at its end the template's own maxSurge and maxUnavailable are restored. The other
 * stages that write `to` use its parts: preflight, creation, freezing.
 */
import { z } from 'zod';
import { sideOf, applyGate, openGateOf, ownAmounts, restoreOwnAmounts, fail, bears, wait } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import type { Gate } from '../action.ts';
import type { StageHandler, StageOf, Visit } from './stage.ts';
import { mayMove, waitUntilHealthy, standstillReason } from '../live/deadline.ts';
import { judgeAll, splitOf } from '../live/health.ts';
import type { Verdict } from '../live/health.ts';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { takesOver } from '../kinds.ts';
import { freezeAt, resolveLimits } from '../steps.ts';
import { scaleDue, scaleForward } from './number.ts';
import { badFirst } from './superseded.ts';

export const openStage: StageHandler<StageOf<'OPEN'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bring(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const draft = restoreOwnAmounts(o, live);
    return draft === null ? { kind: 'DONE', reason: podsReady(o, live, brought) } : { kind: 'STAY', draft };
  },

  freeze: (_stage, visit, why) => freezeSplit(visit, why),
};

/** Whether the Deployment has this target's write. */
export function isOnIt({ target }: Pick<TargetObservation, 'target'>, live: LiveDeployment, to: Side): boolean {
  return target.written && bears(live, to);
}

/**
 * The preflight before the first write of an attempt: permissions, dry runs and what others have changed; null once it has passed. `gate`: of that write. Also
 * where the cluster's form of the template is not known, as in a row of an earlier version.
 */
export function preflightDue({ target, checked, rollout }: TargetObservation, to: Side, gate: Gate): Draft | null {
  if (target.gate !== null && to.template !== null) return null;
  if (checked !== null) return checked.ok ? null : fail(checked.failure);
  const reason = because('CHECKING', { cluster: target.cluster, release: to.release });
  return { reason, action: { kind: 'PREFLIGHT', takeOver: takesOver(rollout), gate } };
}

/** The workload's first Deployment here: created with the gate open, whatever the strategy. */
export function create(o: TargetObservation): Draft {
  const to = sideOf(o);
  if (!mayMove(o)) return wait(standstillReason(o));
  const due = preflightDue(o, to, openGateOf(o.rollout.strategy));
  if (due !== null) return due;
  const reason = because('CREATING', { release: to.release, pods: o.placement.replicas });
  return applyGate(o, null, { which: 'TO', closed: false, amounts: ownAmounts(o.rollout.strategy), reason });
}

/** Brings `to` with the gate open: the write that is due, or the wait until all pods are new and Ready; the verdict once they are. */
export function bring({ o, live }: Visit): Draft | Verdict {
  const to = sideOf(o);
  if (!isOnIt(o, live, to)) {
    return (
      preflightDue(o, to, openGateOf(o.rollout.strategy)) ??
      badFirst(o, live) ??
      applyGate(o, live, { which: 'TO', closed: false, amounts: ownAmounts(o.rollout.strategy), reason: openingReason(to, live) })
    );
  }
  // Before the gate is opened: beside an open one the number would wait for a closed one again.
  if (o.target.made && scaleDue(o, live)) return scaleForward(o, live);
  if (live.gate === 'CLOSED') return openGate(o, to, live);
  const verdict = judgeAll(live, to);
  return verdict.healthy ? verdict : waitUntilHealthy(o, to, verdict);
}

export function isVerdict(value: Draft | Verdict): value is Verdict {
  return 'healthy' in value;
}

function openingReason({ release, template }: Side, { template: standing, replicas }: LiveDeployment): Reason {
  if (template === standing) return because('SAME_TEMPLATE', { release });
  if (replicas === 0) return because('NO_PODS_TO_REPLACE', { release });
  return because('REPLACING', { release, pods: replicas });
}

/** A canary's last write, or a rolling update that was paused. */
function openGate(o: TargetObservation, { release }: Side, live: LiveDeployment): Draft {
  const split = splitOf(live);
  const reason =
    split.old === 0
      ? because('OPENING_GATE', { release, pods: live.replicas })
      : because('GATE_REOPENED', { release, new: split.new, pods: live.replicas });
  return applyGate(o, live, { which: 'TO', closed: false, amounts: ownAmounts(o.rollout.strategy), reason });
}

/** Closes the gate at the current split; null if the controller has nothing to replace. */
export function freezeSplit({ o, live }: Visit, why: 'PAUSED' | 'FAILED'): Draft | null {
  const split = splitOf(live);
  const replacing = split.old > 0 || split.new < live.replicas;
  if (live.gate === 'CLOSED' || !replacing || o.target.from === null) return null;
  const { maxSurge, maxUnavailable } = o.rollout.strategy;
  const amounts = freezeAt(live.replicas, split, resolveLimits(maxSurge, maxUnavailable, live.replicas));
  return applyGate(o, live, { which: 'TO', closed: true, amounts, reason: because('FREEZING', { why, ...split }) });
}

/** The reason at the end: all pods are Ready, or there are none, and whether their number is not the wanted one. */
export function podsReady(o: TargetObservation, live: LiveDeployment, { ready }: Verdict): Reason {
  const { release } = sideOf(o);
  if (live.replicas === 0) return because('NO_PODS', { release });
  const wanted = live.replicas === o.placement.replicas ? null : o.placement.replicas;
  return because('PODS_READY', { ready, pods: live.replicas, release, wanted });
}
