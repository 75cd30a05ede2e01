/**
 * What is dealt with before a stage looks: a Deployment that is absent, not ours, replaced, edited, terminating or paused by its owner; a refused write; a rollout
 * that stands still. Behind the door the Deployment is there and ours. What each of these means depends on what the target's list is for.
 */
import { causeIn, deleted, edited, labelRemoved, notOurs, nothingToScale, replaced, replicaSetDeleted } from '../failure.ts';
import type { Failure } from '../failure.ts';
import { kinds } from '../kinds.ts';
import type { Live, LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { recreate } from '../stages/back.ts';
import { create, isOnIt } from '../stages/open.ts';
import { heldBeforeFall } from '../stages/fall.ts';
import { handlerOf, readProgress } from '../stages/handlers.ts';
import { removeRest } from '../stages/remove.ts';
import { isScaled } from '../stages/scale.ts';
import type { StageHandlers, Visit } from '../stages/stage.ts';
import { mayMove, overdue, waitHealthy, standstillReason } from '../live/deadline.ts';
import { fail, failWith, sideOf, wait } from '../draft.ts';
import { blameOverride, closedAgain } from './gate.ts';
import { scaledWhileHeld } from './scaled.ts';
import type { Draft } from '../draft.ts';
import { failingFault } from '../live/faults.ts';
import { ownersPause } from '../live/outside.ts';

/** What a target's list is for. */
export type Purpose = 'RUN' | 'NUMBER' | 'REMOVE' | 'RUN_BACK' | 'NUMBER_BACK' | 'REMOVE_BACK';

export function purposeOf({ rollout, target }: TargetObservation): Purpose {
  const { undoing, from, to } = target;
  if (kinds[rollout.kind].writes === 'NUMBER') return undoing ? 'NUMBER_BACK' : 'NUMBER';
  if (undoing) return from === null ? 'REMOVE_BACK' : 'RUN_BACK';
  return to === null ? 'REMOVE' : 'RUN';
}

/** `END`: the list is over, since nothing is left to do it to. */
type Outcome = Draft | 'END' | null;

interface Door {
  /** Before the Deployment is looked at. */
  first: readonly ((o: TargetObservation) => Outcome)[];
  absent(o: TargetObservation): Draft | 'END';
  foreign(o: TargetObservation, live: LiveDeployment): Draft | 'END';
  /** In this order, once it is there and ours. */
  guards: readonly ((visit: Visit, handlers: StageHandlers) => Outcome)[];
}

const doors: Record<Purpose, Door> = {
  RUN: {
    first: [],
    absent: (o) => (o.target.uid === null ? (refusedAlready(o) ?? create(o)) : fail(deleted(o.target, o.placement.workload))),
    foreign: failNotOurs,
    guards: [
      replacedByOthers,
      editedByOthers,
      refusedForGood,
      terminating,
      failing,
      closedAgain,
      scaledWhileHeld,
      heldBeforeFall,
      misfit,
      unwell,
      pausedByOwner,
      standstill,
    ],
  },
  NUMBER: {
    first: [],
    absent: (o) => fail(nothingToScale(o.target, o.placement.workload)),
    foreign: failNotOurs,
    guards: [terminating, refusedForGood, failingUnlessScaled, standstill],
  },
  REMOVE: { first: [refusedAlready, standsStill], absent: restRemoved, foreign: leftToOthers(restRemoved), guards: [] },
  RUN_BACK: { first: [neverWritten, refusedForNow], absent: recreate, foreign: failNotOurs, guards: [terminating, heldBeforeFall] },
  NUMBER_BACK: { first: [neverWritten, refusedForNow], absent: () => 'END', foreign: leftToOthers(() => 'END'), guards: [goneAnyway] },
  REMOVE_BACK: { first: [neverWritten, refusedForNow], absent: restRemoved, foreign: leftToOthers(restRemoved), guards: [] },
};

/** What is due instead of a look at the stage, or the Deployment to look at. */
export function atDoor(
  o: TargetObservation,
  live: Exclude<Live, { kind: 'UNKNOWN' | 'UNREACHABLE' }>,
  handlers: StageHandlers,
): Draft | 'END' | Visit {
  const door = doors[purposeOf(o)];
  for (const guard of door.first) {
    const answer = guard(o);
    if (answer !== null) return answer;
  }
  if (live.kind === 'ABSENT') return door.absent(o);
  if (!live.ours) return door.foreign(o, live);
  const visit: Visit = { o, live };
  for (const guard of door.guards) {
    const answer = guard(visit, handlers);
    if (answer !== null) return answer;
  }
  return visit;
}

/** Where nothing was written there is nothing to undo. */
function neverWritten({ target }: TargetObservation): Draft | null {
  return target.written ? null : { reason: because('NOT_STARTED', {}), set: { phase: 'SKIPPED' } };
}

/** How long after a refused write an undo retries it: it has nothing else to fall back on. */
const RETRY_SECONDS = 5;

/** While going back, a refused write is retried every few seconds until the deadline; then the target is an operator's. */
function refusedForNow(o: TargetObservation): Draft | null {
  if (o.writeFailure === null) return null;
  const { failure, at } = o.writeFailure;
  if (overdue(o, { is: 'WRITE_REFUSED' }) !== null) return fail(failure);
  const next = new Date(at.getTime() + RETRY_SECONDS * 1000);
  if (o.now >= next) return null;
  return { ...wait(because('RETRYING_WRITE', causeIn(failure)), next), show: true };
}

function refusedAlready({ writeFailure }: TargetObservation): Draft | null {
  return writeFailure === null ? null : fail(writeFailure.failure);
}

function refusedForGood({ o }: Visit): Draft | null {
  return refusedAlready(o);
}

function standsStill(o: TargetObservation): Draft | null {
  return mayMove(o) ? null : wait(standstillReason(o));
}

function restRemoved(o: TargetObservation): Draft | 'END' {
  return removeRest(o) ?? 'END';
}

function failNotOurs(o: TargetObservation, live: LiveDeployment): Draft {
  return failUnlabeled(o, live) ?? fail(notOurs(o.target, o.placement.workload));
}

/** What is somebody else's is none of our business where nothing of ours is to stay; but one that only lost its label is ours, and runs. */
function leftToOthers(otherwise: (o: TargetObservation) => Draft | 'END'): Door['foreign'] {
  return (o, live) => failUnlabeled(o, live) ?? otherwise(o);
}

function failUnlabeled({ target, placement }: TargetObservation, { unlabeled }: LiveDeployment): Draft | null {
  return unlabeled ? fail(labelRemoved(target, { name: placement.workload }, placement.workloadId)) : null;
}

function replacedByOthers({ o: { target, placement }, live }: Visit): Draft | null {
  return target.uid === null || target.uid === live.uid ? null : fail(replaced(target, placement.workload));
}

/**
 * Somebody has changed the pod template since our write. Before that the preflight looks for edits. A write that may not have arrived yet (a crash, a 409) has
 * not been overwritten by what stood before it.
 */
function editedByOthers({ o, live }: Visit): Draft | null {
  const { target, placement } = o;
  const to = sideOf(o);
  if (target.gate === null || to.template === null || live.template === to.template) return null;
  const hasArrived = to.replicaSet !== null;
  if (!hasArrived && live.template === target.gate.over) return null;
  if (o.edits?.template !== live.template) {
    return { reason: because('LISTING_EDITS', { workload: placement.workload }), action: { kind: 'LIST_EDITS', template: live.template } };
  }
  return fail(edited(target, { name: placement.workload }, live.editedBy, o.edits.differences));
}

function terminating({ o, live }: Visit): Draft | null {
  return live.terminating ? waitHealthy(o, { is: 'BEING_DELETED' }) : null;
}

function goneAnyway({ live }: Visit): 'END' | null {
  return live.terminating ? 'END' : null;
}

function failing({ o, live }: Visit): Draft | null {
  const blame = isOnIt(o, live, sideOf(o)) ? failingFault(o, live) : null;
  return blame === null ? null : failWith(o, blame);
}

/** Where as many pods are Ready as were asked for, those that are not belong to what goes on beside. */
function failingUnlessScaled({ o, live }: Visit): Draft | null {
  const done = live.replicas === o.placement.replicas && isScaled(live);
  const blame = o.target.written && !done ? failingFault(o, live, [live.current, ...live.others]) : null;
  return blame === null ? null : failWith(o, blame);
}

function misfit(visit: Visit, handlers: StageHandlers): Draft | null {
  const { o, live } = visit;
  const stage = o.target.stages[o.target.stage];
  if (stage === undefined || !isOnIt(o, live, sideOf(o))) return null;
  const failure = handlerOf(handlers, stage).misfit?.(stage, visit) ?? null;
  return failure === null ? null : fail(blameOverride(o, deletedSet(o, live) ?? failure));
}

/** The pods from before are missing because their ReplicaSet is, whatever the number of pods. */
function deletedSet({ target, placement }: TargetObservation, live: LiveDeployment): Failure | null {
  const { from } = target;
  if (from === null || (from.replicaSet === null && from.template === null)) return null;
  const stands = live.replicaSets.some(({ uid, template }) =>
    from.replicaSet === null ? template === from.template : uid === from.replicaSet,
  );
  return stands ? null : replicaSetDeleted(target, placement.workload, from.release);
}

/** A target that holds is watched, also while its rollout is paused. */
function unwell(visit: Visit, handlers: StageHandlers): Draft | null {
  const { o, live } = visit;
  const stage = o.target.stages[o.target.stage];
  if (o.target.phase !== 'HELD' || stage === undefined || !isOnIt(o, live, sideOf(o))) return null;
  const handler = handlerOf(handlers, stage);
  return handler.watch?.(stage, readProgress(handler, o.target.progress), visit) ?? null;
}

function pausedByOwner({ o, live }: Visit): Draft | null {
  return live.pausedBy === null ? null : ownersPause(o, live.pausedBy);
}

/** While the rollout is paused, what would go on by itself is held. */
function standstill(visit: Visit, handlers: StageHandlers): Draft | null {
  const { o } = visit;
  if (mayMove(o)) return null;
  const frozen = o.rollout.phase === 'PAUSED' ? freeze(visit, handlers, 'PAUSED') : null;
  return frozen ?? wait(standstillReason(o));
}

/** The write that keeps a Deployment that runs `to` from going on by itself; null where nothing would. */
export function freeze(visit: Visit, handlers: StageHandlers, why: 'PAUSED' | 'FAILED'): Draft | null {
  const { o, live } = visit;
  const stage = o.target.stages[o.target.stage];
  if (stage === undefined || o.target.to === null || !isOnIt(o, live, o.target.to)) return null;
  return handlerOf(handlers, stage).freeze?.(stage, visit, why) ?? null;
}
