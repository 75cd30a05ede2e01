import type { Fault } from '../../platform/fault.ts';
import { isStuck, maxUnavailableFor } from './amounts.ts';
import type { ResolvedDocument } from './document.ts';
import { at } from './json.ts';

/** The defaults: a native Deployment's, but for `maxUnavailable`, and with a grace for what may pass by itself. */
export const STRATEGY_DEFAULTS = {
  type: 'ROLLING',
  maxSurge: '25%',
  progressDeadlineSeconds: 600,
  failureGraceSeconds: 15,
  minReadySeconds: 0,
} as const;

/** Faults of a canary's steps, whether a document or a request has them: none at all, a pause before anything has changed, weights that do not rise. */
export function stepFaults(steps: readonly object[]): Fault[] {
  const faults: Fault[] = [];
  let highest = 0;
  if (steps.length === 0) faults.push({ pointer: '/strategy/steps', detail: 'must have at least one step' });
  else if (steps[0] && !('weight' in steps[0])) faults.push({ pointer: '/strategy/steps/0', detail: 'the first step must be a weight' });
  steps.forEach((step, index) => {
    const weight = 'weight' in step ? step.weight : undefined;
    if (typeof weight !== 'number') return;
    if (weight <= highest)
      faults.push({ pointer: at('/strategy/steps', index, 'weight'), detail: `must be more than the previous weight, ${highest}` });
    highest = Math.max(highest, weight);
  });
  return faults;
}

/** The sizes of the batches that a document or a request asks for; undefined where it names none. */
export const batchesOf = ({ batches, batchSize }: BatchWish): number[] | undefined =>
  batches !== undefined ? [...batches] : batchSize === undefined ? undefined : [batchSize];

export interface BatchWish {
  batches?: readonly number[] | undefined;
  batchSize?: number | undefined;
}

/** Faults of the batches of a document or a request: none where they are needed, both ways of saying them, or another type. `own`: what stands where they are omitted. */
export function batchFaults(wish: BatchWish & { type?: string | undefined }, pointer: string, own?: readonly number[]): Fault[] {
  const { type = STRATEGY_DEFAULTS.type, batches, batchSize } = wish;
  const named = batches === undefined ? 'batchSize' : 'batches';
  if (type !== 'BATCHES') {
    if (batchesOf(wish) === undefined) return [];
    return [{ pointer: at(pointer, named), detail: `is only allowed with type BATCHES, and the type is ${type}` }];
  }
  if (batches !== undefined && batchSize !== undefined)
    return [{ pointer: at(pointer, 'batchSize'), detail: 'must not be given beside batches' }];
  const missing = batchesOf(wish) === undefined && own === undefined;
  return missing ? [{ pointer: at(pointer, 'batches'), detail: 'batches or batchSize is required for BATCHES' }] : [];
}

/** Faults of a document's strategy beyond its schema: missing or misplaced steps, weights that do not rise, zero surge and unavailable, an impossible deadline. */
export function strategyFaults({ strategy = {}, minReadySeconds = STRATEGY_DEFAULTS.minReadySeconds }: ResolvedDocument): Fault[] {
  const {
    type = STRATEGY_DEFAULTS.type,
    maxSurge = STRATEGY_DEFAULTS.maxSurge,
    maxUnavailable = maxUnavailableFor(maxSurge),
    steps,
  } = strategy;
  const { progressDeadlineSeconds = STRATEGY_DEFAULTS.progressDeadlineSeconds } = strategy;
  const faults: Fault[] = [];
  if (type === 'CANARY' && steps === undefined) faults.push({ pointer: '/strategy/steps', detail: 'is required for CANARY' });
  if (type === 'CANARY' && steps) faults.push(...stepFaults(steps));
  if (type !== 'CANARY' && steps !== undefined)
    faults.push({ pointer: '/strategy/steps', detail: `is only allowed with type CANARY, and the type is ${type}` });
  faults.push(...batchFaults({ ...strategy, type }, '/strategy'));
  if (isStuck(maxSurge, maxUnavailable))
    faults.push({ pointer: '/strategy/maxSurge', detail: 'maxSurge and maxUnavailable must not both be zero' });
  if (typeof progressDeadlineSeconds === 'number' && typeof minReadySeconds === 'number' && progressDeadlineSeconds <= minReadySeconds)
    faults.push({
      pointer: strategy.progressDeadlineSeconds === undefined ? '/minReadySeconds' : '/strategy/progressDeadlineSeconds',
      detail: `the deadline, ${progressDeadlineSeconds} s, must be more than minReadySeconds, ${minReadySeconds} s: no pod could become available in time`,
    });
  return faults;
}
