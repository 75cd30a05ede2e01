/** The answers of the decide functions. `reason` is what the timeline shows. */
import type { PauseReason, RolloutKind, RolloutPhase } from '../../generated/prisma/enums.ts';
import type { TargetAction } from './action.ts';
import type { Failure } from './failure.ts';
import type { RolloutState, TargetState, WaveEvidence } from './observation.ts';
import type { Reason, StoredReason } from './reasons.ts';

/** What changes in a target's row. */
export type TargetSet = Partial<Omit<TargetState, 'id' | 'waveId' | 'placementId' | 'cluster' | 'region' | 'namespace' | 'phaseDetail'>> & {
  phaseReason?: StoredReason;
};

export interface TargetDecision {
  reason: Reason;
  /** What of the row changes; committed, with the event, before the action is performed. */
  set: TargetSet;
  event: { type: TargetEventType } | null;
  action: TargetAction | null;
  /** Requeue at this time even if nothing changes. */
  lookAt: Date | null;
}

export type TargetEventType =
  | 'target.started'
  | 'target.step'
  | 'target.unreachable'
  | 'target.reachable'
  | 'target.unhealthy'
  | 'target.healthy'
  | 'target.failed'
  | 'target.succeeded'
  | 'target.rolled_back';

/** A change of target rows that a rollout's decision makes in its own transaction. */
export interface TargetChange {
  targetId: string;
  set: TargetSet;
}

/** Everything that one decision changes commits together, with its events and where the lease still holds; `targets` lists every target row that changes, with what changes in it. */
export type RolloutDecision =
  /** show: what is waited for is none of the rollout's own doing, and stands as its phaseReason meanwhile. */
  | { kind: 'WAIT'; reason: Reason; lookAt: Date | null; show: boolean }
  /** QUEUED -> RUNNING is the first wave's opening. */
  | { kind: 'OPEN_WAVE'; reason: Reason; waveId: string; evidence: WaveEvidence[] }
  | { kind: 'COMPLETE_WAVE'; reason: Reason; waveId: string }
  | { kind: 'START_TARGETS'; reason: Reason; targets: TargetChange[] }
  | { kind: 'PAUSE'; reason: Reason; pauseReason: PauseReason; failure: Failure | null }
  /** What was never written becomes SKIPPED, the rest ROLLING_BACK; the rollout ROLLING_BACK too, except for scope TARGET. */
  | { kind: 'ROLL_BACK'; reason: Reason; targets: TargetChange[]; scope: 'ALL' | 'WAVE' | 'TARGET'; failure: Failure | null }
  /** Targets that end (FAILED, or SKIPPED where nothing was written) because their cluster stays unreachable. */
  | { kind: 'GIVE_UP_TARGETS'; reason: Reason; targets: TargetChange[] }
  | { kind: 'SETTLE'; reason: Reason; phase: TerminalPhase; targets: TargetChange[]; failure: Failure | null };

export type TerminalPhase = Extract<RolloutPhase, 'SUCCEEDED' | 'ROLLED_BACK' | 'FAILED' | 'CANCELED' | 'SUPERSEDED'>;

/** An answer to a verb. CHANGE commits with its event and a nudge; the loops do the rest. */
export type VerbDecision =
  /** The effect stands already: 202, nothing changes. */
  | { kind: 'DONE' }
  | {
      kind: 'CHANGE';
      verb: VerbKind;
      reason: Reason;
      rollout: Partial<Pick<RolloutState, 'phase' | 'pauseReason' | 'intent' | 'takeOver' | 'failure'>>;
      waves: { waveId: string; promotedStep: number }[];
      targets: TargetChange[];
    }
  /** retry of a settled rollout: a new one with `retryOf`. */
  | { kind: 'NEW_ROLLOUT' }
  | { kind: 'WRONG_PHASE'; detail: string };

export type VerbKind = 'PAUSE' | 'RESUME' | 'PROMOTE' | 'ABORT' | 'RETRY';

/** What a verb changes. */
export type VerbChange = Extract<VerbDecision, { kind: 'CHANGE' }>;

/** A rollout ends because another one takes its workload. `by`: the kind of that one. */
export interface Supersede {
  kind: 'SUPERSEDE';
  by: RolloutKind;
}

/** The region of a target's cluster has had no worker since then. */
export interface NoWorker {
  kind: 'NO_WORKER';
  since: Date;
}
