/** PODS: exact counts on the closed gate. It walks to its share in chunks of maxSurge, each of which is healthy before the next; it only ever moves forward. */
import { z } from 'zod';
import { scaleFieldManager } from '../../../clusters/core/managers.ts';
import { scaledWhileHeld } from '../failure.ts';
import type { Failure } from '../failure.ts';
import type { AnyStage, LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { canaryCount, expectedSplit, goalOf, limitsOf, nextWrite, resolveLimits } from '../steps.ts';
import type { Amounts, Goal, Limits, Split } from '../steps.ts';
import { waitUntilHealthy } from '../live/deadline.ts';
import { autoscalerOf, sideOf, applyGate, openGateOf } from '../draft.ts';
import { judgeGated, readyNow, splitOf } from '../live/health.ts';
import { freezeSplit, isOnIt, preflightDue } from './open.ts';
import { badFirst } from './superseded.ts';
import type { Look, Share, StageHandler, StageOf, Visit } from './stage.ts';

type Pods = StageOf<'PODS'>;
/** How many pods the stage has come to ask for; only a share that repeats keeps it. */
type PodsProgress = { goal: number };

export const podsStage: StageHandler<Pods, PodsProgress> = {
  codec: z.object({ goal: z.int().min(1) }),

  look(stage, progress, visit) {
    const { o, live } = visit;
    const to = sideOf(o);
    if (isGateless(live, to)) return { kind: 'SKIP', reason: null };
    return isOnIt(o, live, to) ? nextChunk(stage, progress, visit, to) : firstWrite(stage, progress, visit, to);
  },

  /** Somebody has opened the gate. */
  freeze: (_stage, visit, why) => freezeSplit(visit, why),

  misfit: (stage, visit) => misfitOf(visit, stage),
};

/**
 * Nothing can be split: there are no pods, or the gate is open on `to` already. Where the live template is the new one no gate is closed: all pods would read
 * unavailable. The same where the new one's pods have run all the time beside a canary of another template that was superseded.
 */
export function isGateless(live: LiveDeployment, to: Side): boolean {
  if (live.template === to.template) return live.gate === 'OPEN';
  const serves = live.others.some((one) => one.template === to.template && one.replicas > 0 && !one.gateClosed);
  return serves || live.replicas === 0;
}

/** The first write of a list, also repeated after a crash, a 409 or somebody else's template. */
function firstWrite(stage: Pods, progress: PodsProgress | null, visit: Visit, to: Side): Look {
  const { o, live } = visit;
  const n = live.replicas;
  const { goal, kept } = goalAt(stage.share, progress, n, 0, limitsAt(o, n));
  const next = nextWrite(goal, n, limitsAt(o, n), null, goal.kind === 'REST' ? readyBeside(live, to) : 0, autoscalerOf(o)?.least);
  const due = preflightDue(o, to, next === null ? openGateOf(o.rollout.strategy) : { closed: true, ...next });
  if (due !== null) return { kind: 'STAY', draft: due };
  if (live.template === to.template) {
    const reason = because('TAKING_UP', { release: to.release, new: splitOf(live).new, pods: n });
    return { kind: 'STAY', draft: applyGate(o, live, { which: 'TO', closed: true, amounts: amountsOf(live), reason }) };
  }
  if (goal.kind === 'SKIP') return skipStage(stage.share, n);
  if (next === null) return { kind: 'SKIP', reason: null };
  const first = badFirst(o, live);
  return first !== null ? { kind: 'STAY', draft: first } : raiseTo(visit, to, goal, next, 0, kept);
}

/**
 * Ready pods of `to` beside another template that stands: after somebody has edited or undone a canary, they are still there. They count, because the controller
 * adds what is written to the pods that there are.
 */
function readyBeside(live: LiveDeployment, to: Side): number {
  const [beside] = live.others.filter(({ template }) => template === to.template);
  return beside === undefined ? 0 : readyNow([beside]);
}

/** With the gate closed on `to`: the next chunk once this one is healthy. */
function nextChunk(stage: Pods, progress: PodsProgress | null, visit: Visit, to: Side): Look {
  const { o, live } = visit;
  const verdict = judgeGated(live, to);
  if (!verdict.healthy) return { kind: 'STAY', draft: waitUntilHealthy(o, to, verdict) };
  const n = live.replicas;
  const standing = verdict.split.new;
  const limits = limitsAt(o, n);
  const { goal, kept } = goalAt(stage.share, progress, n, standing, limits);
  if (goal.kind === 'SKIP') return skipStage(stage.share, n);
  const isReached = goal.kind === 'REST' && standing >= goal.canary && standing < n && !stage.rest;
  const next = isReached ? null : nextWrite(goal, n, limits, amountsOf(live), standing, autoscalerOf(o)?.least);
  if (next !== null) return raiseTo(visit, to, goal, next, standing, kept);
  return { kind: 'DONE', reason: because('PODS_READY', { ready: standing, pods: n, release: to.release, wanted: null }) };
}

/** What the share asks for at the live N. One that repeats asks for the next lot as soon as the one before stands. */
function goalAt(
  share: Share,
  progress: PodsProgress | null,
  n: number,
  standing: number,
  limits: Limits,
): { goal: Goal; kept: PodsProgress | null } {
  if ('weight' in share) return { goal: goalOf(n, share.weight, limits), kept: null };
  if ('count' in share) return { goal: { kind: 'REST', canary: Math.min(n, share.count) }, kept: null };
  const isDue = progress === null || standing >= progress.goal;
  const canary = isDue ? Math.min(n, standing + share.each) : Math.min(n, progress.goal);
  return { goal: { kind: 'REST', canary }, kept: { goal: Math.max(1, canary) } };
}

function raiseTo({ o, live }: Visit, to: Side, goal: Goal, amounts: Amounts, standing: number, kept: PodsProgress | null): Look {
  const draft = applyGate(o, live, { which: 'TO', closed: true, amounts, reason: raiseReason(live.replicas, to, goal, amounts, standing) });
  return kept === null ? { kind: 'STAY', draft } : { kind: 'STAY', draft, progress: kept };
}

function raiseReason(n: number, { release }: Side, goal: Goal, amounts: Amounts, standing: number): Reason {
  if (goal.kind === 'BESIDE') return because('STARTING_BESIDE', { release });
  const { surge, unavailable } = limitsOf(amounts, n);
  const reached = Math.max(standing, Math.min(n, surge + unavailable));
  if (standing === 0) return because('STARTING', { release, reached, pods: n });
  return reached > standing
    ? because('RAISING', { standing, pods: n, release, reached })
    : because('DROPPING_SURGE', { standing, pods: n, release, ...(surge > 0 && unavailable < standing ? { left: surge } : {}) });
}

function skipStage(share: Share, n: number): Look {
  return { kind: 'SKIP', reason: because('STEP_SKIPPED', { share: 'weight' in share ? `${share.weight}%` : 'A split', pods: n }) };
}

const amountsOf = ({ surge, unavailable }: LiveDeployment): Amounts => ({ surge, unavailable });

export function limitsAt({ rollout }: TargetObservation, n: number): Limits {
  return resolveLimits(rollout.strategy.maxSurge, rollout.strategy.maxUnavailable, n);
}

/**
 * After a change of N by others, the split that is really there must fit the plan, and what ran before must not be gone before the last walk. Null while it fits,
 * or while the controller is still at it.
 */
export function misfitOf({ o, live }: Visit, stage: AnyStage): Failure | null {
  const to = sideOf(o);
  const { stages } = o.target;
  const n = live.replicas;
  if (
    isGateless(live, to) ||
    live.gate === 'OPEN' ||
    sharesOf(stages.slice(0, stages.indexOf(stage) + 1)).some((share) => isWhole(share, n))
  )
    return null;
  // As many as stood before this rollout: not because N has changed.
  if (n > 0 && o.target.gate?.stood === true) return null;
  const { settled, split } = judgeGated(live, to);
  const asked = expectedSplit(live, n).new;
  const detail = settled ? misfitDetail(sharesOf(stages), n, split, { asked, spare: live.replicasBy === scaleFieldManager ? 1 : 0 }) : null;
  return detail === null ? null : scaledWhileHeld(o.target, detail);
}

const sharesOf = (stages: readonly AnyStage[]): Share[] => stages.flatMap((stage) => (isPods(stage) ? [stage.share] : []));

const isPods = (stage: AnyStage): stage is Pods => stage.kind === 'PODS';

/** A share with which all pods become new. */
const isWhole = (share: Share, n: number): boolean =>
  'weight' in share ? share.weight >= 100 : 'count' in share ? share.count >= n : true;

/**
 * @param asked how many new pods the gate asks for: one more than the plan before a SCALE (`fall.ts`)
 * @param spare how many more than the plan there may be: none after a change by others; after a SCALE of ours the one that was held before it
 */
function misfitDetail(
  shares: readonly Share[],
  n: number,
  split: Split,
  { asked, spare }: { asked: number; spare: number },
): string | null {
  if (n === 0) return 'there are no pods any more';
  if (split.old === 0) return `all ${n === 1 ? '1 pod' : `${n} pods`} run the new release before the last step`;
  const largest = Math.max(0, ...shares.map((share) => largestOf(share, n)));
  return split.new > Math.max(largest + spare, asked)
    ? `${split.new} of ${n} pods run the new release, the plan has at most ${largest} before the last step`
    : null;
}

/** The most new pods that a share rests at with old ones beside. */
function largestOf(share: Share, n: number): number {
  if ('each' in share) return n - 1;
  if (isWhole(share, n)) return 0;
  return 'weight' in share ? canaryCount(n, share.weight) : share.count;
}
