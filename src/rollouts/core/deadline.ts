/** The deadline of a step: ours, since the cluster's own is switched off while the gate is closed. */
import { fail, logOf, pods, readLog } from './draft.ts';
import type { Draft } from './draft.ts';
import { pastDeadline } from './failures.ts';
import { slowTrouble } from './health.ts';
import type { Verdict } from './health.ts';
import type { Side, TargetObservation } from './observation.ts';
import { runningSince, soonest } from './times.ts';

/** progressDeadlineSeconds after the later of the step's entry and the moment when a new pod last became Ready; time paused or unreachable since is added. */
export function deadlineOf(o: TargetObservation, seconds: number): Date | null {
  const from = runningSince(o);
  return from === null ? null : new Date(from.getTime() + seconds * 1000);
}

/** Waits for what is being made to become healthy, until the deadline; after it the target fails, naming what stands in the way. `what` says how far it is. */
export function waitHealthy(o: TargetObservation, seconds: number, what: string, ripeInMilliseconds: number | null): Draft {
  const late = overdue(o, seconds, what);
  if (late !== null) return late;
  const ripe = ripeInMilliseconds === null ? null : new Date(o.now.getTime() + ripeInMilliseconds);
  const blame = o.live.kind === 'PRESENT' ? slowTrouble(o.live) : null;
  const draft = { lookAt: soonest(ripe, deadlineOf(o, seconds)), stopped: false };
  if (blame === null || quietReasons.has(blame.trouble.reason)) return { ...draft, reason: `Waiting: ${what}.` };
  const whom = blame.pod === null ? 'pods to be created' : `pod ${blame.pod}`;
  return { ...draft, reason: `Waiting for ${whom}: ${blame.trouble.reason}: ${blame.trouble.message}`, show: true };
}

/** What stands in the way of everything while somebody else's deletion, finalizers included, is under way. */
export const BEING_DELETED = 'the Deployment is being deleted by somebody else';

/** Every pod says so while it starts: not worth a line of the timeline. */
const quietReasons = new Set(['NotReady', 'ContainersNotReady']);

/** The failure of a passed deadline, null before it. */
export function overdue(o: TargetObservation, seconds: number, what: string): Draft | null {
  const deadline = deadlineOf(o, seconds);
  if (deadline === null || o.now < deadline) return null;
  const blame = o.live.kind === 'PRESENT' ? slowTrouble(o.live) : null;
  const log = logOf(o, blame);
  if (blame !== null && log === undefined) return readLog(blame);
  return fail(o, pastDeadline(o.target, seconds, what, blame, log ?? null));
}

/** "4 of 10 pods run release 7 and are Ready", and what is in the way of judging it. */
export function progress({ live }: TargetObservation, side: Side, verdict: Verdict): string {
  if (live.kind !== 'PRESENT') return `the Deployment of release ${side.release} is not there yet`;
  if (live.observedGeneration < live.generation) return "the cluster's Deployment controller has not seen the last write";
  const old = verdict.split.old === 0 ? '' : `, ${pods(verdict.split.old)} of what ran before`;
  return `${verdict.ready} of ${live.replicas} pods run release ${side.release} and are Ready${old}`;
}
