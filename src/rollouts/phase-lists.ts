/** Phases as SQL lists them, taken from the tables that say what each phase means. */
import { RolloutPhase, TargetPhase } from '../generated/prisma/enums.ts';
import { isSettled, isTerminal, targetPhases } from './core/phases.ts';

export const ACTIVE_PHASES = Object.values(RolloutPhase).filter((phase) => !isSettled(phase));
export const OPEN_PHASES = Object.values(TargetPhase).filter((phase) => !isTerminal(phase));

const list = (phases: readonly string[]): string => `(${phases.map((phase) => `'${phase}'`).join(', ')})`;

/** Rollouts that have not ended. */
export const ACTIVE = list(ACTIVE_PHASES);
/** Rollouts that have begun and not ended: their targets are steered. */
export const UNDER_WAY = list(ACTIVE_PHASES.filter((phase) => phase !== 'QUEUED'));
/** Targets that have been started and have not ended: the holder of the placement steers them. */
export const STEERED = list(OPEN_PHASES.filter((phase) => phase !== 'PENDING'));
/** Targets that count against `maxConcurrent` and the tenant's quota. */
export const MOVING = list(Object.values(TargetPhase).filter((phase) => targetPhases[phase].concurrent));
