/** The pauses of a canary: where a target stands at one, and when it may go on. Whether it then goes on is the rollout's to say, which knows how many may move. */
import type { StrategyStep } from '../../workloads/core/strategy.ts';
import type { RolloutState, TargetState, WaveState } from './observation.ts';

export type PauseStep = Exclude<StrategyStep, { weight: number }>;

export interface Pause {
  step: PauseStep;
  /** When a timed pause ends; null before the target has held there, and for an open pause, which ends by being promoted. */
  ends: Date | null;
  /** Its time is up, or it has been promoted. */
  over: boolean;
}

export function isPause(step: StrategyStep): step is PauseStep {
  return !('weight' in step);
}

/** The pause that the target's step is, null where that is a weight or the last walk. Its time counts from the target's own healthy moment, `heldAt`. */
export function pauseOf(now: Date, rollout: RolloutState, wave: WaveState, target: TargetState): Pause | null {
  const step = rollout.strategy.steps[target.step];
  if (step === undefined || !isPause(step)) return null;
  const since = target.heldAt;
  const ends = 'pauseSeconds' in step && since !== null ? new Date(since.getTime() + step.pauseSeconds * 1000) : null;
  return { step, ends, over: wave.promotedStep >= target.step || (ends !== null && now >= ends) };
}
