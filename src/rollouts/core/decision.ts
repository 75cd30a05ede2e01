/** What shall be: the answers of the two decide functions. `reason` is the sentence that the timeline shows. */
import type { PauseReason, RolloutPhase } from '../../generated/prisma/enums.ts';
import type { Failure } from './failure.ts';
import type { TargetState } from './observation.ts';

/** Fence of a write to an existing object: the observation that it was decided on. */
export interface Precondition {
  uid: string;
  resourceVersion: string;
}

export interface Gate {
  closed: boolean;
  /** As written into the Deployment: "2", "25%"; never both zero. */
  surge: string;
  unavailable: string;
}

export type TargetAction =
  /** Reviews access, dry-runs every object, lists field conflicts; changes nothing. */
  | { kind: 'PREFLIGHT' }
  /** Reads the last log lines of a container in trouble. */
  | { kind: 'READ_LOG'; pod: string; container: string; previous: boolean }
  /** Applies what does not exist yet (ConfigMaps, new objects), then the Deployment with this gate. precondition null = the Deployment does not exist. */
  | { kind: 'APPLY'; side: 'TO' | 'FROM'; gate: Gate; precondition: Precondition | null }
  /** Applies the objects that may only change once a single revision runs, then prunes what no kept release names. */
  | { kind: 'FINISH'; side: 'TO' | 'FROM' }
  | { kind: 'SCALE'; replicas: number; precondition: Precondition }
  /** Deletes what this rollout created (from = null), or the whole workload here (DELETE), uid-checked. */
  | { kind: 'DELETE' };

export interface TargetDecision {
  reason: string;
  /** What of the row changes; committed, with the event, before the action is performed. */
  set: Partial<Omit<TargetState, 'id' | 'waveId' | 'placementId' | 'cluster' | 'region' | 'namespace'>>;
  event: { type: TargetEventType; message: string } | null;
  action: TargetAction | null;
  /** Look again at this time even if nothing changes. */
  lookAt: Date | null;
}

export type TargetEventType = 'target.started' | 'target.step' | 'target.unreachable' | 'target.reachable' | 'target.failed' | 'target.succeeded' | 'target.rolled_back';

export type RolloutDecision =
  | { kind: 'WAIT'; reason: string; lookAt: Date | null }
  /** QUEUED -> RUNNING is the first wave's opening. */
  | { kind: 'OPEN_WAVE'; reason: string; waveId: string; evidence: WaveEvidence[] }
  | { kind: 'COMPLETE_WAVE'; reason: string; waveId: string }
  | { kind: 'START_TARGETS'; reason: string; targetIds: string[] }
  | { kind: 'PAUSE'; reason: string; pauseReason: PauseReason; failure: Failure | null }
  /** Targets never written become SKIPPED, the others ROLLING_BACK; the rollout ROLLING_BACK unless `scope` is narrower. */
  | { kind: 'ROLL_BACK'; reason: string; targetIds: string[]; skippedIds: string[]; scope: 'ALL' | 'WAVE' | 'TARGET'; failure: Failure | null }
  /** Targets that end FAILED because their cluster stays away. */
  | { kind: 'FAIL_TARGETS'; reason: string; targetIds: string[]; failure: Failure }
  | { kind: 'SETTLE'; reason: string; phase: Extract<RolloutPhase, 'SUCCEEDED' | 'ROLLED_BACK' | 'FAILED' | 'CANCELED' | 'SUPERSEDED'>; failure: Failure | null };

/** On what a wave was opened: what each target of the wave before it stood at. */
export interface WaveEvidence {
  targetId: string;
  phase: string;
  release: number | null;
  ready: number | null;
}
