/** A hold is watched: pods that were Ready when it began and are not any more are shown at once, and fail the target once that has lasted for the deadline. */
import { causeSentence } from '../causes.ts';
import { fail, logOf, readLog } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { deadlineFailure, foundAt } from '../failure.ts';
import type { Blame } from '../failure.ts';
import { lasting } from '../hindrance.ts';
import type { Hindrance } from '../hindrance.ts';
import type { LiveDeployment, LivePod, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { HeldSplit } from '../target-reasons.ts';
import { describeStanding } from '../target-reasons.ts';
import { deadlineSeconds, soonest } from './deadline.ts';
import { quietFor, worstFault } from './faults.ts';
import { readyNow, splitOf, standing } from './health.ts';
import { eventsDue } from './warnings.ts';

/** Pods are well again once they have been Ready for so long, so that one that comes and goes is no event each time. */
const WELL_MILLISECONDS = 5_000;

/**
 * What is to be said, or done, about the pods that a target holds at; null while they are well.
 *
 * @param heldAt when the hold began: all its pods were Ready
 */
export function watchHold(o: TargetObservation, live: LiveDeployment, heldAt: Date, held: HeldSplit): Draft | null {
  const blame = unwell(o, live, heldAt);
  const { hindrance } = o.target;
  if (blame !== null) return notWell(o, live, blame, held);
  if (hindrance === null) return null;
  const left = leftUntilWell(live);
  if (left > 0) return { reason: because('HELD_RECOVERING', held), set: { hindrance }, lookAt: new Date(o.now.getTime() + left) };
  return { reason: because('HELD_WELL', held), set: { hindrance: null }, event: 'target.healthy' };
}

/** What is wrong with pods that were Ready, or with others for longer than a start takes. */
function unwell(o: TargetObservation, live: LiveDeployment, heldAt: Date): Blame | null {
  const { current } = live;
  const held = o.now.getTime() - heldAt.getTime();
  const counts = (pod: LivePod): boolean => pod.ageMilliseconds > held || (pod.fault !== null && quietFor(o, pod.fault) === null);
  const pods = standing(current).filter((pod) => !pod.ready && counts(pod));
  return worstFault(o, live, [current && { ...current, pods }]);
}

function notWell(o: TargetObservation, live: LiveDeployment, blame: Blame, held: HeldSplit): Draft {
  const events = eventsDue(o, blame);
  const found = foundAt(blame);
  const hindrance = lasting(o.target.hindrance, found, o.now);
  if (events !== null && !(events instanceof Date)) return o.target.hindrance === null ? events : { ...events, set: { hindrance } };
  const end = deadlineOf(o, hindrance);
  if (o.now >= end) return overdue(o, live, blame, hindrance);
  const reason = because('HELD_UNWELL', { ...held, pod: blame.pod, cause: found.code, message: causeSentence(found) });
  const draft: Draft = { reason, set: { hindrance }, show: true, lookAt: soonest(end, events) };
  return o.target.hindrance === null ? { ...draft, event: 'target.unhealthy' } : draft;
}

const deadlineOf = (o: TargetObservation, { since }: Hindrance): Date => new Date(Date.parse(since) + deadlineSeconds(o) * 1000);

/** Its log is read first; the clock runs on meanwhile. */
function overdue(o: TargetObservation, live: LiveDeployment, blame: Blame, hindrance: Hindrance): Draft {
  const log = logOf(o, blame);
  if (log === undefined) return { ...readLog(blame), set: { hindrance } };
  const what = describeStanding({ is: 'HELD', ready: readyNow([live.current]), pods: splitOf(live).new });
  return fail(deadlineFailure(o.target, { seconds: deadlineSeconds(o), what }, blame, log));
}

/** Milliseconds until all pods have been Ready for long enough; one where some are still missing, of which the watch will tell. */
function leftUntilWell(live: LiveDeployment): number {
  const pods = standing(live.current);
  if (pods.length < splitOf(live).new || pods.some((pod) => !pod.ready)) return WELL_MILLISECONDS;
  return WELL_MILLISECONDS - Math.min(WELL_MILLISECONDS, ...pods.map((pod) => pod.readyMilliseconds));
}
