/** PAUSE: holds once the pods are healthy, for a time or until promoted. Its time counts from the target's own healthy moment. A pause skips no health. */
import { z } from 'zod';
import type { LiveDeployment, Side } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { waitUntilHealthy } from '../live/deadline.ts';
import { watchHold } from '../live/held.ts';
import { sideOf, wait } from '../draft.ts';
import { judgeGated, splitOf } from '../live/health.ts';
import { freezeSplit } from './open.ts';
import { isGateless, misfitOf } from './pods.ts';
import type { Hold, Look, StageHandler, StageOf, Visit } from './stage.ts';

type Pause = StageOf<'PAUSE'>;
/** RFC 3339. */
type PauseProgress = { heldAt: string };

export const pauseStage: StageHandler<Pause, PauseProgress> = {
  codec: z.object({ heldAt: z.iso.datetime() }),

  look(stage, progress, visit) {
    const { o, live } = visit;
    const to = sideOf(o);
    if (isGateless(live, to)) return { kind: 'SKIP', reason: null };
    const { over } = pauseHold(stage, progress, o.wave.promotedStep, o.now);
    // Not shown once it is over: the rollout is about to change this very row.
    if (o.target.phase === 'HELD') {
      const draft = over ? wait(because('HOLD_OVER', heldAt(to, live))) : { ...wait(holdReason(stage, to, live)), show: true };
      return { kind: 'STAY', draft };
    }
    const unhealthy = unhealthyAt(visit, to);
    if (unhealthy !== null) return unhealthy;
    if (over) return { kind: 'DONE', reason: because('PAUSE_OVER', {}) };
    return { kind: 'REST', reason: holdReason(stage, to, live), progress: progress ?? { heldAt: o.now.toISOString() } };
  },

  hold: pauseHold,

  watch(_stage, progress, { o, live }) {
    const to = sideOf(o);
    return progress === null || isGateless(live, to) ? null : watchHold(o, live, new Date(progress.heldAt), heldAt(to, live));
  },

  /** Somebody has opened the gate. */
  freeze: (_stage, visit, why) => freezeSplit(visit, why),

  misfit: (stage, visit) => misfitOf(visit, stage),
};

/** Before the first write there is nothing yet to be healthy. */
function unhealthyAt({ o, live }: Visit, to: Side): Look | null {
  if (live.template !== to.template) return null;
  const verdict = judgeGated(live, to);
  return verdict.healthy ? null : { kind: 'STAY', draft: waitUntilHealthy(o, to, verdict) };
}

function pauseHold({ seconds, step }: Pause, progress: PauseProgress | null, promotedStep: number, now: Date): Hold {
  const ends = seconds === null || progress === null ? null : new Date(Date.parse(progress.heldAt) + seconds * 1000);
  const over = promotedStep >= step || (ends !== null && now >= ends);
  return { ends, over, needs: seconds === null ? 'PROMOTE' : 'TIME' };
}

function holdReason({ seconds }: Pause, to: Side, live: LiveDeployment): Reason {
  return seconds === null ? because('HELD_FOR_PROMOTION', heldAt(to, live)) : because('HELD_FOR', { ...heldAt(to, live), seconds });
}

/** What is really there. */
function heldAt(to: Side, live: LiveDeployment): { new: number; pods: number; release: number } {
  return { new: live.template === to.template ? splitOf(live).new : 0, pods: live.replicas, release: to.release };
}
