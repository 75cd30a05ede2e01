/** What failures lead to: what `onFailure` does about them, and the phase in which a rollout ends. */
import { unreadyEdit } from '../before.ts';
import type { RolloutDecision, TerminalPhase } from '../decision.ts';
import { failureReason } from '../failure.ts';
import type { Failure } from '../failure.ts';
import type { RolloutObservation, TargetState, WaveState } from '../observation.ts';
import { isTerminal } from '../phases.ts';
import { because, sentenceOf } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import type { EditBefore, Failures } from '../rollout-reasons.ts';
import { canGoBack, skipTarget, undoTargets } from './undo.ts';

/** A reason names this many failed targets at the most. */
const NAMED_FAILURES = 10;

/** Targets of a wave that failed, those included that went back by themselves since. */
export function failuresOf(o: RolloutObservation, wave: WaveState): TargetState[] {
  return o.targets.filter((target) => target.waveId === wave.id && hasFailed(target));
}

function hasFailed(target: TargetState): boolean {
  return target.phase === 'FAILED' || ((target.phase === 'ROLLED_BACK' || target.phase === 'ROLLING_BACK') && target.failure !== null);
}

/** The failure of the target that decided it: the first one that failed, in the order of the targets. */
export function wholeFailure({ targets }: RolloutObservation): Failure | null {
  return targets.find((target) => hasFailed(target) && target.failure !== null)?.failure ?? null;
}

/** What `onFailure` says, in any phase that is not on its way back; null where nothing (more) has to be done about failures. */
export function afterFailure(o: RolloutObservation): RolloutDecision | null {
  const { rollout } = o;
  if (rollout.onFailure === 'ROLLBACK_TARGET') return backAlone(o);
  const over = o.waves.find((wave) => failuresOf(o, wave).length > wave.maxFailed);
  if (over === undefined) return null;
  const failures = failuresOf(o, over);
  const failure = failures.find((target) => target.failure !== null)?.failure ?? null;
  const why = { ...failuresIn(failures), allowed: over.maxFailed };
  if (rollout.onFailure === 'PAUSE') {
    if (rollout.phase === 'PAUSED' && rollout.pauseReason === 'FAILURE') return null;
    return { kind: 'PAUSE', reason: because('PAUSED_BY_FAILURE', why), pauseReason: 'FAILURE', failure };
  }
  const whole = rollout.onFailure === 'ROLLBACK_ALL';
  const scope = whole ? 'ALL' : 'WAVE';
  const back = o.targets.filter((target) => whole || target.waveId === over.id);
  const rest = o.targets.filter((target) => !back.includes(target) && !isTerminal(target.phase));
  const targets = undoTargets(o.now, [...back, ...rest], { cause: 'FAILURE', ...why });
  return { kind: 'ROLL_BACK', reason: because('ROLLING_BACK_AFTER_FAILURE', { scope, ...why }), targets, scope, failure };
}

/** Each failed target goes back by itself; the others go on. */
function backAlone(o: RolloutObservation): RolloutDecision | null {
  const alone = o.targets.filter((target) => target.phase === 'FAILED' && canGoBack(target));
  if (alone.length === 0) return null;
  const why = { ...failuresIn(alone), allowed: 0 };
  const failure = alone.find((target) => target.failure !== null)?.failure ?? null;
  return {
    kind: 'ROLL_BACK',
    reason: because('ROLLING_BACK_AFTER_FAILURE', { scope: 'TARGET', ...why }),
    targets: undoTargets(o.now, alone, { cause: 'FAILURE', ...why }),
    scope: 'TARGET',
    failure,
  };
}

function failuresIn(failures: readonly TargetState[]): Failures {
  const [first] = failures;
  const reason =
    (first?.failure && failureReason(first.failure)) ?? (first?.phaseDetail && sentenceOf(first.phaseDetail)) ?? 'for an unknown reason';
  return { cluster: first?.cluster ?? 'a target', reason, more: Math.max(0, failures.length - 1) };
}

/** The one decision that ends a rollout of which nothing is under way any more. */
export function settle(o: RolloutObservation): RolloutDecision {
  const phase = terminalPhase(o);
  const left = o.targets.filter((target) => !isTerminal(target.phase));
  const targets = left.map((target) => skipTarget(target, because('TARGET_NOT_STARTED', { cause: 'ROLLOUT_ENDED' })));
  return { kind: 'SETTLE', reason: outcomeReason(o, phase), phase, targets, failure: wholeFailure(o) };
}

function terminalPhase(o: RolloutObservation): TerminalPhase {
  const written = o.targets.filter((target) => target.written);
  if (o.rollout.phase === 'ROLLING_BACK') {
    return written.every((target) => target.phase === 'ROLLED_BACK') ? 'ROLLED_BACK' : 'FAILED';
  }
  const within = o.waves.every((wave) => wave.phase === 'COMPLETED' && failuresOf(o, wave).length <= wave.maxFailed);
  if (within) return 'SUCCEEDED';
  return written.length > 0 && written.every((target) => target.phase === 'ROLLED_BACK') ? 'ROLLED_BACK' : 'FAILED';
}

function outcomeReason(o: RolloutObservation, phase: TerminalPhase): Reason {
  const count = (wanted: TargetState['phase']): number => o.targets.filter((target) => target.phase === wanted).length;
  const of = o.targets.length;
  const failures = o.targets.filter(hasFailed);
  if (phase === 'SUCCEEDED') {
    if (of === 0) return because('NOTHING_TO_DO', {});
    return because('ROLLOUT_SUCCEEDED', { succeeded: count('SUCCEEDED'), of, skipped: count('SKIPPED'), failed: failures.length });
  }
  if (phase === 'ROLLED_BACK') {
    const failure = wholeFailure(o);
    const cause = failure && { cluster: failure.cluster, reason: failureReason(failure) };
    if (!o.targets.some((target) => target.written)) return because('NOTHING_CHANGED', { cause });
    return because('ROLLOUT_ROLLED_BACK', { back: count('ROLLED_BACK'), of, cause, ...editBefore(o) });
  }
  const named = failures.slice(0, NAMED_FAILURES).map((target) => ({
    cluster: target.cluster,
    reason: target.failure === null ? 'unknown' : failureReason(target.failure),
    back: target.phase === 'ROLLED_BACK',
  }));
  return because('ROLLOUT_FAILED', { failed: named, count: failures.length, succeeded: count('SUCCEEDED'), ...editBefore(o) });
}

/** The first target that goes back to an edit which was not Ready before. */
function editBefore({ targets }: RolloutObservation): { edit?: EditBefore } {
  for (const { undoing, from, cluster } of targets) {
    const edit = undoing ? unreadyEdit(from) : null;
    if (edit !== null) return { edit: { ...edit, cluster } };
  }
  return {};
}
