import type { NewEvent } from '../../events/event-log.ts';
import type { PauseReason, RolloutPhase } from '../../generated/prisma/enums.ts';
import type { RolloutDecision, TargetChange, TerminalPhase } from '../core/decision.ts';
import type { Failure } from '../core/failure.ts';
import type { RolloutObservation, WaveState } from '../core/observation.ts';
import { isTerminal, targetPhases } from '../core/phases.ts';
import { detailOf, plain, sentenceOf } from '../core/reasons.ts';
import type { Detail } from '../core/reasons.ts';
import { applyTarget } from '../core/target/apply.ts';
import type { LockedRollout } from '../locked-rollout.ts';
import { targetData } from './rows.ts';
import type { TargetRow } from './rows.ts';
import { storable, storableJson } from './storable.ts';

type Settle = Extract<RolloutDecision, { kind: 'SETTLE' }>;

/**
 * A rollout's rows while it is being decided on. Each decision changes them here, the next one is based on the result, and all are saved in one transaction
 * with their events.
 */
export class RolloutDraft {
  readonly events: NewEvent[] = [];
  readonly changedWaves = new Set<WaveState>();
  readonly evidence = new Map<string, unknown>();
  readonly changedTargets = new Set<TargetRow>();
  private readonly woken = new Set<TargetRow>();
  phaseDetail: Detail | null;
  failure: Failure | null;
  started = false;
  settled: TerminalPhase | null = null;

  constructor(readonly rows: LockedRollout) {
    this.phaseDetail = rows.phaseDetail;
    this.failure = rows.failure;
  }

  get changed(): boolean {
    const { rows, events, changedWaves, changedTargets, phaseDetail } = this;
    return events.length > 0 || changedWaves.size > 0 || changedTargets.size > 0 || phaseDetail !== rows.phaseDetail;
  }

  observation(): RolloutObservation {
    const { now, rollout, waves, targets, quota, elsewhere } = this.rows;
    return { now, rollout, waves, quota, elsewhere, targets: targets.map((target) => target.state) };
  }

  take(decision: RolloutDecision): void {
    switch (decision.kind) {
      case 'WAIT':
        if (decision.show) this.say(decision.reason);
        return;
      case 'OPEN_WAVE':
        return this.openWave(decision);
      case 'COMPLETE_WAVE':
        return this.completeWave(decision);
      case 'START_TARGETS':
        this.say(decision.reason);
        return this.changeTargets(decision.targets);
      case 'PAUSE':
        return this.pause(decision.pauseReason, decision.failure, decision.reason);
      case 'ROLL_BACK':
        return this.rollBack(decision);
      case 'GIVE_UP_TARGETS':
        return this.changeTargets(decision.targets);
      case 'SETTLE':
        return this.settle(decision);
    }
  }

  /** Targets whose placements are due now: those to be steered, and those that their holder is to let go of. */
  toWake(): TargetRow[] {
    return [...this.woken];
  }

  /** By placement, the number of pods that a change of scale goes back to: what is rolled out beside it is to keep that number. */
  numbersBefore(): { id: string; replicas: number }[] {
    if (this.rows.rollout.kind !== 'SCALE') return [];
    return [...this.changedTargets].flatMap(({ state }) =>
      state.phase === 'ROLLING_BACK' && state.replicasBefore !== null ? [{ id: state.placementId, replicas: state.replicasBefore }] : [],
    );
  }

  private openWave({ waveId, evidence, reason }: Extract<RolloutDecision, { kind: 'OPEN_WAVE' }>): void {
    const wave = this.wave(waveId);
    wave.phase = 'OPEN';
    this.changedWaves.add(wave);
    this.evidence.set(waveId, evidence);
    if (this.rows.rollout.phase === 'QUEUED') {
      this.enter('RUNNING', null, reason);
      this.started = true;
      this.tell('rollout.started', reason);
    }
    this.tell('wave.opened', reason, { wave: wave.position });
  }

  private completeWave({ waveId, reason }: Extract<RolloutDecision, { kind: 'COMPLETE_WAVE' }>): void {
    const wave = this.wave(waveId);
    wave.phase = 'COMPLETED';
    this.changedWaves.add(wave);
    this.tell('wave.completed', reason, { wave: wave.position });
  }

  private pause(pauseReason: PauseReason, failure: Failure | null, reason: string): void {
    this.enter('PAUSED', pauseReason, reason);
    this.failure = failure ?? this.failure;
    this.tell('rollout.paused', reason, { pauseReason, failure });
  }

  private rollBack({ targets, scope, failure, reason }: Extract<RolloutDecision, { kind: 'ROLL_BACK' }>): void {
    this.failure = failure ?? this.failure;
    if (scope !== 'TARGET') this.enter('ROLLING_BACK', null, reason);
    this.tell('rollout.rolling_back', reason, { scope, failure });
    this.changeTargets(targets);
  }

  private settle({ phase, targets, failure, reason }: Settle): void {
    this.changeTargets(targets);
    this.enter(phase, null, reason);
    this.failure = failure ?? this.failure;
    this.settled = phase;
    this.tell(`rollout.${phase.toLowerCase()}`, reason, { failure: this.failure });
  }

  private changeTargets(changes: readonly TargetChange[]): void {
    for (const { targetId, set } of changes) {
      const target = this.rows.targets.find((each) => each.state.id === targetId);
      if (!target) throw new Error(`a decision names target ${targetId}, which is not part of the rollout`);
      const before = target.state.phase;
      target.state = applyTarget(target.state, set, this.rows.now);
      this.changedTargets.add(target);
      const wasSteered = before !== 'PENDING' && !isTerminal(before);
      if (wasSteered || !isTerminal(target.state.phase)) this.woken.add(target);
      const { phase, phaseDetail, failure, cluster } = target.state;
      if (phase === 'FAILED' && !targetPhases[before].terminal) {
        this.tell(
          'target.failed',
          `${cluster}: ${(phaseDetail && sentenceOf(phaseDetail)) ?? failure?.message ?? 'given up'}`,
          targetData(target),
          targetId,
        );
      }
    }
  }

  private enter(phase: RolloutPhase, pauseReason: PauseReason | null, reason: string): void {
    this.rows.rollout = { ...this.rows.rollout, phase, pauseReason };
    this.say(reason);
  }

  /** Unchanged where it says the same already. */
  private say(reason: string): void {
    if (this.phaseDetail !== null && sentenceOf(this.phaseDetail) === reason) return;
    this.phaseDetail = detailOf(plain(storable(reason)), this.phaseDetail, this.rows.now);
  }

  private wave(id: string): WaveState {
    const wave = this.rows.waves.find((each) => each.id === id);
    if (!wave) throw new Error(`a decision names wave ${id}, which is not part of the rollout`);
    return wave;
  }

  private tell(type: string, message: string, data: object = {}, targetId: string | null = null): void {
    const { workloadId, rollout } = this.rows;
    this.events.push({
      type,
      message: storable(message),
      workloadId,
      rolloutId: rollout.id,
      targetId,
      data: JSON.parse(storableJson(data)) as object,
    });
  }
}
