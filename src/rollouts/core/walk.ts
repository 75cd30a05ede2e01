/** A canary on the closed gate: weights, pauses and chunks, then the last walk to all pods. It only ever moves forward. */
import { progress, waitHealthy } from './deadline.ts';
import { fail, pods, wait } from './draft.ts';
import type { Draft } from './draft.ts';
import { scaledWhileHeld } from './failures.ts';
import { judgeGated, splitOf } from './health.ts';
import type { Verdict } from './health.ts';
import type { LiveDeployment, Side, TargetObservation } from './observation.ts';
import { isPause, pauseOf } from './pauses.ts';
import type { Pause, PauseStep } from './pauses.ts';
import { canaryCount, goalOf, nextWrite, resolveLimits } from './steps.ts';
import type { Goal, Limits, Split, Written } from './steps.ts';
import { applyGate } from './write.ts';
import type { StrategyStep } from '../../workloads/core/strategy.ts';

/**
 * Whether this target walks on the closed gate: a canary from something else that runs, with pods. Where the live pod template is the new one already no gate is
 * closed (all pods would read unavailable), but one that is closed on it is walked on.
 */
export function isGated({ rollout, target }: TargetObservation, to: Side, live: LiveDeployment): boolean {
  if (rollout.strategy.type !== 'CANARY' || target.from === null || target.from.templateDigest === to.templateDigest) return false;
  if (live.gate === 'CLOSED') return live.template === to.templateDigest || live.replicas > 0;
  return live.template !== to.templateDigest && live.replicas > 0;
}

/** The canary's first write, or its entry again after a crash or a 409. Null where nothing but the open gate is left to write. */
export function enterWalk(o: TargetObservation, to: Side, live: LiveDeployment): Draft | null {
  const { target, rollout } = o;
  const pause = pauseAt(o);
  if (pause !== null && live.template !== to.templateDigest) return pauseStep(o, to, live, pause, null);
  if (live.template === to.templateDigest) {
    const reason = `Release ${to.release} is held here already: going on from ${splitOf(live).new} of ${live.replicas} pods.`;
    return applyGate(o, live, {
      side: to,
      which: 'TO',
      closed: true,
      written: { surge: live.surge, unavailable: live.unavailable },
      reason,
    });
  }
  const limits = limitsAt(o, live);
  const goal = goalOf(live.replicas, weightAt(rollout.strategy.steps, target.step), limits);
  if (goal.kind === 'SKIP') return skipStep(o, live);
  const next = nextWrite(goal, live.replicas, limits, null, 0);
  return next === null ? null : raise(o, to, live, goal, next, 0);
}

/** One look at a target whose gate is closed on `to`. 'OPEN' where every pod is new and healthy and only the gate is left. */
export function walk(o: TargetObservation, to: Side, live: LiveDeployment): Draft | 'OPEN' {
  const { target, rollout } = o;
  const { steps, progressDeadlineSeconds } = rollout.strategy;
  const verdict = judgeGated(live, to);
  const pause = pauseAt(o);
  if (pause !== null) return pauseStep(o, to, live, pause, verdict);
  if (!verdict.healthy) return waitHealthy(o, progressDeadlineSeconds, progress(o, to, verdict), verdict.ripeInMilliseconds);
  const limits = limitsAt(o, live);
  const goal = goalOf(live.replicas, weightAt(steps, target.step), limits);
  const next = nextWrite(goal, live.replicas, limits, { surge: live.surge, unavailable: live.unavailable }, verdict.split.new);
  if (next !== null) return raise(o, to, live, goal, next, verdict.split.new);
  if (target.step >= steps.length) return 'OPEN';
  return goal.kind === 'SKIP' ? skipStep(o, live) : advance(o, to, live, verdict);
}

function raise(o: TargetObservation, to: Side, live: LiveDeployment, goal: Goal, written: Written, standing: number): Draft {
  const n = live.replicas;
  const limits = resolveLimits(written.surge, written.unavailable, n);
  const reached = Math.max(standing, Math.min(n, limits.surge + limits.unavailable));
  const before =
    standing === 0 ? `Starting release ${to.release} with` : `${standing} of ${n} pods run release ${to.release} and are Ready;`;
  const then = reached > standing ? (standing === 0 ? `${reached} of ${n} pods.` : `raising to ${reached}.`) : 'giving the surge back.';
  const reason = goal.kind === 'BESIDE' ? `Starting 1 pod of release ${to.release} beside the one that runs.` : `${before} ${then}`;
  return applyGate(o, live, { side: to, which: 'TO', closed: true, written, reason });
}

/**
 * At a pause: held there until it is over and the rollout lets the target go on, which makes it PROGRESSING again. A pause skips no health.
 *
 * @param verdict null before the first write, where there is nothing yet to be healthy
 */
function pauseStep(o: TargetObservation, to: Side, live: LiveDeployment, pause: Pause, verdict: Verdict | null): Draft {
  const { target, rollout } = o;
  if (target.phase === 'HELD') {
    // Not shown: the rollout is about to change this very row.
    if (pause.over) return wait(`${heldAt(to, live)}: the pause is over, its turn comes next.`);
    return { ...wait(holding(to, live, pause.step)), show: true };
  }
  if (verdict !== null && !verdict.healthy) {
    return waitHealthy(o, rollout.strategy.progressDeadlineSeconds, progress(o, to, verdict), verdict.ripeInMilliseconds);
  }
  return pause.over ? advance(o, to, live, verdict) : hold(o, to, live, target.step, pause.step);
}

function hold(o: TargetObservation, to: Side, live: LiveDeployment, index: number, step: PauseStep): Draft {
  const set = { phase: 'HELD', step: index, heldAt: o.target.heldAt ?? o.now } as const;
  return { reason: holding(to, live, step), set, event: 'target.step', stopped: false };
}

function holding(to: Side, live: LiveDeployment, step: PauseStep): string {
  return `${heldAt(to, live)}, ${'pauseSeconds' in step ? `for ${step.pauseSeconds} s` : 'until it is promoted'}.`;
}

/** On to the next step: a pause is entered at once, so that its time counts from this healthy moment. */
function advance(o: TargetObservation, to: Side, live: LiveDeployment, verdict: Verdict | null): Draft {
  const { steps } = o.rollout.strategy;
  const next = o.target.step + 1;
  const following = steps[next];
  const fresh: Draft = {
    reason: '',
    set: { phase: 'PROGRESSING', step: next, heldAt: null, enteredAt: o.now },
    stopped: false,
  };
  if (following !== undefined && isPause(following) && o.wave.promotedStep < next) {
    const held = hold({ ...o, target: { ...o.target, heldAt: null } }, to, live, next, following);
    return { ...held, set: { ...fresh.set, ...held.set } };
  }
  const stands =
    verdict === null ? 'The pause is over' : `${verdict.split.new} of ${live.replicas} pods run release ${to.release} and are Ready`;
  const goes = following === undefined ? 'going on to all of them' : `step ${next + 1} of ${steps.length} is next`;
  return { ...fresh, reason: `${stands}; ${goes}.`, event: 'target.step' };
}

function skipStep(o: TargetObservation, live: LiveDeployment): Draft {
  const reason = `${weightAt(o.rollout.strategy.steps, o.target.step)}% is skipped: ${pods(live.replicas)} cannot be split without a surge.`;
  return { reason, set: { step: o.target.step + 1, enteredAt: o.now }, event: 'target.step', stopped: false };
}

/** Aborts a canary whose split no longer fits the plan, paused or not; null while it fits, or while the controller is still at it. */
export function unfit(o: TargetObservation, to: Side, live: LiveDeployment): Draft | null {
  const { steps } = o.rollout.strategy;
  if (live.gate === 'OPEN' || !isGated(o, to, live) || weightAt(steps, o.target.step) >= 100) return null;
  const { settled, split } = judgeGated(live, to);
  const misfit = settled ? misfitOf(steps, live.replicas, split) : null;
  return misfit === null ? null : fail(o, scaledWhileHeld(o.target, misfit));
}

/** After a change of N the split that is really there is judged: it must fit the plan, and what ran before must not be gone before the last step. */
function misfitOf(steps: readonly StrategyStep[], n: number, split: Split): string | null {
  if (split.old === 0) return `all ${pods(n)} run the new release before the last step`;
  const largest = Math.max(0, ...steps.flatMap((step) => ('weight' in step && step.weight < 100 ? [canaryCount(n, step.weight)] : [])));
  return split.new > largest ? `${split.new} of ${n} pods run the new release, the plan has at most ${largest} before the last step` : null;
}

/** The weight that a step stands on: its own, or that of the last weight before it; 0 before the first, 100 after the last. */
export function weightAt(steps: readonly StrategyStep[], index: number): number {
  if (index >= steps.length) return 100;
  const weights = steps.slice(0, index + 1).flatMap((step) => ('weight' in step ? [step.weight] : []));
  return weights.at(-1) ?? 0;
}

function pauseAt({ now, rollout, wave, target }: TargetObservation): Pause | null {
  return pauseOf(now, rollout, wave, target);
}

function limitsAt({ rollout }: TargetObservation, live: LiveDeployment): Limits {
  return resolveLimits(rollout.strategy.maxSurge, rollout.strategy.maxUnavailable, live.replicas);
}

/** "Held at 2 of 10 pods on release 7": what is really there. */
function heldAt(to: Side, live: LiveDeployment): string {
  return `Held at ${live.template === to.templateDigest ? splitOf(live).new : 0} of ${live.replicas} pods on release ${to.release}`;
}
