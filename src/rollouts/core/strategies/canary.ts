import type { Strategy, StrategyStep } from '../../../workloads/core/strategy.ts';
import type { Stage, Compiler } from '../stages/stage.ts';

/** CANARY: weights and pauses in the user's order, then a walk to all pods. */
export const canary: Compiler = {
  stages: ({ steps }: Strategy) => [...steps.map(stageOf), { kind: 'PODS', step: steps.length, share: { weight: 100 }, rest: true }],
  steps: ({ steps }) => steps.length,
};

function stageOf(of: StrategyStep, step: number): Stage {
  if ('weight' in of) return { kind: 'PODS', step, share: { weight: of.weight }, rest: true };
  return { kind: 'PAUSE', step, seconds: 'pauseSeconds' in of ? of.pauseSeconds : null };
}
