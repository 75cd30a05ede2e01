/** What each phase means, as tables: a phase without a row does not compile. */
import type { RolloutPhase, TargetPhase } from '../../generated/prisma/enums.ts';
import type { RolloutState, TargetState } from './observation.ts';

interface RolloutPhaseRow {
  /** Nothing follows: exactly one event says so, and no write happens afterwards. */
  terminal: boolean;
  /** Targets may move forward. */
  forward: boolean;
  /** How a sentence names it. */
  word: string;
}

export const rolloutPhases = {
  QUEUED: { terminal: false, forward: true, word: 'queued' },
  RUNNING: { terminal: false, forward: true, word: 'running' },
  PAUSED: { terminal: false, forward: false, word: 'paused' },
  ROLLING_BACK: { terminal: false, forward: false, word: 'rolling back' },
  SUCCEEDED: { terminal: true, forward: false, word: 'succeeded' },
  ROLLED_BACK: { terminal: true, forward: false, word: 'rolled back' },
  FAILED: { terminal: true, forward: false, word: 'failed' },
  CANCELED: { terminal: true, forward: false, word: 'canceled' },
  SUPERSEDED: { terminal: true, forward: false, word: 'superseded' },
} as const satisfies Record<RolloutPhase, RolloutPhaseRow>;

interface TargetPhaseRow {
  /** Terminal for the target; final only when the rollout is. */
  terminal: boolean;
  /** Counts against `maxConcurrent`. */
  concurrent: boolean;
  /** Its placement's pods are, or may be, on their way to `to`: an undo has to stop it. */
  underWay: boolean;
}

export const targetPhases = {
  PENDING: { terminal: false, concurrent: false, underWay: true },
  PROGRESSING: { terminal: false, concurrent: true, underWay: true },
  HELD: { terminal: false, concurrent: false, underWay: true },
  BAKING: { terminal: false, concurrent: true, underWay: true },
  ROLLING_BACK: { terminal: false, concurrent: true, underWay: false },
  SUCCEEDED: { terminal: true, concurrent: false, underWay: false },
  FAILED: { terminal: true, concurrent: false, underWay: false },
  ROLLED_BACK: { terminal: true, concurrent: false, underWay: false },
  SKIPPED: { terminal: true, concurrent: false, underWay: false },
} as const satisfies Record<TargetPhase, TargetPhaseRow>;

export const isSettled = (phase: RolloutPhase): boolean => rolloutPhases[phase].terminal;
/** It needs no more waiting: settled, or paused until someone acts. An intent is carried out from a pause too. */
export const isResting = ({ phase, intent }: Pick<RolloutState, 'phase' | 'intent'>): boolean =>
  isSettled(phase) || (phase === 'PAUSED' && intent === null);
/** Started and not at its end: the holder of its placement steers it. */
export const isSteered = (phase: TargetPhase): boolean => phase !== 'PENDING' && !isTerminal(phase);
export const isTerminal = (phase: TargetPhase): boolean => targetPhases[phase].terminal;

/** Fields of a target's row that are reset when it goes on after a hold: its clock. */
export function resumedFields(now: Date): Partial<TargetState> {
  return { enteredAt: now, stoppedAt: null };
}

/** Fields of a target's row that are reset when it starts or goes back: the clock, and what it has written and remembers. */
export function startedFields(now: Date): Partial<TargetState> {
  return { ...resumedFields(now), gate: null, progress: null, settlingSince: null };
}
