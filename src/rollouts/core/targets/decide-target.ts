/** What to do about one target now. */
import type { TargetDecision } from '../decision.ts';
import type { Failure } from '../failure.ts';
import type { TargetObservation, TargetState } from '../observation.ts';
import { isSettled, isTerminal } from '../phases.ts';
import { sameJson } from '../raw.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { checkStages, stageHandlers } from '../stages/handlers.ts';
import type { StageHandlers } from '../stages/stage.ts';
import { atDoor, freeze } from './door.ts';
import { clockOf, soonest } from '../live/deadline.ts';
import { fail, wait } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { clusterReachable, clusterUnreachable } from '../live/outside.ts';
import { hindered, hindranceLook, hindranceNow } from './hindered.ts';
import { identified, newSides } from './identity.ts';
import { settledFirst } from './turn.ts';
import { end, endReason, walk } from './walk.ts';

/**
 * Synchronous, total and level-triggered: it asks only what is, so the same observation always yields the same decision, whatever was lost before.
 *
 * The holder commits `set` and `event`, performs `action`, and repeats; a decision with none of them means: wait until the cluster or the row changes,
 * or until `lookAt`. No write is ever decided for a settled rollout or a target that is at its end.
 */
export function decideTarget(observation: TargetObservation, handlers: StageHandlers = stageHandlers): TargetDecision {
  const over = overOf(observation);
  if (over !== null) return { reason: over, set: {}, event: null, action: null, lookAt: null };
  const o = identified(observation);
  return complete(observation.target, o, hindered(o, settledFirst(o, draftOf(o, handlers))));
}

/** Why there is nothing to decide, not even a change in its row. */
function overOf({ rollout, target }: TargetObservation): Reason | null {
  if (isSettled(rollout.phase)) return because('ROLLOUT_ENDED', {});
  if (isTerminal(target.phase)) return because('TARGET_ENDED', {});
  return target.phase === 'PENDING' ? because('NOT_STARTED', {}) : null;
}

function draftOf(o: TargetObservation, handlers: StageHandlers): Draft {
  const { live, target } = o;
  checkStages(target, handlers);
  if (live.kind === 'UNKNOWN') return wait(because('NOT_LISTED', {}));
  if (live.kind === 'UNREACHABLE') return clusterUnreachable(o, live);
  const answered = clusterReachable(o);
  if (answered !== null) return answered;
  if (!target.undoing && target.failure !== null) return failFrozen(o, target.failure, handlers);
  const at = atDoor(o, live, handlers);
  if (at === 'END') return end(o, endReason(o));
  const draft = 'live' in at ? walk(at, handlers) : at;
  if (target.undoing && target.failure !== null && draft.set?.failure) return withFirstFailure(draft, target.failure);
  return !target.undoing && draft.set?.phase === 'FAILED' && draft.set.failure ? failFrozen(o, draft.set.failure, handlers) : draft;
}

/** What keeps a target from going back is said in its reason; what it goes back for stays its failure. */
function withFirstFailure(draft: Draft, failure: Failure): Draft {
  return { ...draft, set: { ...draft.set, failure } };
}

/** A target that fails without a rollback is frozen first, or the controller would continue once the pods recover. `failure` is set before the phase. */
function failFrozen(o: TargetObservation, failure: Failure, handlers: StageHandlers): Draft {
  const { live, rollout, wave, writeFailure, target } = o;
  const stays = rollout.onFailure === 'PAUSE' || (rollout.onFailure !== 'ROLLBACK_TARGET' && wave.maxFailed > 0);
  const untouched = live.kind === 'PRESENT' && live.ours && !live.terminating && live.pausedBy === null;
  if (!stays || !untouched || writeFailure !== null || !target.written) return fail(failure);
  const frozen = freeze({ o, live }, handlers, 'FAILED');
  return frozen === null ? fail(failure) : { ...frozen, set: { ...frozen.set, failure } };
}

/** Omits what the row already contains, so that an unchanged observation gives an empty decision and needs no statement. */
function complete(before: TargetState, o: TargetObservation, draft: Draft): TargetDecision {
  // Events are read time and again.
  const acts = draft.action !== undefined && draft.action.kind !== 'READ_EVENTS';
  const shown = draft.event !== undefined || acts || draft.show === true || draft.set?.phase !== undefined;
  const hindrance = hindranceNow(o, draft);
  const found = hindrance === undefined ? {} : { hindrance };
  const wanted = { ...clockOf(o), ...known(o), ...found, ...(shown ? { phaseReason: draft.reason } : {}), ...draft.set };
  const changed = Object.entries(wanted).filter(([key, value]) => !stands(o.target, key, value));
  const sides = newSides(before, o);
  const isStored = sides.isDue || changed.length > 0 || draft.event !== undefined;
  return {
    reason: draft.reason,
    set: { ...(isStored ? sides.set : {}), ...Object.fromEntries(changed) },
    event: draft.event === undefined ? null : { type: draft.event },
    action: draft.action ?? null,
    lookAt: soonest(draft.lookAt ?? null, hindranceLook(o, hindrance ?? null)),
  };
}

/** Facts from the cluster that the row stores: the Deployment's uid, and the end of its owner's pause. */
function known({ target, live }: TargetObservation): TargetDecision['set'] {
  if (live.kind !== 'PRESENT') return {};
  const uid = target.written && target.uid === null && live.ours ? { uid: live.uid } : {};
  return target.condition?.type === 'PAUSED_BY_OWNER' && live.pausedBy === null ? { ...uid, condition: null } : uid;
}

function stands(target: TargetState, key: string, value: unknown): boolean {
  if (key !== 'phaseReason') return same(target[key as keyof TargetState], value);
  const { phaseDetail } = target;
  return phaseDetail !== null && sameJson({ code: phaseDetail.code, data: phaseDetail.data }, value);
}

function same(a: unknown, b: unknown): boolean {
  return a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : sameJson(a, b);
}
