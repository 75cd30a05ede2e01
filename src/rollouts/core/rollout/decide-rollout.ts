/** What to do about a rollout as a whole now: on rows alone. */
import type { RolloutDecision, TargetChange } from '../decision.ts';
import type { RolloutObservation, TargetState, WaveEvidence, WaveState } from '../observation.ts';
import { startedFields, resumedFields, isSettled, isTerminal, targetPhases } from '../phases.ts';
import { because, sentenceOf } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { holdOf } from '../stages/handlers.ts';
import { stepOf } from '../stages/stage.ts';
import type { Hold } from '../stages/stage.ts';
import { stepsOf } from '../strategies/compile.ts';
import { soonest } from '../live/deadline.ts';
import { isUnreachable } from '../live/outside.ts';
import { afterFailure, failuresOf, settle, wholeFailure } from './outcome.ts';
import { clustersOf, skipTarget, undoTargets } from './undo.ts';
import { decideUnreachable } from './unreachable.ts';

/** Nothing announces that other rollouts free quota, so it is polled at this interval. */
const QUOTA_LOOK_MILLISECONDS = 1_000;

/**
 * Synchronous, total and level-triggered. Repeated on the reduced rows it reaches WAIT or SETTLE after finitely many decisions. Exactly one of them settles a
 * rollout; about a settled one it always answers WAIT.
 */
export function decideRollout(o: RolloutObservation): RolloutDecision {
  const { rollout } = o;
  if (isSettled(rollout.phase)) return waitDecision(because('ROLLOUT_ENDED', {}));
  const given = decideUnreachable(o);
  if (given.decision !== null) return given.decision;
  const decision =
    rollout.phase === 'ROLLING_BACK' ? rollingBack(o) : rollout.intent === null ? (afterFailure(o) ?? onward(o)) : abortRollout(o);
  return decision.kind === 'WAIT' ? { ...decision, lookAt: soonest(decision.lookAt, given.lookAt, nextPauseEnd(o)) } : decision;
}

/** When the next timed pause ends, and a target may go on. */
function nextPauseEnd(o: RolloutObservation): Date | null {
  const held = o.targets.filter((target) => target.phase === 'HELD');
  return soonest(...held.map((target) => pauseHolding(o, target)).map((pause) => (pause === null || pause.over ? null : pause.ends)));
}

/** The pause that a held target stands at. */
function pauseHolding(o: RolloutObservation, target: TargetState): Hold | null {
  const wave = o.waves.find((one) => one.id === target.waveId);
  return wave === undefined ? null : holdOf(target, wave.promotedStep, o.now);
}

/** On request: nothing written = CANCELED, else everything goes back. */
function abortRollout(o: RolloutObservation): RolloutDecision {
  const reason = because('ABORTED', {});
  if (!o.targets.some((target) => target.written)) {
    const open = o.targets.filter((target) => !isTerminal(target.phase));
    return {
      kind: 'SETTLE',
      reason,
      phase: 'CANCELED',
      targets: open.map((target) => skipTarget(target, because('TARGET_NOT_STARTED', { cause: 'ABORTED' }))),
      failure: null,
    };
  }
  return {
    kind: 'ROLL_BACK',
    reason,
    targets: undoTargets(o.now, o.targets, { cause: 'ABORTED' }),
    scope: 'ALL',
    failure: wholeFailure(o),
  };
}

/** The decision that begins to go back covers every target. Targets that a race has left over are covered here. */
function rollingBack(o: RolloutObservation): RolloutDecision {
  const left = o.targets.filter((target) => targetPhases[target.phase].underWay);
  if (left.length > 0) {
    const targets = undoTargets(o.now, left, { cause: 'ROLLOUT_GOES_BACK' });
    const reason = because('ROLLING_BACK_THE_REST', clustersOf(left));
    return { kind: 'ROLL_BACK', reason, targets, scope: 'ALL', failure: wholeFailure(o) };
  }
  const going = o.targets.filter((target) => target.phase === 'ROLLING_BACK');
  if (going.length > 0) return waitDecision(because('TARGETS_ROLLING_BACK', clustersOf(going)));
  return settle(o);
}

function onward(o: RolloutObservation): RolloutDecision {
  const { rollout } = o;
  if (rollout.phase === 'PAUSED' && rollout.pauseReason !== 'STEP')
    return waitDecision(because('ROLLOUT_PAUSED', { pauseReason: rollout.pauseReason ?? 'MANUAL' }));
  const waves = [...o.waves].sort((a, b) => a.position - b.position);
  // A target that is retried may belong to a wave that was complete with the failures it may have.
  const current = waves.find(
    (wave) => wave.phase !== 'COMPLETED' || o.targets.some((one) => one.waveId === wave.id && !isTerminal(one.phase)),
  );
  if (current === undefined || stopsHere(o, waves, current)) return settle(o);
  if (current.phase === 'PENDING') return opening(o, waves, current);
  return inWave(o, current);
}

/** Under ROLLBACK_TARGET more failures than a wave may have do not undo the others, but no later wave is opened. */
function stopsHere(o: RolloutObservation, waves: readonly WaveState[], current: WaveState): boolean {
  if (current.phase !== 'PENDING') return false;
  return waves.some((wave) => wave.phase === 'COMPLETED' && failuresOf(o, wave).length > wave.maxFailed);
}

function opening(o: RolloutObservation, waves: readonly WaveState[], wave: WaveState): RolloutDecision {
  const before = waves.filter((one) => one.position < wave.position).at(-1);
  const seen = before === undefined ? [] : o.targets.filter((target) => target.waveId === before.id);
  const evidence = seen.map((target): WaveEvidence => {
    return {
      targetId: target.id,
      phase: target.phase,
      release: target.to?.release ?? null,
      reason: target.phaseDetail && sentenceOf(target.phaseDetail),
    };
  });
  const count = o.targets.filter((target) => target.waveId === wave.id).length;
  return {
    kind: 'OPEN_WAVE',
    reason: because('WAVE_OPENED', { wave: wave.position + 1, of: waves.length, targets: count }),
    waveId: wave.id,
    evidence,
  };
}

function inWave(o: RolloutObservation, wave: WaveState): RolloutDecision {
  const { rollout } = o;
  const targets = o.targets.filter((target) => target.waveId === wave.id);
  const open = targets.filter((target) => !isTerminal(target.phase));
  if (open.length === 0) {
    return {
      kind: 'COMPLETE_WAVE',
      reason: because('WAVE_COMPLETED', { wave: wave.position + 1, targets: targets.length }),
      waveId: wave.id,
    };
  }
  const held = open.filter((target) => atOpenPause(o, target));
  if (rollout.phase === 'PAUSED' && held.length > 0) return heldAtStep(o, held);
  const next = startable(o, wave, targets);
  if (next.length > 0) return start(o, wave, targets, next);
  if (held.length === open.length && rollout.phase !== 'PAUSED') {
    return { kind: 'PAUSE', reason: because('HELD_AT_STEP', placeOf(o, held)), pauseReason: 'STEP', failure: null };
  }
  if (o.quota !== null && roomOf(o, targets) === 0 && open.some((target) => target.phase === 'PENDING' || mayGoOn(o, target))) {
    const reason = because('QUOTA', { quota: o.quota });
    return { kind: 'WAIT', reason, lookAt: new Date(o.now.getTime() + QUOTA_LOOK_MILLISECONDS), show: true };
  }
  return waitDecision(because('TARGETS_UNDER_WAY', clustersOf(open)));
}

/** Paused at a step: what it waits for is the promotion, and a word about pods that are not well meanwhile. */
function heldAtStep(o: RolloutObservation, held: readonly TargetState[]): RolloutDecision {
  const [first, ...more] = held.filter((target) => target.hindrance !== null);
  const shown = o.rollout.phaseDetail?.code === 'HELD_UNWELL_AT_STEP';
  if (first?.hindrance) {
    const { since: _, ...cause } = first.hindrance;
    const reason = because('HELD_UNWELL_AT_STEP', { ...placeOf(o, held), cluster: first.cluster, cause, more: more.length });
    return { kind: 'WAIT', reason, lookAt: null, show: true };
  }
  return shown
    ? { kind: 'WAIT', reason: because('HELD_AT_STEP', placeOf(o, held)), lookAt: null, show: true }
    : waitDecision(because('TARGETS_HELD', clustersOf(held)));
}

const placeOf = ({ rollout }: RolloutObservation, held: readonly TargetState[]): { step: number; of: number } => ({
  step: Math.max(...held.map(stepOf)) + 1,
  of: stepsOf(rollout.strategy),
});

function atOpenPause(o: RolloutObservation, target: TargetState): boolean {
  const pause = target.phase === 'HELD' ? pauseHolding(o, target) : null;
  return pause !== null && pause.needs === 'PROMOTE' && !pause.over;
}

/** Held at a pause that is over, on a reachable cluster: it continues as soon as there is room. */
function mayGoOn(o: RolloutObservation, target: TargetState): boolean {
  return target.phase === 'HELD' && !isUnreachable(target.condition) && (pauseHolding(o, target)?.over ?? false);
}

const busyOf = (targets: readonly TargetState[]): number => targets.filter((target) => targetPhases[target.phase].concurrent).length;

/** How many more the tenant's quota lets start. */
function roomOf(o: RolloutObservation, targets: readonly TargetState[]): number {
  return o.quota === null ? targets.length : Math.max(0, o.quota - o.elsewhere - busyOf(o.targets));
}

/** As many as maxConcurrent and the tenant's quota leave room for: what has begun goes on before anything else begins. */
function startable(o: RolloutObservation, wave: WaveState, targets: readonly TargetState[]): TargetState[] {
  const room = wave.maxConcurrent === null ? targets.length : Math.max(0, Math.max(1, wave.maxConcurrent) - busyOf(targets));
  const waiting = [...targets.filter((target) => mayGoOn(o, target)), ...targets.filter((target) => target.phase === 'PENDING')];
  return waiting.slice(0, Math.min(room, roomOf(o, targets)));
}

function start(o: RolloutObservation, wave: WaveState, targets: readonly TargetState[], next: readonly TargetState[]): RolloutDecision {
  const held = next.filter((target) => target.phase === 'HELD');
  const fresh = next.filter((target) => target.phase === 'PENDING');
  const reason = because('TARGETS_STARTED', {
    resumed: held.length > 0 ? clustersOf(held) : null,
    started: fresh.length > 0 ? clustersOf(fresh) : null,
    wave: wave.position + 1,
    of: fresh.length === targets.length ? null : targets.length,
  });
  const changes = [
    ...held.map((target) => changed(target, { ...resumedFields(o.now), phaseReason: because('PAUSE_OVER', {}) })),
    ...fresh.map((target) => changed(target, { ...startedFields(o.now), phaseReason: because('TARGET_STARTED', {}) })),
  ];
  return { kind: 'START_TARGETS', reason, targets: changes };
}

function changed({ id }: TargetState, set: TargetChange['set']): TargetChange {
  return { targetId: id, set: { ...set, phase: 'PROGRESSING' } };
}

function waitDecision(reason: Reason): Extract<RolloutDecision, { kind: 'WAIT' }> {
  return { kind: 'WAIT', reason, lookAt: null, show: false };
}
