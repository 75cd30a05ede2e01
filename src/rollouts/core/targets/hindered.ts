/** What stands in the way of a target: errors of its writes, else what is wrong with its pods. It is shown while it lasts, and fails the target as the table of causes says. */
import { graceSeconds } from '../../../workloads/core/strategy.ts';
import { onlyLooks } from '../action.ts';
import { isApiError } from '../causes.ts';
import { bears, fail } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { causeIn, foundAt } from '../failure.ts';
import type { FoundCause } from '../failure.ts';
import { graceEnd, lasting } from '../hindrance.ts';
import type { Hindrance } from '../hindrance.ts';
import { kinds } from '../kinds.ts';
import { deadlineOf, deadlineSeconds } from '../live/deadline.ts';
import { quietFor, worstFault } from '../live/faults.ts';
import type { LiveDeployment, LiveReplicaSet, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { isOnIt } from '../stages/open.ts';

/** A write or preflight that meets an error which may pass by itself is retried, and says so. */
export function hindered(o: TargetObservation, draft: Draft): Draft {
  const { hindrance } = o;
  if (hindrance === null || !isRetried(draft)) return draft;
  const { failure, since } = hindrance;
  if (hasLasted(o, causeIn(failure), since)) return fail(failure);
  return draft.event === undefined ? { ...draft, reason: because('RETRYING_WRITE', causeIn(failure)), show: true } : draft;
}

/** What is only looked for is done without where it cannot be. */
const isRetried = ({ action }: Draft): boolean => action !== undefined && !onlyLooks(action);

/**
 * TRANSIENT: for its grace, by the row. SLOW, and whatever happens on the way back: until the deadline of the stage, but for the grace at least by this holder's
 * own attempts, since one that comes late has not failed yet; and never longer than a stage may take.
 *
 * @param since when writes began to fail, with whatever error, as this holder has seen it
 */
function hasLasted(o: TargetObservation, found: FoundCause, since: Date): boolean {
  const grace = graceSeconds(o.rollout.strategy);
  const end = o.target.undoing ? null : graceEnd(lasting(o.target.hindrance, found, o.now), grace);
  if (end !== null) return o.now >= end;
  const lasted = o.now.getTime() - since.getTime();
  const seconds = deadlineSeconds(o);
  const deadline = deadlineOf(o);
  return lasted >= 1000 * seconds || (deadline !== null && o.now >= deadline && lasted >= 1000 * Math.min(grace, seconds));
}

/** The hindrance to keep in the row, where the draft does not say it; undefined where nothing new is known. What changes the phase ends it. */
export function hindranceNow(o: TargetObservation, draft: Draft): Hindrance | null | undefined {
  const { live, target, now } = o;
  if (draft.set?.hindrance !== undefined) return draft.set.hindrance;
  if (live.kind === 'UNKNOWN' || draft.set?.phase !== undefined) return undefined;
  if (isRetried(draft) && o.hindrance === null && o.performed === null && target.hindrance !== null && isApiError(target.hindrance.code))
    return undefined;
  const found = ofWrites(o, draft) ?? ofPods(o);
  return found === null ? null : lasting(target.hindrance, found, now);
}

/** Errors that concern all requests to a cluster: its watch meets them too, and the condition of the cluster says so then. */
const ofCluster: ReadonlySet<string> = new Set(['UNREACHABLE', 'UNKNOWN_CA', 'UNAUTHENTICATED']);

function ofWrites({ hindrance, writeFailure, target }: TargetObservation, draft: Draft): FoundCause | null {
  if (hindrance !== null && isRetried(draft) && !ofCluster.has(hindrance.failure.code)) return causeIn(hindrance.failure);
  return target.undoing && writeFailure !== null ? causeIn(writeFailure.failure) : null;
}

/** What every pod says while it starts is none, until it has lasted. */
function ofPods(o: TargetObservation): FoundCause | null {
  const { live } = o;
  const sets = live.kind === 'PRESENT' ? broughtSets(o, live) : null;
  const blame = live.kind === 'PRESENT' && sets !== null ? worstFault(o, live, sets) : null;
  return blame === null || quietFor(o, blame.fault) !== null ? null : foundAt(blame);
}

/** The ReplicaSets that the target brings; null where it has written nothing that stands. */
function broughtSets(o: TargetObservation, live: LiveDeployment): (LiveReplicaSet | null)[] | null {
  const { target, rollout } = o;
  if (!live.ours || live.terminating || !target.written) return null;
  if (kinds[rollout.kind].writes === 'NUMBER') return [live.current, ...live.others];
  const side = target.undoing ? target.from : target.to;
  return side !== null && (target.undoing ? bears(live, side) : isOnIt(o, live, side)) ? [live.current] : null;
}

/** When to look again: the hindrance fails the target then, or what every pod says while it starts has lasted for too long to be that. */
export function hindranceLook(o: TargetObservation, hindrance: Hindrance | null): Date | null {
  const { live, now } = o;
  if (hindrance !== null) return graceEnd(hindrance, graceSeconds(o.rollout.strategy));
  const sets = live.kind === 'PRESENT' ? broughtSets(o, live) : null;
  const blame = live.kind === 'PRESENT' && sets !== null ? worstFault(o, live, sets) : null;
  const quiet = blame && quietFor(o, blame.fault);
  return quiet === null ? null : new Date(now.getTime() + quiet);
}
