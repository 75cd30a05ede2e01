/** PAUSE: holds once the pods are healthy, for a time or until promoted. Its time counts from the target's own healthy moment. A pause skips no health. */
import { z } from 'zod';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { waitUntilHealthy } from '../live/deadline.ts';
import { watchHold } from '../live/held.ts';
import { autoscalerOf, sideOf, wait } from '../draft.ts';
import { judgeGated, splitOf } from '../live/health.ts';
import { freezeSplit } from './open.ts';
import { isGateless, limitsAt, misfitOf } from './pods.ts';
import { staysAbove } from '../steps.ts';
import type { HeldSplit } from '../target-reasons.ts';
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
      const draft = over ? wait(because('HOLD_OVER', heldAt(o, to, live))) : { ...wait(holdReason(stage, o, to, live)), show: true };
      return { kind: 'STAY', draft };
    }
    const unhealthy = unhealthyAt(visit, to);
    if (unhealthy !== null) return unhealthy;
    if (over) return { kind: 'DONE', reason: because('PAUSE_OVER', {}) };
    return { kind: 'REST', reason: holdReason(stage, o, to, live), progress: progress ?? { heldAt: o.now.toISOString() } };
  },

  hold: pauseHold,

  watch(_stage, progress, { o, live }) {
    const to = sideOf(o);
    return progress === null || isGateless(live, to) ? null : watchHold(o, live, new Date(progress.heldAt), heldAt(o, to, live));
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

function holdReason({ seconds }: Pause, o: TargetObservation, to: Side, live: LiveDeployment): Reason {
  return seconds === null ? because('HELD_FOR_PROMOTION', heldAt(o, to, live)) : because('HELD_FOR', { ...heldAt(o, to, live), seconds });
}

/** What is really there. */
function heldAt(o: TargetObservation, to: Side, live: LiveDeployment): HeldSplit {
  const autoscaler = autoscalerOf(o);
  const { replicas } = live;
  const split = splitOf(live);
  const isAbove = autoscaler !== null && staysAbove(replicas, split.new, limitsAt(o, replicas), autoscaler.least);
  return {
    new: live.template === to.template ? split.new : 0,
    pods: replicas,
    release: to.release,
    ...(isAbove && split.new + split.old > replicas ? { above: { autoscaler: autoscaler.name, least: autoscaler.least } } : {}),
  };
}
