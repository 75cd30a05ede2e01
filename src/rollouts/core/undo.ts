/** Going back to `from`: preempts every other state, skips steps and pauses, and is never refused. */
import { BEING_DELETED, overdue, progress, waitHealthy } from './deadline.ts';
import { bears, fail, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { edited, notOurs } from './failures.ts';
import { isUnschedulable, judgeAll, readyNow, splitOf } from './health.ts';
import type { LiveDeployment, Side, TargetObservation } from './observation.ts';
import { removal } from './removal.ts';
import { isScaled, restore, restoreDue, scaleDue, scaleForward } from './scaling.ts';
import { resolveLimits } from './steps.ts';
import type { Written } from './steps.ts';
import { pastSuperseded } from './superseded.ts';
import { applyGate, isOwnDue, ownWritten, standsWritten } from './write.ts';

/** How long after a refused write an undo tries it again: it has nothing else to fall back on. */
const RETRY_SECONDS = 5;

/** A target in ROLLING_BACK on a cluster that answers. */
export function undo(o: TargetObservation): Draft {
  const { target, rollout } = o;
  if (!target.written) return { reason: 'Not started.', set: { phase: 'SKIPPED' }, stopped: false };
  const refused = refusedWrite(o);
  if (refused !== null) return refused;
  if (rollout.kind === 'SCALE') return undoScale(o);
  return target.from === null ? undoCreation(o) : backTo(o, target.from);
}

/** A write that the cluster refuses is tried again every few seconds until the deadline; then the target is an operator's. */
function refusedWrite(o: TargetObservation): Draft | null {
  if (o.writeFailure === null) return null;
  const { failure, at } = o.writeFailure;
  if (overdue(o, secondsOf(o), 'the cluster refuses the write') !== null) return fail(o, failure);
  const next = new Date(at.getTime() + RETRY_SECONDS * 1000);
  return o.now < next ? { ...wait(`${failure.reason}: ${failure.message} Trying again.`, next), show: true } : null;
}

function secondsOf({ target, rollout }: TargetObservation): number {
  return (target.from?.strategy ?? rollout.strategy).progressDeadlineSeconds;
}

function undoScale(o: TargetObservation): Draft {
  const { live } = o;
  if (live.kind === 'UNKNOWN' || live.kind === 'UNREACHABLE') return wait('The cluster has not been listed yet.');
  if (live.kind === 'ABSENT' || !live.ours || live.terminating) return rolledBack('Nothing of ours is left there to scale.');
  const before = restoreDue(o, live);
  if (before !== null) return restore(live, before);
  const ready = readyNow([live.current, ...live.others]);
  const what = `${ready} of ${live.replicas} pods are Ready`;
  return isScaled(live, ready) ? rolledBack(`${what}.`) : waitHealthy(o, secondsOf(o), what, null);
}

/** Nothing ran before: what this rollout created goes, and nothing else. */
function undoCreation(o: TargetObservation): Draft {
  const step = removal(o, secondsOf(o));
  return step === 'GONE' ? rolledBack('Nothing ran here before: what this rollout created is removed.') : step;
}

function backTo(o: TargetObservation, from: Side): Draft {
  const { live, target, placement } = o;
  if (live.kind === 'UNKNOWN' || live.kind === 'UNREACHABLE') return wait('The cluster has not been listed yet.');
  const seconds = secondsOf(o);
  if (live.kind === 'ABSENT') {
    const reason = `The Deployment is gone: creating release ${from.release} again.`;
    return applyGate(o, null, { side: from, which: 'FROM', closed: false, written: ownWritten(from.strategy), reason });
  }
  if (!live.ours) return fail(o, notOurs(target, placement.workload));
  if (live.terminating) return waitHealthy(o, seconds, BEING_DELETED, null);
  const standsOpen = bears(live, from) && live.gate === 'OPEN' && live.pausedBy === null;
  if (!standsOpen) return backWrite(o, from, live);
  if (live.editedBy !== null) return fail(o, edited(target, placement.workload, live.editedBy));
  return settle(o, from, live);
}

/**
 * The write that turns around, after the one that goes past a superseded revision where that is needed. A number of pods that we raised is lowered first, so
 * that no surge is made for pods that go anyway.
 */
function backWrite(o: TargetObservation, from: Side, live: LiveDeployment): Draft {
  const before = restoreDue(o, live);
  if (before !== null && before < live.replicas) return restore(live, before);
  const past = pastSuperseded(o, from, live, secondsOf(o));
  if (past !== null) return past;
  // While the template is still `to`'s the new side is the current ReplicaSet; once it is `from`'s (a person's undo, a gate left closed) it is the others.
  const turned = live.template === from.templateDigest;
  const written = undoGate(from, live, false);
  const reason = `Going back to release ${from.release}: ${splitOf(live)[turned ? 'old' : 'new']} of ${live.replicas} pods had left it.`;
  return applyGate(o, live, { side: from, which: 'FROM', closed: false, written, reason });
}

/**
 * s = max(1, maxSurge), u = what is missing to N Ready pods, over all ReplicaSets. The controller then takes as many pods as are not Ready, plus those above N,
 * and no more. Where no pod can be created above N (no surge in the template, a full quota, no node), s = 0 and u at least 1, or nothing would ever move.
 *
 * Not more, such as the leaving pods that are not Ready: one of those that becomes Ready before the controller acts would cost a Ready pod.
 */
function undoGate(from: Side, live: LiveDeployment, stuck: boolean): Written {
  const limits = resolveLimits(from.strategy.maxSurge, from.strategy.maxUnavailable, live.replicas);
  const missing = Math.max(0, live.replicas - readyNow([live.current, ...live.others]));
  if (stuck || limits.surge === 0) return { surge: '0', unavailable: String(Math.max(1, limits.unavailable, missing)) };
  return { surge: String(limits.surge), unavailable: String(missing) };
}

/** The template is back and the cluster replaces the pods; then the Deployment's own numbers, the number of pods, and what comes last. */
function settle(o: TargetObservation, from: Side, live: LiveDeployment): Draft {
  const { target, finished } = o;
  const seconds = secondsOf(o);
  if (target.made && scaleDue(o, live)) return scaleForward(o, live);
  const verdict = judgeAll(live, from);
  const what = progress(o, from, verdict);
  if (!verdict.healthy) return unstick(o, from, live) ?? waitHealthy(o, seconds, what, verdict.ripeInMilliseconds);
  const own = ownWritten(from.strategy);
  if (isOwnDue(o, live, own)) {
    const reason = `Release ${from.release} is back: giving the Deployment its own maxSurge and maxUnavailable again.`;
    return applyGate(o, live, { side: from, which: 'FROM', closed: false, written: own, reason });
  }
  const before = restoreDue(o, live);
  if (before !== null) return restore(live, before);
  if (finished !== 'FROM') {
    const reason = `Applying what comes last of release ${from.release} again, and removing what no release names.`;
    return { reason, action: { kind: 'FINISH', side: 'FROM' }, stopped: false };
  }
  return rolledBack(`${verdict.ready} of ${live.replicas} pods run release ${from.release} again and are Ready.`);
}

/** Gives the surge up, for good, if no pod can be created above N. Recomputes an absolute u when N has changed. */
function unstick(o: TargetObservation, from: Side, live: LiveDeployment): Draft | null {
  const split = splitOf(live);
  if (split.old === 0) return null;
  const surging = live.surge !== '0';
  const stuck = surging && (live.replicaFailure !== null || isUnschedulable(live));
  const resized = o.target.stepN !== null && o.target.stepN !== live.replicas && !live.unavailable.endsWith('%');
  if (!stuck && !resized) return null;
  const written = undoGate(from, live, stuck || !surging);
  const why = stuck ? 'no pod can be created above the number asked for' : `the number of pods is ${live.replicas} now`;
  const reason = `Going back to release ${from.release}: ${why}, so up to ${written.unavailable} may be missing meanwhile.`;
  if (standsWritten(live, written)) return null;
  return applyGate(o, live, { side: from, which: 'FROM', closed: false, written, reason });
}

function rolledBack(reason: string): Draft {
  return { reason, set: { phase: 'ROLLED_BACK' }, event: 'target.rolled_back', stopped: false };
}
