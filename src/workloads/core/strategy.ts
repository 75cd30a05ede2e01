import type { STRATEGY_TYPES } from '../../templates/core/document.ts';
import { STRATEGY_DEFAULTS } from '../../templates/core/strategy.ts';

/** One step of a canary: a weight (per cent of the pods, 1..100), a timed pause (seconds, > 0) or an open pause (until promoted). */
export type StrategyStep = { weight: number } | { pauseSeconds: number } | { pause: true };

/**
 * How a release replaces the previous one, with defaults and without placeholders.
 *
 * - `maxSurge`, `maxUnavailable`: a count of pods (>= 0) or a percentage such as `25%` (unavailable: `100%` at most), as in a native Deployment's `rollingUpdate`. They are
 *   never both zero as written, but both may *resolve* to zero for a small number of pods.
 * - `steps`: empty but for CANARY, which has at least one, with rising weights.
 * - `batches`: only for BATCHES, and at least one there: counts of pods (>= 1), of which the last repeats until all pods are new.
 * - `minReadySeconds`: the template's (>= 0), which a Deployment with the gate open has.
 * - `progressDeadlineSeconds`: always greater than `minReadySeconds`.
 * - `failureGraceSeconds` (>= 0): how long a cause that may pass by itself has to last without a break to fail a target; absent in rows older than it (`graceSeconds`).
 */
export interface Strategy {
  type: (typeof STRATEGY_TYPES)[number];
  maxSurge: number | string;
  maxUnavailable: number | string;
  steps: StrategyStep[];
  batches?: number[];
  minReadySeconds: number;
  progressDeadlineSeconds: number;
  failureGraceSeconds?: number;
}

export const graceSeconds = ({
  failureGraceSeconds = STRATEGY_DEFAULTS.failureGraceSeconds,
}: Pick<Strategy, 'failureGraceSeconds'>): number => failureGraceSeconds;
