import type { Fault } from '../../platform/fault.ts';
import { isStuck } from '../../templates/core/amounts.ts';
import { batchesOf, batchFaults, stepFaults } from '../../templates/core/strategy.ts';
import { graceSeconds } from '../../workloads/core/strategy.ts';
import type { Strategy, StrategyStep } from '../../workloads/core/strategy.ts';

/**
 * The default revision of a rollout: the newest, unless a rollback chose an older one and no revision has been posted since.
 *
 * @returns null if the template has no revision yet
 */
export function defaultRevision(latest: number, pinned: number | null, latestWhenPinned: number | null): number | null {
  if (pinned !== null && latestWhenPinned === latest) return pinned;
  return latest === 0 ? null : latest;
}

/** The strategy in a request. */
export interface StrategyWish {
  type: Strategy['type'];
  maxSurge?: number | string;
  maxUnavailable?: number | string;
  steps?: readonly { weight?: number; pauseSeconds?: number; pause?: true }[];
  batches?: readonly number[];
  batchSize?: number;
  progressDeadlineSeconds?: number;
  failureGraceSeconds?: number;
}

/** The revision's strategy, overridden by the request's. Faults point into the request. */
export function chosenStrategy(own: Strategy, wish: StrategyWish | undefined): { strategy: Strategy } | { faults: Fault[] } {
  if (!wish) return { strategy: own };
  const steps = wish.type === 'CANARY' ? ((wish.steps as StrategyStep[] | undefined) ?? own.steps) : [];
  const batches = wish.type === 'BATCHES' ? (batchesOf(wish) ?? own.batches) : undefined;
  const strategy: Strategy = {
    type: wish.type,
    maxSurge: wish.maxSurge ?? own.maxSurge,
    maxUnavailable: wish.maxUnavailable ?? own.maxUnavailable,
    steps,
    ...(batches === undefined ? {} : { batches }),
    minReadySeconds: own.minReadySeconds,
    progressDeadlineSeconds: wish.progressDeadlineSeconds ?? own.progressDeadlineSeconds,
    failureGraceSeconds: wish.failureGraceSeconds ?? graceSeconds(own),
  };
  const faults = [...wishedStepFaults(wish, steps), ...batchFaults(wish, '/strategy', own.batches), ...numberFaults(strategy)];
  return faults.length > 0 ? { faults } : { strategy };
}

function wishedStepFaults(wish: StrategyWish, steps: readonly StrategyStep[]): Fault[] {
  if (wish.type !== 'CANARY') return wish.steps ? [{ pointer: '/strategy/steps', detail: 'only allowed with type CANARY' }] : [];
  if (steps.length === 0) return [{ pointer: '/strategy/steps', detail: 'required for type CANARY: the revision has none' }];
  return stepFaults(steps);
}

function numberFaults(strategy: Strategy): Fault[] {
  const faults: Fault[] = [];
  if (isStuck(strategy.maxSurge, strategy.maxUnavailable)) {
    faults.push({ pointer: '/strategy/maxSurge', detail: 'maxSurge and maxUnavailable must not both be zero' });
  }
  if (strategy.progressDeadlineSeconds <= strategy.minReadySeconds) {
    faults.push({
      pointer: '/strategy/progressDeadlineSeconds',
      detail: `must be more than minReadySeconds, ${strategy.minReadySeconds}`,
    });
  }
  return faults;
}
