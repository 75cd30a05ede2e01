/**
 * What is: everything that a decision is taken on. Rows come from Postgres, `Live` from the placement's watch; nothing here
 * says what happened, only what stands now. Times are data.
 */
import type {
  PauseReason,
  RolloutKind,
  RolloutPhase,
  OnFailure,
  OnUnreachable,
  TargetPhase,
  WavePhase,
} from '../../generated/prisma/enums.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import type { Condition } from './condition-types.ts';
import type { Failure, PodFault } from './failure.ts';
import type { Detail } from './reasons.ts';
import type { TargetAction } from './action.ts';
import type { Amounts } from './steps.ts';

export type { Condition };

/** Which release stands (or shall stand) on a placement, with the restart that was asked for since. */
export interface Applied {
  releaseId: string;
  /** The release's number, for sentences. */
  release: number;
  /** Digest of the rendered objects: the key of `rendered`. */
  digest: string;
  /** Digest of the pod template as applied (restart annotation included): equals the annotation `slipway.dev/template`. */
  templateDigest: string;
  /** RFC 3339, or null: rendered into the pod template as `slipway.dev/restarted-at`. */
  restartedAt: string | null;
}

/** One side of a target, `to` or `from`, with what steering needs to know of its rendering: `strategy` is the template's own, whatever the rollout's is. */
export interface Side extends Applied {
  strategy: Strategy;
}

export interface RolloutState {
  id: string;
  kind: RolloutKind;
  phase: RolloutPhase;
  pauseReason: PauseReason | null;
  /** An accepted wish that the rollout's own loop carries out: ABORT undoes, GIVE_UP ends the undoing of unreachable clusters. (Superseding settles the old rollout in the request's own transaction.) */
  intent: 'ABORT' | 'GIVE_UP' | null;
  onFailure: OnFailure;
  onUnreachable: OnUnreachable;
  /** The strategy of the rollout: the release's, or what the request said instead. */
  strategy: Strategy;
  phaseDetail: Detail | null;
  /** The failure that decided it. */
  failure: Failure | null;
  startedAt: Date | null;
  settledAt: Date | null;
}

export interface WaveState {
  id: string;
  position: number;
  phase: WavePhase;
  /** Pauses up to and including this index of `strategy.steps` have been promoted; -1 = none. */
  promotedStep: number;
  /** How many targets may be PROGRESSING, BAKING or ROLLING_BACK at once; null = all. */
  maxConcurrent: number | null;
  maxFailed: number;
  /** What it was opened on; null before. */
  evidence: WaveEvidence[] | null;
}

/** On what a wave was opened: what each target of the wave before it stood at. */
export interface WaveEvidence {
  targetId: string;
  phase: string;
  release: number | null;
  /** The sentence that its phase stands on, e.g. "10 of 10 pods run release 7 and are Ready". */
  reason: string | null;
}

/** A stage as the walk sees it: of a kind that some handler knows. */
export interface AnyStage {
  kind: string;
  step: number;
}

/** What of a stage's progress has to survive the worker, as JSON; null before the stage has been entered. */
export type StageProgress = Readonly<Record<string, unknown>>;

export interface TargetState {
  id: string;
  waveId: string;
  placementId: string;
  cluster: string;
  region: string;
  namespace: string;
  phase: TargetPhase;
  phaseDetail: Detail | null;
  /** What ran before (null = nothing) and what shall run (null = nothing: DELETE; for SCALE both are null). */
  from: Side | null;
  to: Side | null;
  /** What the rollout that this one superseded had written here: its pods may still stand beside both sides. Null where there was none. */
  superseded: Side | null;
  /** Committed before the first write to the cluster. */
  written: boolean;
  /** True from the moment it was told to go back: tells a FAILED that may still be undone from one whose undoing failed. */
  undoing: boolean;
  /** Uid of the Deployment once it has been seen: what is deleted and made again by others is reported, never adopted. */
  uid: string | null;
  /** It found no Deployment and makes one: the number of pods is then its own to set, whatever stands there. */
  made: boolean;
  /** N before our own change of it, null while we have made none: what an undo restores where the live number is still ours. */
  replicasBefore: number | null;
  /** The number that this target itself asked for, null while it has not: anything else that stands there is somebody else's wish and stays. */
  replicasAfter: number | null;
  /** What it goes through, as compiled when the rollout was accepted; while going back, what undoes it. */
  stages: readonly AnyStage[];
  /** Index into `stages`. */
  stage: number;
  /** What the stage has to remember, by its own codec; null before it is entered. */
  progress: StageProgress | null;
  /** maxSurge and maxUnavailable written last, e.g. "2" and "20%", at the N of that moment (null while no Deployment was there to have one); null before the first write. */
  gate: (Amounts & { n: number | null }) | null;
  /** When the stage was entered or its last write decided; moved on by the time that it was paused or unreachable since. */
  enteredAt: Date | null;
  /** When it was tried again on request, null if never: what pods were in trouble with before then says nothing about now. */
  retriedAt: Date | null;
  /** Since when it is stopped (paused or unreachable), null while it runs. */
  stoppedAt: Date | null;
  condition: Condition | null;
  failure: Failure | null;
}

export interface PlacementState {
  id: string;
  workloadId: string;
  workload: string;
  namespace: string;
  /** N: the placement's own number, else the release's. */
  replicas: number;
  /** The number that we wrote last, null if never. */
  lastWrittenReplicas: number | null;
  /** When a new pod last became Ready, by the database's clock. */
  progressAt: Date | null;
}

export interface LivePod {
  name: string;
  uid: string;
  ready: boolean;
  /** Milliseconds that the Ready condition has stood, by the cluster's clock, rounded down; 0 when not ready. */
  readyMilliseconds: number;
  terminating: boolean;
  /** The first thing that is wrong with it, null when nothing is. */
  fault: PodFault | null;
}

export interface LiveReplicaSet {
  name: string;
  uid: string;
  /** `spec.replicas`. */
  replicas: number;
  /** Its annotation `slipway.dev/template`, copied from the Deployment while it was the current one. */
  template: string | null;
  /** The gate was closed when it was the current one last: however Ready its pods are, the Deployment controller counts none of them as available. */
  gateClosed: boolean;
  pods: LivePod[];
}

export type Live =
  /** The watch has not delivered its first list yet: nothing may be decided. */
  | { kind: 'UNKNOWN' }
  /** `since` by the database's clock; `message` and `advice` as the client words them. */
  | { kind: 'UNREACHABLE'; since: Date; message: string; advice: string; access: boolean }
  | { kind: 'ABSENT' }
  | LiveDeployment;

export interface LiveDeployment {
  kind: 'PRESENT';
  uid: string;
  resourceVersion: string;
  generation: number;
  observedGeneration: number;
  /** False: an object of our name that does not bear our workload's id. Never touched. */
  ours: boolean;
  replicas: number;
  gate: 'OPEN' | 'CLOSED';
  /** As they stand in the spec: "2", "25%"; "0" where the strategy has none (Recreate). */
  surge: string;
  unavailable: string;
  /** `spec.paused`, with the field manager that owns it. */
  pausedBy: string | null;
  /** Its annotation `slipway.dev/template`: digest of the pod template that we applied last. A digest and not a side, since both sides may have the same one. */
  template: string | null;
  /** Its annotation `slipway.dev/release`. */
  release: number | null;
  /** The field manager that changed `spec.template.spec` after our last apply, null if none did. What others add to the pod's metadata (`kubectl rollout restart`) is left alone. */
  editedBy: string | null;
  /** It is being deleted: it takes no write any more, and is waited for. */
  terminating: boolean;
  /** The ReplicaSet whose template is the Deployment's own, null until the controller has made it. */
  current: LiveReplicaSet | null;
  others: LiveReplicaSet[];
  /** Pods are counted by ReplicaSet; those that no ReplicaSet of ours owns are not here. The Deployment's or the current ReplicaSet's ReplicaFailure condition: quota, admission. */
  replicaFailure: { reason: string; message: string; ageMilliseconds: number } | null;
}

/** The outcome of the look at permissions, dry runs and field conflicts; kept by the holder, taken again after a crash. */
export type Preflight = { ok: true } | { ok: false; failure: Failure };

export interface TargetObservation {
  /** The database's clock. */
  now: Date;
  rollout: RolloutState;
  wave: WaveState;
  placement: PlacementState;
  target: TargetState;
  live: Live;
  /** null until it has been taken since this holder holds the placement. */
  checked: Preflight | null;
  /** The last write (no preflight, no reading of a log) that this holder has performed to its end; null when none, so that a new holder performs it again (all are idempotent). */
  performed: TargetAction | null;
  /**
   * The last error that a write met with and that no new observation explains (admission denied, forbidden), with when by the database's clock; null after a write that went through.
   * Never a 409, 429, 5xx or a cut connection: those are tried again below.
   */
  writeFailure: { failure: Failure; at: Date } | null;
  /**
   * What every write and preflight has met with lately that may pass by itself (a webhook that is down, an API that is missing) and is tried again; `since` by the
   * database's clock. null after one that went through.
   */
  hindrance: { failure: Failure; since: Date } | null;
  /** Last log lines by `<pod>/<container>`, as far as they have been read ('' = asked, nothing there). */
  logs: ReadonlyMap<string, string>;
}

/** A rollout as its rows have it. */
export interface RolloutRows {
  now: Date;
  rollout: RolloutState;
  waves: WaveState[];
  targets: TargetState[];
}

export interface RolloutObservation extends RolloutRows {
  /** How many targets the tenant's quota lets move at once; null = any number. */
  quota: number | null;
  /** How many targets of the tenant's other rollouts move now. */
  elsewhere: number;
}
