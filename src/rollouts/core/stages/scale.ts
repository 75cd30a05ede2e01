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
import { numberBefore, scaleBack, scaleDue, scaleForward } from './number.ts';
import type { StageHandler, StageOf } from './stage.ts';

export const scaleStage: StageHandler<StageOf<'SCALE'>> = {
  codec: z.object({}),

  look({ number, alone }, _progress, { o, live }) {
    const write = number === 'BEFORE' ? backDue(o, live) : alone ? requestDue(o, live) : scaleDue(o, live) ? scaleForward(o, live) : null;
    if (write !== null) return { kind: 'STAY', draft: write };
    const ready = readyNow([live.current, ...live.others]);
    const standing = { ready, pods: live.replicas };
    if (alone && !isScaled(live)) return { kind: 'STAY', draft: waitHealthy(o, { is: 'READY', ...standing }) };
    return { kind: 'DONE', reason: because('SCALED', standing) };
  },

  freeze: ({ alone }, visit, why) => (alone ? null : freezeSplit(visit, why)),
};

function backDue(o: TargetObservation, live: LiveDeployment): Draft | null {
  const before = numberBefore(o, live);
  return before === null ? null : scaleBack(live, before);
}

/** The number that a request asks for. Somebody else's, set after ours, fails it; while ours may still be on its way nothing is said. */
function requestDue(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { target, placement } = o;
  const wanted = placement.replicas;
  if (live.replicas === wanted) return null;
  if (target.written && target.replicasAfter === wanted) {
    if (live.replicas !== target.replicasBefore) return fail(scaledByOthers(target, live.replicas, wanted));
    const late = overdue(o, { is: 'NUMBER_STANDS', replicas: live.replicas });
    if (late !== null) return late;
  }
  return scaleForward(o, live);
}

/** N pods stand and are Ready; a canary held beside may have its surge above that. */
export function isScaled(live: LiveDeployment): boolean {
  const split = splitOf(live);
  const total = split.new + split.old;
  const room = split.old > 0 ? limitsOf(live, live.replicas).surge : 0;
  const seen = live.observedGeneration >= live.generation && live.current !== null;
  return seen && total >= live.replicas && total <= live.replicas + room && readyNow([live.current, ...live.others]) >= live.replicas;
}
