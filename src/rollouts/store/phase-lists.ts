/** Phases and kinds of rollouts as SQL lists them, taken from the tables that say what each means. */
import { RolloutPhase, TargetPhase } from '../../generated/prisma/enums.ts';
import { kindsThat } from '../core/kinds.ts';
import { isSettled, isSteered, isTerminal, targetPhases } from '../core/phases.ts';

export const ACTIVE_PHASES = Object.values(RolloutPhase).filter((phase) => !isSettled(phase));
export const OPEN_PHASES = Object.values(TargetPhase).filter((phase) => !isTerminal(phase));

const list = (names: readonly string[]): string => `(${names.map((name) => `'${name}'`).join(', ')})`;

/** Rollouts that have not ended. */
export const ACTIVE = list(ACTIVE_PHASES);
/** Rollouts that have begun and not ended: their targets are steered. */
export const UNDER_WAY = list(ACTIVE_PHASES.filter((phase) => phase !== 'QUEUED'));
/** Targets that have been started and have not ended: the holder of the placement steers them. */
export const STEERED = list(OPEN_PHASES.filter(isSteered));
/** Targets that have not ended. */
export const OPEN = list(OPEN_PHASES);
/** Targets that count against `maxConcurrent` and the tenant's quota. */
export const MOVING = list(Object.values(TargetPhase).filter((phase) => targetPhases[phase].concurrent));

/** Kinds that run beside the workload's active rollout. */
export const BESIDE = list(kindsThat(({ place }) => place === 'BESIDE'));
/** Kinds that change what stands on a placement, and not only how many pods of it there are. */
export const CHANGING = list(kindsThat(({ writes }) => writes !== 'NUMBER'));
