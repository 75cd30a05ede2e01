/** SCALE: the number of pods. `alone` it is all that changes, beside whatever else goes on at the placement; else it is the step after the pods were replaced. */
import { z } from 'zod';
import { scaledByOthers } from '../failure.ts';
import type { LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { limitsOf } from '../steps.ts';
import { overdue, waitHealthy } from '../live/deadline.ts';
import { fail } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { readyNow, splitOf } from '../live/health.ts';
import { freezeSplit } from './open.ts';
import { waitBeforeFall } from './fall.ts';
import { numberBefore, scaleBack, scaleDue, scaleForward } from './number.ts';
import type { StageHandler, StageOf } from './stage.ts';

/** `from`: the live number at the last request; null where the row is from before it was kept. */
const codec = z.object({ from: z.number().int().nullable().default(null) });
type Progress = z.infer<typeof codec>;

export const scaleStage: StageHandler<StageOf<'SCALE'>, Progress> = {
  codec,

  look({ number, alone }, progress, { o, live }) {
    if (alone && number === 'WANTED') {
      const request = requestDue(o, live, progress?.from ?? o.target.replicasBefore);
      if (request !== null) return { kind: 'STAY', draft: request, progress: { from: live.replicas } };
    } else {
      const write = number === 'BEFORE' ? backDue(o, live) : scaleDue(o, live) ? scaleForward(o, live) : null;
      if (write !== null) return { kind: 'STAY', draft: write };
    }
    const ready = readyNow([live.current, ...live.others]);
    const standing = { ready, pods: live.replicas };
    if (alone && !isScaled(live) && !(number === 'BEFORE' && isReplaced(o)))
      return { kind: 'STAY', draft: waitHealthy(o, { is: 'READY', ...standing }) };
    return { kind: 'DONE', reason: because('SCALED', standing) };
  },

  freeze: ({ alone }, visit, why) => (alone ? null : freezeSplit(visit, why)),
};

function backDue(o: TargetObservation, live: LiveDeployment): Draft | null {
  const before = numberBefore(o, live);
  return before === null ? null : (waitBeforeFall(o, live, before) ?? scaleBack(live, before));
}

/** Another number has been asked for since: nothing of this target's stands. */
function isReplaced({ target: { replicasBefore, replicasAfter } }: TargetObservation): boolean {
  return replicasAfter === null || replicasAfter === replicasBefore;
}

/**
 * The number that a request asks for. Somebody else's, set after ours, fails it; while ours may still be on its way nothing is said.
 *
 * @param from the live number when it was last requested; null before
 */
function requestDue(o: TargetObservation, live: LiveDeployment, from: number | null): Draft | null {
  const { target, placement } = o;
  const wanted = placement.replicas;
  if (live.replicas === wanted) return null;
  if (target.written && target.replicasAfter === wanted) {
    if (live.replicas !== from) return fail(scaledByOthers(target, live.replicas, wanted));
    const late = overdue(o, { is: 'NUMBER_STANDS', replicas: live.replicas });
    if (late !== null) return late;
  }
  return waitBeforeFall(o, live, wanted) ?? scaleForward(o, live);
}

/** N pods stand and are Ready; a canary held beside may have its surge above that. */
export function isScaled(live: LiveDeployment): boolean {
  const split = splitOf(live);
  const total = split.new + split.old;
  const room = split.old > 0 ? limitsOf(live, live.replicas).surge : 0;
  const seen = live.observedGeneration >= live.generation && live.current !== null;
  return seen && total >= live.replicas && total <= live.replicas + room && readyNow([live.current, ...live.others]) >= live.replicas;
}
