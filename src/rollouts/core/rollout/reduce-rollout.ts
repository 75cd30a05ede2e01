/** What a decision, a verb or a superseding makes of a rollout's rows. Nothing else changes a phase of a rollout, a wave, or a target from the rollout's side. */
import type { PauseReason, RolloutPhase } from '../../../generated/prisma/enums.ts';
import type { RolloutDecision, Supersede, TargetChange, TargetEventType, VerbChange } from '../decision.ts';
import { presentFailure } from '../failure.ts';
import type { Failure } from '../failure.ts';
import { kinds } from '../kinds.ts';
import type { RolloutObservation, RolloutRows, RolloutState, TargetState, WaveState } from '../observation.ts';
import { isSettled, isSteered, isTerminal } from '../phases.ts';
import { because, detailOf, reasonOf } from '../reasons.ts';
import type { StoredReason } from '../reasons.ts';
import { sameJson } from '../raw.ts';
import { applyTarget } from '../targets/reduce-target.ts';
import { rolloutEvent, targetEvent, waveEvent } from '../transitions.ts';
import type { RolloutCause, RolloutEventType, WaveEventType } from '../transitions.ts';
import { undecidableRollout } from './undecidable.ts';
import { decideRollout } from './decide-rollout.ts';
import { skipTarget } from './undo.ts';

/** An event of a rollout, of a wave, or of a target that the rollout changed. */
export interface RolloutEvent {
  type: RolloutEventType | WaveEventType | TargetEventType;
  reason: StoredReason;
  /** As the event left it; null for events of the rollout and its waves. */
  target: TargetState | null;
  data: object;
}

export interface Reduction<Rows extends RolloutRows = RolloutRows> {
  /** What has not changed is the same object as before. */
  rows: Rows;
  events: RolloutEvent[];
  /** Ids of the placements whose holders have to look at their rows: to steer the target, or to stop. */
  wake: string[];
  /** Numbers of pods that a rollout of numbers goes back to, by placement: what is rolled out beside it keeps them. */
  numbers: { placementId: string; replicas: number }[];
}

/** @throws UnknownTransition where the tables of transitions do not have the change */
export function reduceRollout<Rows extends RolloutRows>(rows: Rows, change: RolloutDecision | VerbChange | Supersede): Reduction<Rows> {
  switch (change.kind) {
    case 'WAIT':
      return { ...unchanged(rows), rows: change.show ? withDetail(rows, change.reason) : rows };
    case 'OPEN_WAVE':
      return openWave(rows, change);
    case 'COMPLETE_WAVE':
      return moveWave(rows, change.waveId, { phase: 'COMPLETED' }, change.reason);
    case 'START_TARGETS':
      return changeTargets(withDetail(rows, change.reason), change.targets);
    case 'GIVE_UP_TARGETS':
      return changeTargets(rows, change.targets);
    case 'PAUSE': {
      const { pauseReason, failure, reason } = change;
      const fields = { pauseReason, failure: failure ?? rows.rollout.failure };
      return enterPhase(rows, { to: 'PAUSED', by: 'PAUSE', reason, fields, data: { pauseReason, failure: shown(failure) } });
    }
    case 'ROLL_BACK':
      return rollBack(rows, change);
    case 'SETTLE': {
      const { phase, reason } = change;
      const failure = change.failure ?? rows.rollout.failure;
      const settle = (ended: Rows) =>
        enterPhase(ended, { to: phase, by: 'SETTLE', reason, fields: { failure }, data: { failure: shown(failure) } });
      return then(changeTargets(rows, change.targets), settle);
    }
    case 'CHANGE':
      return changeByVerb(rows, change);
    case 'SUPERSEDE': {
      const reason = because('SUPERSEDED', { by: change.by });
      const open = rows.targets.filter((target) => !isTerminal(target.phase)).map((target) => skipTarget(target, reason));
      return then(changeTargets(rows, open), (ended) => enterPhase(ended, { to: 'SUPERSEDED', by: 'SUPERSEDE', reason }));
    }
  }
}

/** Livelock guard: the limit of decisions in one transaction. A wave takes three and a target one or two. */
const MOST_DECISIONS = 10_000;

/**
 * Decides and reduces until nothing is left to decide.
 *
 * @returns also when to requeue, and the error that a decision threw: the rollout has then ended as undecidable
 */
export function advanceRollout<Rows extends RolloutObservation>(o: Rows): Reduction<Rows> & { lookAt: Date | null; error: unknown } {
  let reduction = unchanged(o);
  try {
    for (let count = 0; count < MOST_DECISIONS; count++) {
      const decision = decideRollout(reduction.rows);
      reduction = then(reduction, (rows) => reduceRollout(rows, decision));
      if (decision.kind === 'WAIT') return { ...reduction, lookAt: decision.lookAt, error: null };
      if (decision.kind === 'SETTLE') return { ...reduction, lookAt: null, error: null };
    }
    throw new Error(`${MOST_DECISIONS} decisions in a row about rollout ${o.rollout.id}`);
  } catch (error) {
    return { ...then(reduction, (rows) => reduceRollout(rows, undecidableRollout(rows))), lookAt: null, error };
  }
}

/** The waves and targets that are not as they were. */
export function changesOf(before: RolloutRows, after: RolloutRows): { waves: WaveState[]; targets: TargetState[] } {
  return {
    waves: after.waves.filter((wave, index) => wave !== before.waves[index]),
    targets: after.targets.filter((target, index) => target !== before.targets[index]),
  };
}

function unchanged<Rows extends RolloutRows>(rows: Rows): Reduction<Rows> {
  return { rows, events: [], wake: [], numbers: [] };
}

/** One reduction after another. */
function then<Rows extends RolloutRows>(first: Reduction<Rows>, next: (rows: Rows) => Reduction<Rows>): Reduction<Rows> {
  const second = next(first.rows);
  return {
    rows: second.rows,
    events: [...first.events, ...second.events],
    wake: [...first.wake, ...second.wake],
    numbers: [...first.numbers, ...second.numbers],
  };
}

function openWave<Rows extends RolloutRows>(rows: Rows, change: Extract<RolloutDecision, { kind: 'OPEN_WAVE' }>): Reduction<Rows> {
  const { waveId, evidence, reason } = change;
  const started = rows.rollout.phase === 'QUEUED' ? enterPhase(rows, { to: 'RUNNING', by: 'OPEN_WAVE', reason }) : unchanged(rows);
  return then(started, (running) => moveWave(running, waveId, { phase: 'OPEN', evidence }, reason));
}

function moveWave<Rows extends RolloutRows>(
  rows: Rows,
  waveId: string,
  set: Pick<WaveState, 'phase'> & Partial<WaveState>,
  reason: StoredReason,
): Reduction<Rows> {
  const wave = rows.waves.find((one) => one.id === waveId);
  if (wave === undefined) throw new Error(`a decision names wave ${waveId}, which is not part of the rollout`);
  const type = waveEvent(wave.phase, set.phase);
  const waves = rows.waves.map((one) => (one === wave ? { ...wave, ...set } : one));
  return { ...unchanged({ ...rows, waves }), events: [{ type, reason, target: null, data: { wave: wave.position } }] };
}

function rollBack<Rows extends RolloutRows>(rows: Rows, change: Extract<RolloutDecision, { kind: 'ROLL_BACK' }>): Reduction<Rows> {
  const { scope, failure, reason, targets } = change;
  const fields = { failure: failure ?? rows.rollout.failure };
  const data = { scope, failure: shown(failure) };
  const entered =
    scope === 'TARGET'
      ? note(
          { ...rows, rollout: { ...rows.rollout, ...fields } },
          rolloutEvent(rows.rollout.phase, rows.rollout.phase, 'ROLL_BACK'),
          reason,
          data,
        )
      : enterPhase(rows, { to: 'ROLLING_BACK', by: 'ROLL_BACK', reason, fields, data });
  return then(entered, (back) => changeTargets(back, targets));
}

function changeByVerb<Rows extends RolloutRows>(rows: Rows, change: VerbChange): Reduction<Rows> {
  const { verb, reason } = change;
  const { phase, pauseReason, intent, takeOver, failure } = { ...rows.rollout, ...change.rollout };
  const entered = enterPhase(rows, {
    to: phase,
    by: `VERB_${verb}`,
    reason,
    fields: { pauseReason, intent, takeOver, failure },
    data: { phase, pauseReason },
  });
  const promoted = (wave: WaveState): WaveState => {
    const raised = change.waves.find(({ waveId }) => waveId === wave.id);
    return raised === undefined ? wave : { ...wave, promotedStep: raised.promotedStep };
  };
  const steered = rows.targets.filter((target) => isSteered(target.phase)).map((target) => target.placementId);
  return then(entered, (changed) => {
    const reduction = changeTargets({ ...changed, waves: changed.waves.map(promoted) }, change.targets);
    return { ...reduction, wake: [...steered, ...reduction.wake] };
  });
}

interface Entry {
  to: RolloutPhase;
  by: RolloutCause;
  reason: StoredReason;
  /** What else changes in the row. */
  fields?: Partial<RolloutState> & { pauseReason?: PauseReason | null };
  data?: object;
}

/** Brings the rollout into a phase. Without a `pauseReason` in the fields it has none then. */
function enterPhase<Rows extends RolloutRows>(rows: Rows, { to, by, reason, fields, data = {} }: Entry): Reduction<Rows> {
  const { rollout, now } = rows;
  const type = rolloutEvent(rollout.phase, to, by);
  const startedAt = type === 'rollout.started' ? now : rollout.startedAt;
  const settledAt = isSettled(to) ? now : rollout.settledAt;
  const entered = { ...rows, rollout: { ...rollout, pauseReason: null, ...fields, phase: to, startedAt, settledAt } };
  return note(withDetail(entered, reason), type, reason, data);
}

function note<Rows extends RolloutRows>(rows: Rows, type: RolloutEventType, reason: StoredReason, data: object): Reduction<Rows> {
  return { ...unchanged(rows), events: [{ type, reason, target: null, data }] };
}

/** Unchanged where the reason is the same already. */
function withDetail<Rows extends RolloutRows>(rows: Rows, reason: StoredReason): Rows {
  const { rollout, now } = rows;
  const { phaseDetail } = rollout;
  if (phaseDetail !== null && phaseDetail.code === reason.code && sameJson(phaseDetail.data, reason.data)) return rows;
  return { ...rows, rollout: { ...rollout, phaseDetail: detailOf(reason, phaseDetail, now) } };
}

function changeTargets<Rows extends RolloutRows>(rows: Rows, changes: readonly TargetChange[]): Reduction<Rows> {
  const sets = new Map(changes.map(({ targetId, set }) => [targetId, set]));
  const reduction = unchanged(rows);
  const targets = rows.targets.map((before) => {
    const set = sets.get(before.id);
    if (set === undefined) return before;
    sets.delete(before.id);
    const after = applyTarget(before, set, rows.now);
    if (isSteered(before.phase) || isSteered(after.phase)) reduction.wake.push(after.placementId);
    if (before.phase !== after.phase) moved(rows, reduction, before, after);
    return after;
  });
  const [unknown] = sets.keys();
  if (unknown !== undefined) throw new Error(`a decision names target ${unknown}, which is not part of the rollout`);
  return { ...reduction, rows: changes.length === 0 ? rows : { ...rows, targets } };
}

function moved({ rollout }: RolloutRows, { events, numbers }: Reduction, before: TargetState, after: TargetState): void {
  const type = targetEvent(before.phase, after.phase);
  const { phaseDetail, replicasBefore: replicas, placementId } = after;
  if (type !== null) events.push({ type, reason: reasonOf(phaseDetail), target: after, data: {} });
  if (after.phase === 'ROLLING_BACK' && replicas !== null && kinds[rollout.kind].writes === 'NUMBER')
    numbers.push({ placementId, replicas });
}

const shown = (failure: Failure | null): object | null => failure && presentFailure(failure);
