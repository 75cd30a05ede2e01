/** A target on its way to `to`: refusals, the first write, the walk, and what is left to do once only new pods are there. */
import { BEING_DELETED, progress, waitHealthy } from './deadline.ts';
import { bears, fail, failWith, pods, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { deleted, edited, notOurs, replaced } from './failures.ts';
import type { Failure } from './failure.ts';
import { caughtUp, fatalTrouble, judgeAll, splitOf } from './health.ts';
import { kinds } from './kinds.ts';
import type { LiveDeployment, Side, TargetObservation } from './observation.ts';
import { mayMove, ownersPause, standstillReason } from './conditions.ts';
import { scaleDue, scaleForward } from './scaling.ts';
import { holdAt, resolveLimits } from './steps.ts';
import { enterWalk, isGated, unfit, walk } from './walk.ts';
import { applyGate, isOwnDue, ownWritten } from './write.ts';

/** A target with a `to` in PROGRESSING, HELD or BAKING, on a cluster that answers. One that has failed ends here; `failure` says so before `phase` does. */
export function forward(o: TargetObservation, to: Side): Draft {
  if (o.target.failure !== null) return ended(o, to, o.target.failure);
  const draft = onward(o, to);
  return draft.set?.phase === 'FAILED' && draft.set.failure ? ended(o, to, draft.set.failure) : draft;
}

/** What fails and is not taken back would go on by itself once its pods recover: the gate is closed before the target is at its end. */
function ended(o: TargetObservation, to: Side, failure: Failure): Draft {
  const { live, rollout, wave, writeFailure } = o;
  const stays = rollout.onFailure === 'PAUSE' || (rollout.onFailure !== 'ROLLBACK_TARGET' && wave.maxFailed > 0);
  const untouched = live.kind === 'PRESENT' && live.ours && !live.terminating && live.editedBy === null && live.pausedBy === null;
  if (!stays || !untouched || writeFailure !== null || !o.target.written || !bears(live, to)) return fail(o, failure);
  const held = hold(o, to, live, 'Failed');
  return held === null ? fail(o, failure) : { ...held, set: { ...held.set, failure } };
}

function onward(o: TargetObservation, to: Side): Draft {
  const { live, target, placement } = o;
  if (live.kind === 'ABSENT') {
    if (target.uid !== null) return fail(o, deleted(target, placement.workload));
    return mayMove(o) ? firstWrite(o, to, null) : wait(standstillReason(o));
  }
  if (live.kind !== 'PRESENT') return wait('The cluster has not been listed yet.');
  const refusal = refusalOf(o, to, live);
  if (refusal !== null) return fail(o, refusal);
  if (live.terminating) return waitHealthy(o, o.rollout.strategy.progressDeadlineSeconds, BEING_DELETED, null);
  const onIt = target.written && bears(live, to);
  const blame = onIt ? fatalTrouble(o, live) : null;
  if (blame !== null) return failWith(o, blame);
  const unfitting = onIt ? unfit(o, to, live) : null;
  if (unfitting !== null) return unfitting;
  if (live.pausedBy !== null) return ownersPause(o, live.pausedBy);
  if (!mayMove(o)) return standstill(o, to, live, onIt);
  if (!onIt) return firstWrite(o, to, live);
  return live.gate === 'CLOSED' ? gateClosed(o, to, live) : gateOpen(o, to, live);
}

function refusalOf(o: TargetObservation, to: Side, live: LiveDeployment): Failure | null {
  const { target, placement, rollout } = o;
  if (!live.ours) return notOurs(target, placement.workload);
  if (target.uid !== null && target.uid !== live.uid) return replaced(target, placement.workload);
  const takeOver = kinds[rollout.kind].takesOver && !(target.written && bears(live, to));
  if (live.editedBy !== null && !takeOver) return edited(target, placement.workload, live.editedBy);
  return o.writeFailure?.failure ?? null;
}

/** Before the template is `to`'s: looked at first, then written; a canary may begin with a pause, or with a weight that does not exist at this N. */
function firstWrite(o: TargetObservation, to: Side, live: LiveDeployment | null): Draft {
  const { target, preflight, rollout } = o;
  if (target.surge === null) {
    const reason = `Checking permissions, quota and fields on ${target.cluster} before release ${to.release} is written.`;
    if (preflight === null) return { reason, action: { kind: 'PREFLIGHT', takeOver: kinds[rollout.kind].takesOver }, stopped: false };
    if (!preflight.ok) return fail(o, preflight.failure);
  }
  if (live !== null && isGated(o, to, live)) {
    const gated = enterWalk(o, to, live);
    if (gated !== null) return gated;
  }
  const own = ownWritten(rollout.strategy);
  return applyGate(o, live, { side: to, which: 'TO', closed: false, written: own, reason: openingReason(o, to, live) });
}

function openingReason({ placement }: TargetObservation, to: Side, live: LiveDeployment | null): string {
  if (live === null) return `Creating release ${to.release} with ${pods(placement.replicas)}.`;
  if (live.template === to.templateDigest) return `The pods of release ${to.release} run already: applying the rest of it.`;
  if (live.replicas === 0) return `Applying release ${to.release}: there are no pods to replace.`;
  return `Replacing ${pods(live.replicas)} by release ${to.release}.`;
}

/** The gate is closed on `to`: a canary walks on, a rolling update that was paused goes on natively. */
function gateClosed(o: TargetObservation, to: Side, live: LiveDeployment): Draft {
  const next = isGated(o, to, live) ? walk(o, to, live) : 'OPEN';
  if (next !== 'OPEN') return next;
  const { strategy } = o.rollout;
  if (!caughtUp(live))
    return waitHealthy(o, strategy.progressDeadlineSeconds, 'pods that were given up are not on their way out yet', null);
  const split = splitOf(live);
  const reason =
    split.old === 0
      ? `All ${pods(live.replicas)} run release ${to.release} and are Ready: opening the gate.`
      : `Going on from ${split.new} of ${live.replicas} pods on release ${to.release}.`;
  return applyGate(o, live, { side: to, which: 'TO', closed: false, written: ownWritten(strategy), reason });
}

/** The gate is open on `to`: the cluster replaces the pods by itself; what comes last follows in order. */
function gateOpen(o: TargetObservation, to: Side, live: LiveDeployment): Draft {
  const seconds = o.rollout.strategy.progressDeadlineSeconds;
  const { target, placement } = o;
  if (target.made && scaleDue(o, live)) return scaleForward(o, live);
  const verdict = judgeAll(live, to);
  if (!verdict.healthy) return waitHealthy(o, seconds, progress(o, to, verdict), verdict.ripeInMilliseconds);
  const own = ownWritten(to.strategy);
  if (isOwnDue(o, live, own)) {
    const reason = `Release ${to.release} stands: giving the Deployment its own maxSurge and maxUnavailable back.`;
    return applyGate(o, live, { side: to, which: 'TO', closed: false, written: own, reason });
  }
  if (scaleDue(o, live)) return scaleForward(o, live);
  if (o.finished !== 'TO') {
    return {
      reason: `Applying what comes last of release ${to.release}, and removing what no release names.`,
      action: { kind: 'FINISH', side: 'TO' },
      stopped: false,
    };
  }
  const none = `Release ${to.release} is applied; there are no pods to run it.`;
  const ran = `${verdict.ready} of ${live.replicas} pods run release ${to.release} and are Ready`;
  const kept =
    live.replicas === placement.replicas
      ? ''
      : `; the number of pods was set by somebody else and stays (${placement.replicas} were asked for)`;
  return { reason: live.replicas === 0 ? none : `${ran}${kept}.`, set: { phase: 'SUCCEEDED' }, event: 'target.succeeded', stopped: false };
}

/** Paused: what would go on by itself is held. */
function standstill(o: TargetObservation, to: Side, live: LiveDeployment, onIt: boolean): Draft {
  const held = o.rollout.phase === 'PAUSED' && onIt ? hold(o, to, live, 'Paused') : null;
  return held ?? { ...wait(standstillReason(o)), stopped: o.target.phase !== 'HELD' };
}

/** A native rolling update would go on by itself, so the gate is closed around the split that is there; null where there is nothing to hold. */
function hold(o: TargetObservation, to: Side, live: LiveDeployment, why: string): Draft | null {
  const { rollout, target } = o;
  const split = splitOf(live);
  const replacing = split.old > 0 || split.new < live.replicas;
  if (live.gate === 'CLOSED' || !replacing || target.from === null) return null;
  const limits = resolveLimits(rollout.strategy.maxSurge, rollout.strategy.maxUnavailable, live.replicas);
  const written = holdAt(live.replicas, split, limits);
  const reason = `${why}: holding ${split.new} new and ${split.old} old pods where they are.`;
  return applyGate(o, live, { side: to, which: 'TO', closed: true, written, reason, stopped: true });
}
