import type { Fault } from '../../common/fault.ts';
import type { ResolvedDocument } from './document.ts';
import { at } from './json.ts';

/** What a document that says nothing gets: a native Deployment's maxSurge, but no pod taken away before its successor is there. */
export const STRATEGY_DEFAULTS = {
  type: 'ROLLING',
  maxSurge: '25%',
  maxUnavailable: 0,
  progressDeadlineSeconds: 600,
  minReadySeconds: 0,
} as const;

const isZero = (amount: unknown): boolean => amount === 0 || amount === '0%';

function stepFaults(steps: NonNullable<NonNullable<ResolvedDocument['strategy']>['steps']>): Fault[] {
  const faults: Fault[] = [];
  let highest = 0;
  if (steps.length === 0) faults.push({ pointer: '/strategy/steps', detail: 'must have at least one step' });
  else if (steps[0] && !('weight' in steps[0]))
    faults.push({
      pointer: '/strategy/steps/0',
      detail: 'must be a weight: before the first one nothing has changed that a pause could be for',
    });
  steps.forEach(({ weight }, index) => {
    if (typeof weight !== 'number') return;
    if (weight <= highest)
      faults.push({ pointer: at('/strategy/steps', index, 'weight'), detail: `must be more than ${highest}, the weight before it` });
    highest = Math.max(highest, weight);
  });
  return faults;
}

/** What is wrong with the strategy of a document beyond its shape: no steps for a canary or steps for anything else, weights that do not rise, no room to move, a deadline that every pod would miss. */
export function strategyFaults({ strategy = {}, minReadySeconds = STRATEGY_DEFAULTS.minReadySeconds }: ResolvedDocument): Fault[] {
  const {
    type = STRATEGY_DEFAULTS.type,
    maxSurge = STRATEGY_DEFAULTS.maxSurge,
    maxUnavailable = STRATEGY_DEFAULTS.maxUnavailable,
    steps,
  } = strategy;
  const { progressDeadlineSeconds = STRATEGY_DEFAULTS.progressDeadlineSeconds } = strategy;
  const faults: Fault[] = [];
  if (type === 'CANARY' && steps === undefined) faults.push({ pointer: '/strategy/steps', detail: 'is required for CANARY' });
  if (type === 'CANARY' && steps) faults.push(...stepFaults(steps));
  if (type !== 'CANARY' && steps !== undefined)
    faults.push({ pointer: '/strategy/steps', detail: `belongs to CANARY, and the type is ${type}` });
  if (isZero(maxSurge) && isZero(maxUnavailable))
    faults.push({
      pointer: strategy.maxSurge === undefined ? '/strategy/maxUnavailable' : '/strategy/maxSurge',
      detail: 'cannot be zero together with the other one: nothing could move',
    });
  if (typeof progressDeadlineSeconds === 'number' && typeof minReadySeconds === 'number' && progressDeadlineSeconds <= minReadySeconds)
    faults.push({
      pointer: strategy.progressDeadlineSeconds === undefined ? '/minReadySeconds' : '/strategy/progressDeadlineSeconds',
      detail: `the deadline, ${progressDeadlineSeconds} s, must be more than minReadySeconds, ${minReadySeconds} s: no pod could become available in time`,
    });
  return faults;
}
