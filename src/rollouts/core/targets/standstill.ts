import type { TargetObservation } from '../observation.ts';
import { rolloutPhases } from '../phases.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';

/** Why nothing moves forward. */
export function standstillReason({ rollout }: TargetObservation): Reason {
  return because('STANDSTILL', { rollout: rollout.intent === null ? rolloutPhases[rollout.phase].word : null });
}
