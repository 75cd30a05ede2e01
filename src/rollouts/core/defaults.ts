import type { Fault } from '../../common/fault.ts';
import type { Strategy, StrategyStep } from '../../workloads/core/strategy.ts';

/**
 * The revision that a rollout takes when its request names none: the newest, unless a rollback chose an older one and nothing newer has been posted since.
 *
 * @returns null where the template has no revision yet
 */
export function defaultRevision(latest: number, pinned: number | null, latestWhenPinned: number | null): number | null {
  if (pinned !== null && latestWhenPinned === latest) return pinned;
  return latest === 0 ? null : latest;
}

/** What a request says of the strategy. */
export interface StrategyWish {
  type: Strategy['type'];
  maxSurge?: number | string;
  maxUnavailable?: number | string;
  steps?: readonly { weight?: number; pauseSeconds?: number; pause?: true }[];
  progressDeadlineSeconds?: number;
}

/** The revision's own strategy with the request's laid over it; faults point into the request. */
export function chosenStrategy(own: Strategy, wish: StrategyWish | undefined): { strategy: Strategy } | { faults: Fault[] } {
  if (!wish) return { strategy: own };
  const steps = wish.type === 'CANARY' ? ((wish.steps as StrategyStep[] | undefined) ?? own.steps) : [];
  const strategy: Strategy = {
    type: wish.type,
    maxSurge: wish.maxSurge ?? own.maxSurge,
    maxUnavailable: wish.maxUnavailable ?? own.maxUnavailable,
    steps,
    minReadySeconds: own.minReadySeconds,
    progressDeadlineSeconds: wish.progressDeadlineSeconds ?? own.progressDeadlineSeconds,
  };
  const faults = [...stepFaults(wish, steps), ...numberFaults(strategy)];
  return faults.length > 0 ? { faults } : { strategy };
}

function stepFaults(wish: StrategyWish, steps: readonly StrategyStep[]): Fault[] {
  if (wish.type === 'ROLLING') return wish.steps ? [{ pointer: '/strategy/steps', detail: 'are for CANARY' }] : [];
  if (steps.length === 0) return [{ pointer: '/strategy/steps', detail: 'are needed for CANARY: the revision has none' }];
  if (steps[0] && !('weight' in steps[0]))
    return [{ pointer: '/strategy/steps/0', detail: 'must be a weight: before it nothing has changed' }];
  const weights = steps.flatMap((step, i) => ('weight' in step ? [{ i, weight: step.weight }] : []));
  return weights.flatMap(({ i, weight }, place) => {
    const before = weights[place - 1];
    return before && before.weight >= weight
      ? [{ pointer: `/strategy/steps/${i}/weight`, detail: `must be larger than the weight before it, ${before.weight}` }]
      : [];
  });
}

function numberFaults(strategy: Strategy): Fault[] {
  const isZero = (amount: number | string): boolean => Number.parseInt(String(amount), 10) === 0;
  const faults: Fault[] = [];
  if (isZero(strategy.maxSurge) && isZero(strategy.maxUnavailable)) {
    faults.push({ pointer: '/strategy/maxSurge', detail: 'and maxUnavailable cannot both be zero: no pod could ever be replaced' });
  }
  if (strategy.progressDeadlineSeconds <= strategy.minReadySeconds) {
    faults.push({
      pointer: '/strategy/progressDeadlineSeconds',
      detail: `must be larger than minReadySeconds, ${strategy.minReadySeconds}`,
    });
  }
  return faults;
}
