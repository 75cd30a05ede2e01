/** One step of a canary: exactly one of a weight (per cent of the pods, 1..100), a timed pause (seconds, > 0) and an open pause (until promoted). */
export type StrategyStep = { weight: number } | { pauseSeconds: number } | { pause: true };

/**
 * How a release replaces the one before it, with every default filled in and every placeholder replaced.
 *
 * - `maxSurge`, `maxUnavailable`: a count of pods (>= 0) or a percentage such as `25%` (`0%`..`100%`), as in a native Deployment's `rollingUpdate`. They are never both zero as written; both may still
 *   *resolve* to zero for a small number of pods.
 * - `steps`: empty for ROLLING; for CANARY at least one, the weights rising.
 * - `minReadySeconds`: the template's own (>= 0), what a Deployment with the gate open has.
 * - `progressDeadlineSeconds`: always greater than `minReadySeconds`.
 */
export interface Strategy {
  type: 'ROLLING' | 'CANARY';
  maxSurge: number | string;
  maxUnavailable: number | string;
  steps: StrategyStep[];
  minReadySeconds: number;
  progressDeadlineSeconds: number;
}
