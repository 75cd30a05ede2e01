/** Phases and kinds of rollouts as statements name them, taken from the tables that say what each means. */
import { RolloutPhase, TargetPhase } from '../../generated/prisma/enums.ts';
import { constants } from '../../platform/db/statements.ts';
import { kindsThat } from '../core/kinds.ts';
import { isSettled, isSteered, isTerminal, rolloutPhases, targetPhases } from '../core/phases.ts';

export const ACTIVE_PHASES = Object.values(RolloutPhase).filter((phase) => !isSettled(phase));
const OPEN_PHASES = Object.values(TargetPhase).filter((phase) => !isTerminal(phase));

/** Rollouts that have not ended. */
export const ACTIVE = constants(ACTIVE_PHASES);
/** Rollouts that have begun and not ended: their targets are steered. */
export const UNDER_WAY = constants(ACTIVE_PHASES.filter((phase) => phase !== 'QUEUED'));
/** Rollouts whose targets may move forward, and so start. */
export const FORWARD = constants(ACTIVE_PHASES.filter((phase) => rolloutPhases[phase].forward));
/** Targets that have been started and have not ended: the holder of the placement steers them. */
export const STEERED = constants(OPEN_PHASES.filter(isSteered));
/** Targets that have not ended. */
export const OPEN = constants(OPEN_PHASES);
/** Targets that count against `maxConcurrent` and the tenant's quota. */
export const MOVING = constants(Object.values(TargetPhase).filter((phase) => targetPhases[phase].concurrent));
/** Targets that have not ended and do not count: a rollout may start them. */
export const STARTABLE = constants(OPEN_PHASES.filter((phase) => !targetPhases[phase].concurrent));

/** Kinds that run beside the workload's active rollout. */
export const BESIDE = constants(kindsThat(({ place }) => place === 'BESIDE'));
/** Kinds that change what stands on a placement, and not only how many pods of it there are. */
export const CHANGING = constants(kindsThat(({ writes }) => writes !== 'NUMBER'));
/** Kinds that change only how many pods there are. */
export const OF_NUMBERS = constants(kindsThat(({ writes }) => writes === 'NUMBER'));
/** Kinds that bring a release, whose success makes it the workload's. */
export const OF_RELEASES = constants(kindsThat(({ success }) => success === 'DEPLOYED' || success === 'GONE_BACK'));
