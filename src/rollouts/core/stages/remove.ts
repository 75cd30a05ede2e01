/** REMOVE: the Deployment and all other objects of ours are deleted. What a removal does, and what undoing a first release comes to. What is not ours stays. */
import { z } from 'zod';
import { replaced } from '../failure.ts';
import type { TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { deadlineOf, overdue } from '../live/deadline.ts';
import { fail, preconditionOf, wait } from '../draft.ts';
import type { Draft } from '../draft.ts';
import type { StageHandler, StageOf } from './stage.ts';

export const removeStage: StageHandler<StageOf<'REMOVE'>> = {
  codec: z.object({}),

  look(_stage, _progress, { o, live }) {
    const { target, placement } = o;
    const { workload } = placement;
    if (target.uid !== null && live.uid !== target.uid) return { kind: 'STAY', draft: fail(replaced(target, workload)) };
    if (o.performed?.kind !== 'DELETE') return { kind: 'STAY', draft: deleting(o, live.terminating ? null : preconditionOf(live)) };
    const late = overdue(o, { is: 'NOT_GONE', workload });
    return { kind: 'STAY', draft: late ?? wait(because('BEING_REMOVED', { workload }), deadlineOf(o)) };
  },
};

/** With no Deployment of ours left: the rest is deleted too; null once this holder has done that. */
export function removeRest(o: TargetObservation): Draft | null {
  return o.performed?.kind === 'DELETE' ? null : deleting(o, null);
}

function deleting({ target, placement, now }: TargetObservation, precondition: ReturnType<typeof preconditionOf> | null): Draft {
  const reason = because('REMOVING', { workload: placement.workload });
  const action = { kind: 'DELETE' as const, precondition };
  return target.written ? { reason, action } : { reason, set: { written: true, enteredAt: now }, event: 'target.started', action };
}
