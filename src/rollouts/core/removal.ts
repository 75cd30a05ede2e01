/** Taking a workload away from a placement: what a DELETE does, and what undoing a first release comes to. */
import { mayMove, standstillReason } from './conditions.ts';
import { deadlineOf, overdue } from './deadline.ts';
import { fail, preconditionOf, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { replaced } from './failures.ts';
import type { TargetObservation } from './observation.ts';

/** A target without a `to`: everything of ours goes. */
export function removeTarget(o: TargetObservation): Draft {
  if (o.writeFailure !== null) return fail(o, o.writeFailure.failure);
  if (!mayMove(o)) return { ...wait(standstillReason(o)), stopped: true };
  const step = removal(o, o.rollout.strategy.progressDeadlineSeconds);
  if (step !== 'GONE') return step;
  return {
    reason: `${o.placement.workload} is removed.`,
    set: { phase: 'SUCCEEDED', written: true },
    event: 'target.succeeded',
    stopped: false,
  };
}

/** One step of removing; 'GONE' once the Deployment is gone and this holder has removed the rest. What is not ours stays. */
export function removal(o: TargetObservation, seconds: number): Draft | 'GONE' {
  const { live, target, placement, finished } = o;
  if (live.kind !== 'ABSENT' && live.kind !== 'PRESENT') return wait('The cluster has not been listed yet.');
  const present = live.kind === 'PRESENT' && live.ours ? live : null;
  if (present !== null && target.uid !== null && present.uid !== target.uid) return fail(o, replaced(target, placement.workload));
  if (present === null && finished === 'DELETE') return 'GONE';
  if (present !== null && finished === 'DELETE') {
    const late = overdue(o, seconds, `${placement.workload} is not gone yet`);
    return late ?? wait(`${placement.workload} is being deleted: waiting until its pods are gone.`, deadlineOf(o, seconds));
  }
  const reason = `Removing ${placement.workload}.`;
  const action = { kind: 'DELETE' as const, precondition: present === null || present.terminating ? null : preconditionOf(present) };
  if (target.written) return { reason, action, stopped: false };
  return { reason, set: { written: true, enteredAt: o.now }, event: 'target.started', action, stopped: false };
}
