/** Which verb is legal when, and what it changes (the contract's table of verbs). The loops carry out what is committed here. */
import type { RolloutPhase } from '../../../generated/prisma/enums.ts';
import type { VerbChange, VerbDecision, VerbKind } from '../decision.ts';
import type { RolloutRows, RolloutState, TargetState, WaveState } from '../observation.ts';
import { failureReason, standingUid } from '../failure.ts';
import { isSettled, rolloutPhases } from '../phases.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { stepOf } from '../stages/stage.ts';
import { stepsOf } from '../strategies/compile.ts';
import { clustersOf } from './undo.ts';

export type Verb =
  { kind: 'PAUSE' } | { kind: 'RESUME' } | { kind: 'PROMOTE'; full: boolean } | { kind: 'ABORT' } | { kind: 'RETRY'; takeOver: boolean };

/** Total: a verb whose effect already stands is DONE, one that is illegal in this phase is WRONG_PHASE with a sentence that names the phase. */
export function decideVerb(verb: Verb, observation: RolloutRows): VerbDecision {
  switch (verb.kind) {
    case 'PAUSE':
      return pause(observation.rollout);
    case 'RESUME':
      return resume(observation.rollout);
    case 'PROMOTE':
      return promote(observation, verb.full);
    case 'ABORT':
      return abort(observation.rollout);
    case 'RETRY':
      return retry(observation, verb.takeOver);
  }
}

function pause(rollout: RolloutState): VerbDecision {
  if (rollout.intent !== null) return wrongPhase('pause', rollout);
  if (rollout.phase === 'PAUSED' && rollout.pauseReason === 'MANUAL') return { kind: 'DONE' };
  if (rollout.phase === 'RUNNING' || (rollout.phase === 'PAUSED' && rollout.pauseReason === 'STEP')) {
    return change('PAUSE', { phase: 'PAUSED', pauseReason: 'MANUAL' }, because('PAUSED_ON_REQUEST', {}));
  }
  return wrongPhase('pause', rollout);
}

function resume(rollout: RolloutState): VerbDecision {
  if (rollout.phase === 'RUNNING' && rollout.intent === null) return { kind: 'DONE' };
  if (rollout.phase === 'PAUSED' && rollout.pauseReason === 'MANUAL' && rollout.intent === null) {
    return change('RESUME', { phase: 'RUNNING', pauseReason: null }, because('RESUMED_ON_REQUEST', {}));
  }
  return wrongPhase('resume', rollout);
}

/** Moves every target of the open wave past the open pause that it waits at; `full` past every pause there is. A later wave stops at its own pauses. */
function promote({ rollout, waves, targets }: RolloutRows, full: boolean): VerbDecision {
  const steps = stepsOf(rollout.strategy);
  const atStep = rollout.phase === 'PAUSED' && rollout.pauseReason === 'STEP';
  if (rollout.intent !== null || !(atStep || (full && rollout.phase === 'RUNNING'))) {
    return wrongPhase('promote', rollout);
  }
  const open = waves.filter((wave) => wave.phase === 'OPEN');
  const raised = open.map((wave) => ({ waveId: wave.id, promotedStep: full ? steps : heldStep(wave, rollout, targets) }));
  const changed = raised.filter(({ waveId, promotedStep }) => open.some((wave) => wave.id === waveId && wave.promotedStep < promotedStep));
  if (changed.length === 0 && !atStep) return { kind: 'DONE' };
  return { ...change('PROMOTE', { phase: 'RUNNING', pauseReason: null }, because('PROMOTED', { full })), waves: changed };
}

/** The last step at which a target of the wave is held; what is promoted already where none is. */
function heldStep(wave: WaveState, rollout: RolloutState, targets: readonly TargetState[]): number {
  const held = targets.filter((target) => target.waveId === wave.id && target.phase === 'HELD').map(stepOf);
  return Math.min(stepsOf(rollout.strategy), Math.max(wave.promotedStep, ...held));
}

/** Never refused while there is something to stop. In ROLLING_BACK it gives up on the clusters that stay unreachable. */
function abort(rollout: RolloutState): VerbDecision {
  if (rollout.phase === 'ROLLED_BACK' || rollout.phase === 'CANCELED') return { kind: 'DONE' };
  if (isSettled(rollout.phase)) return wrongPhase('abort', rollout);
  if (rollout.phase === 'ROLLING_BACK') {
    if (rollout.intent === 'GIVE_UP') return { kind: 'DONE' };
    return change('ABORT', { intent: 'GIVE_UP' }, because('GIVING_UP', {}));
  }
  if (rollout.intent !== null) return { kind: 'DONE' };
  return change('ABORT', { intent: 'ABORT' }, because('ABORTING', {}));
}

const settledRetries: readonly RolloutPhase[] = ['FAILED', 'ROLLED_BACK', 'CANCELED'];

function retry({ now, rollout, targets }: RolloutRows, takeOver: boolean): VerbDecision {
  if (settledRetries.includes(rollout.phase)) return { kind: 'NEW_ROLLOUT' };
  if (rollout.phase !== 'PAUSED' || rollout.pauseReason !== 'FAILURE' || rollout.intent !== null) return wrongPhase('retry', rollout);
  const failed = targets.filter((target) => target.phase === 'FAILED' && !target.undoing);
  const running = { phase: 'RUNNING' as const, pauseReason: null, failure: null };
  // PENDING, so that maxConcurrent and the quota apply to them.
  const pending = {
    phase: 'PENDING' as const,
    phaseReason: because('TARGET_RETRIED', {}),
    retriedAt: now,
    failure: null,
    condition: null,
  };
  return {
    ...change('RETRY', { ...running, ...(takeOver ? { takeOver } : {}) }, because('RETRIED', clustersOf(failed))),
    targets: failed.map((target) => ({
      targetId: target.id,
      set: { ...pending, uid: standingUid(target), ...stageAgain(target) },
    })),
  };
}

/**
 * A retry goes on at the target's stage; from the first one after others have edited the template, whose pods no stage has brought. That our ReplicaSet stood
 * before says nothing of the next write then: until it is seen, the edit stands.
 */
function stageAgain({ failure, to }: Pick<TargetState, 'failure' | 'to'>): Partial<Pick<TargetState, 'stage' | 'to'>> {
  if (failure === null || failureReason(failure) !== 'EDITED') return {};
  return { stage: 0, to: to && { ...to, replicaSet: null } };
}

function change(verb: VerbKind, rollout: VerbChange['rollout'], reason: Reason): VerbChange {
  return { kind: 'CHANGE', verb, reason, rollout, waves: [], targets: [] };
}

function wrongPhase(verb: string, rollout: RolloutState): VerbDecision {
  const word = rolloutPhases[rollout.phase].word;
  const why = rollout.pauseReason === null ? '' : ` (${rollout.pauseReason})`;
  const detail =
    rollout.intent === null || isSettled(rollout.phase)
      ? `A rollout that is ${word}${why} does not accept ${verb}.`
      : `A rollout that is about to end (${rollout.intent}) does not accept ${verb}.`;
  return { kind: 'WRONG_PHASE', detail: `${detail} Its phase is ${rollout.phase}.` };
}
