/** The deadline of a target's stage. It is ours, since the cluster's own is switched off while the gate is closed; its clock is derived from what stands. */
import { unreadyEdit } from '../before.ts';
import { causeSentence } from '../causes.ts';
import { deadlineFailure, foundAt } from '../failure.ts';
import type { Side, TargetObservation, TargetState } from '../observation.ts';
import { rolloutPhases } from '../phases.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { beforeOf, fail, logOf, readLog } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { quietFor, worstFault } from './faults.ts';
import type { Verdict } from './health.ts';
import { eventsDue } from './warnings.ts';
import { describeStanding } from '../target-reasons.ts';
import type { Standing } from '../target-reasons.ts';

/** Nothing moves forward while the rollout is paused, or about to end. */
export function mayMove({ rollout }: Pick<TargetObservation, 'rollout'>): boolean {
  return rolloutPhases[rollout.phase].forward && rollout.intent === null;
}

/**
 * Whether the clock stands still: the cluster does not answer, or what would go forward may not. A target that holds has no deadline, and nothing stops an undo.
 * null where the cluster has not been seen yet.
 */
function isStopped(o: TargetObservation): boolean | null {
  const { live, target } = o;
  if (live.kind === 'UNKNOWN' || target.phase === 'HELD') return live.kind === 'UNREACHABLE' ? true : null;
  if (live.kind === 'UNREACHABLE') return true;
  if (target.undoing) return false;
  return !mayMove(o) || (live.kind === 'PRESENT' && live.pausedBy !== null && target.to !== null);
}

/** The clock's columns: it is stopped and started once each, so that a pause of any length costs two statements. */
export function clockOf(o: TargetObservation): Partial<Pick<TargetState, 'stoppedAt' | 'enteredAt'>> {
  const stopped = isStopped(o);
  const { stoppedAt } = o.target;
  if (stopped === null || stopped === (stoppedAt !== null)) return {};
  return stopped ? { stoppedAt: o.now } : { stoppedAt: null, enteredAt: runningSince(o) };
}

/** From when the deadline counts, as if the clock had never stood still: the later of the stage's entry and the moment when a new pod last became Ready. */
function runningSince({ now, target, placement }: TargetObservation): Date | null {
  if (target.enteredAt === null) return null;
  const from = Math.max(target.enteredAt.getTime(), placement.progressAt?.getTime() ?? 0);
  const stopped = target.stoppedAt === null ? 0 : Math.max(0, now.getTime() - Math.max(from, target.stoppedAt.getTime()));
  return new Date(from + stopped);
}

/** progressDeadlineSeconds of what is being brought: the template's own while going back, else the rollout's. */
export function deadlineSeconds({ target, rollout }: TargetObservation): number {
  const strategy = target.undoing ? (target.from?.strategy ?? rollout.strategy) : rollout.strategy;
  return strategy.progressDeadlineSeconds;
}

export function deadlineOf(o: TargetObservation): Date | null {
  const from = runningSince(o);
  return from === null ? null : new Date(from.getTime() + deadlineSeconds(o) * 1000);
}

/** Waits for what is being made to become healthy, until the deadline; after it the target fails, naming what stands in the way. */
export function waitHealthy(o: TargetObservation, standing: Standing, ripeInMilliseconds: number | null = null): Draft {
  const blame = o.live.kind === 'PRESENT' ? worstFault(o, o.live) : null;
  const events = eventsDue(o, blame);
  const late = events instanceof Date || events === null ? overdue(o, standing) : events;
  if (late !== null) return late;
  const ripe = ripeInMilliseconds === null ? null : new Date(o.now.getTime() + ripeInMilliseconds);
  const lookAt = soonest(ripe, deadlineOf(o), events instanceof Date ? events : null);
  if (blame === null || quietFor(o, blame.fault) !== null) return { reason: because('WAITING', { standing }), lookAt };
  const { code, data } = foundAt(blame);
  return {
    reason: because('WAITING_FOR_POD', { pod: blame.pod, cause: code, message: causeSentence({ code, data }) }),
    lookAt,
    show: true,
  };
}

/** As `waitHealthy`, for a side that was judged; it is looked at again when its next pod will have been Ready for long enough. */
export function waitUntilHealthy(o: TargetObservation, side: Side, verdict: Verdict): Draft {
  return waitHealthy(o, standingOf(o, side, verdict), verdict.ripeInMilliseconds);
}

/** The failure of a passed deadline, null before it. */
export function overdue(o: TargetObservation, standing: Standing): Draft | null {
  const deadline = deadlineOf(o);
  if (deadline === null || o.now < deadline) return null;
  const blame = o.live.kind === 'PRESENT' ? worstFault(o, o.live) : null;
  const log = logOf(o, blame);
  if (blame !== null && log === undefined) return readLog(blame);
  const before = o.target.undoing ? unreadyEdit(o.target.from) : null;
  return fail(deadlineFailure(o.target, { seconds: deadlineSeconds(o), what: describeStanding(standing), before }, blame, log ?? null));
}

/** How far a side is, and what is in the way of judging it. */
function standingOf({ live, target }: TargetObservation, side: Side, verdict: Verdict): Standing {
  if (live.kind !== 'PRESENT') return { is: 'NOT_THERE', release: side.release };
  if (live.observedGeneration < live.generation) return { is: 'NOT_SEEN' };
  const standing = { is: 'PODS' as const, ready: verdict.ready, pods: live.replicas, release: side.release, old: verdict.split.old };
  return target.undoing ? { ...standing, ...beforeOf(side), back: true } : standing;
}

/** The earliest of the times that are known, null where none is. */
export function soonest(...times: (Date | null)[]): Date | null {
  const known = times.filter((time) => time !== null).map((time) => time.getTime());
  return known.length === 0 ? null : new Date(Math.min(...known));
}

/** Why nothing moves forward. */
export function standstillReason({ rollout }: TargetObservation): Reason {
  return because('STANDSTILL', { rollout: rollout.intent === null ? rolloutPhases[rollout.phase].word : null });
}
