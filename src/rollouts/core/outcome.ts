/** What failures lead to: what `onFailure` does about them, and the phase in which a rollout ends. */
import type { RolloutDecision, TerminalPhase } from './decision.ts';
import type { Failure } from './failure.ts';
import type { RolloutObservation, TargetState, WaveState } from './observation.ts';
import { isTerminal } from './phases.ts';
import { sentenceOf } from './reasons.ts';
import { canGoBack, skipped, undoing } from './undo-rows.ts';

/** Targets of a wave that failed, those included that went back by themselves since. */
export function failuresOf(o: RolloutObservation, wave: WaveState): TargetState[] {
  return o.targets.filter((target) => target.waveId === wave.id && failed(target));
}

function failed(target: TargetState): boolean {
  return target.phase === 'FAILED' || ((target.phase === 'ROLLED_BACK' || target.phase === 'ROLLING_BACK') && target.failure !== null);
}

/** The failure of the target that decided it: the first one that failed, in the order of the targets. */
export function wholeFailure({ targets }: RolloutObservation): Failure | null {
  return targets.find((target) => failed(target) && target.failure !== null)?.failure ?? null;
}

/** What `onFailure` says, in any phase that is not on its way back; null where nothing (more) has to be done about failures. */
export function afterFailure(o: RolloutObservation): RolloutDecision | null {
  const { rollout } = o;
  if (rollout.onFailure === 'ROLLBACK_TARGET') return backAlone(o);
  const over = o.waves.find((wave) => failuresOf(o, wave).length > wave.maxFailed);
  if (over === undefined) return null;
  const failures = failuresOf(o, over);
  const failure = failures.find((target) => target.failure !== null)?.failure ?? null;
  const reason = `${failureSentence(failures)}${over.maxFailed === 0 ? '' : ` (${over.maxFailed} may fail)`}`;
  if (rollout.onFailure === 'PAUSE') {
    if (rollout.phase === 'PAUSED' && rollout.pauseReason === 'FAILURE') return null;
    return { kind: 'PAUSE', reason: `Paused: ${reason}`, pauseReason: 'FAILURE', failure };
  }
  const whole = rollout.onFailure === 'ROLLBACK_ALL';
  const scope = whole ? 'ALL' : 'WAVE';
  const back = o.targets.filter((target) => whole || target.waveId === over.id);
  const rest = o.targets.filter((target) => !back.includes(target) && !isTerminal(target.phase));
  const targets = [...undoing(o.now, back, reason), ...undoing(o.now, rest, reason)];
  return { kind: 'ROLL_BACK', reason: `Going back${whole ? ' everywhere' : ''}: ${reason}`, targets, scope, failure };
}

/** Each failed target goes back by itself; the others go on. */
function backAlone(o: RolloutObservation): RolloutDecision | null {
  const alone = o.targets.filter((target) => target.phase === 'FAILED' && canGoBack(target));
  if (alone.length === 0) return null;
  const reason = failureSentence(alone);
  const failure = alone.find((target) => target.failure !== null)?.failure ?? null;
  return { kind: 'ROLL_BACK', reason: `Going back there: ${reason}`, targets: undoing(o.now, alone, reason), scope: 'TARGET', failure };
}

function failureSentence(failures: readonly TargetState[]): string {
  const [first] = failures;
  const more = failures.length > 1 ? ` And ${failures.length - 1} more failed.` : '';
  return `${first?.cluster ?? 'a target'} failed: ${first?.failure?.reason ?? (first?.phaseDetail && sentenceOf(first.phaseDetail)) ?? 'for an unknown reason'}.${more}`;
}

/** The one decision that ends a rollout of which nothing is under way any more. */
export function settled(o: RolloutObservation): RolloutDecision {
  const phase = phaseOf(o);
  const left = o.targets.filter((target) => !isTerminal(target.phase));
  const targets = left.map((target) => skipped(target, 'Not started: the rollout ended before.'));
  return { kind: 'SETTLE', reason: reasonOf(o, phase), phase, targets, failure: wholeFailure(o) };
}

function phaseOf(o: RolloutObservation): TerminalPhase {
  const written = o.targets.filter((target) => target.written);
  if (o.rollout.phase === 'ROLLING_BACK') {
    return written.every((target) => target.phase === 'ROLLED_BACK') ? 'ROLLED_BACK' : 'FAILED';
  }
  const within = o.waves.every((wave) => wave.phase === 'COMPLETED' && failuresOf(o, wave).length <= wave.maxFailed);
  if (within) return 'SUCCEEDED';
  return written.length > 0 && written.every((target) => target.phase === 'ROLLED_BACK') ? 'ROLLED_BACK' : 'FAILED';
}

function reasonOf(o: RolloutObservation, phase: TerminalPhase): string {
  const count = (wanted: TargetState['phase']): number => o.targets.filter((target) => target.phase === wanted).length;
  if (phase === 'SUCCEEDED') {
    const parts = [`${count('SUCCEEDED')} of ${o.targets.length} targets succeeded`];
    if (count('SKIPPED') > 0) parts.push(`${count('SKIPPED')} skipped`);
    if (o.targets.some(failed)) parts.push(`${o.targets.filter(failed).length} failed, which the wave allows`);
    return o.targets.length === 0 ? 'There was nothing to do.' : `${parts.join(', ')}.`;
  }
  const cause = wholeFailure(o);
  const why = cause === null ? '' : ` The cause: ${cause.cluster}: ${cause.reason}.`;
  if (phase === 'ROLLED_BACK') {
    if (!o.targets.some((target) => target.written)) return `Nothing was changed.${why}`;
    return `Every target that was changed runs what it ran before (${count('ROLLED_BACK')} of ${o.targets.length}).${why}`;
  }
  const stuck = o.targets
    .filter(failed)
    .map(({ cluster, phase, failure }) => `${cluster} (${failure?.reason ?? 'unknown'}${phase === 'ROLLED_BACK' ? ', went back' : ''})`);
  const mixed = count('SUCCEEDED') > 0 ? ` ${count('SUCCEEDED')} run the new release.` : '';
  return `An operator is needed: ${stuck.slice(0, 10).join(', ') || 'some targets run the new release and some the old one'}${stuck.length > 10 ? `, ${stuck.length - 10} more` : ''}.${mixed}`;
}
