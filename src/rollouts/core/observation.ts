/**
 * The input of decisions: the current state of the rows (from Postgres) and of the cluster (`Live`, from the placement's watch). No history; times are data.
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
import type { Blame, Failure, PodFault } from './failure.ts';
import type { Hindrance } from './hindrance.ts';
import type { Difference } from './live/edits.ts';
import type { Detail } from './reasons.ts';
import type { SideName, TargetAction } from './action.ts';
import type { Amounts } from './steps.ts';

export type { Condition };

/** Which release stands (or shall stand) on a placement, with the restart that was asked for since. */
export interface Applied {
  releaseId: string;
  /** The release's number, for sentences. */
  release: number;
  /** Digest of the rendered objects: the key of `rendered`. */
  digest: string;
  /** Digest of the pod template as rendered (restart annotation included): equals the annotation `slipway.dev/template`. */
  templateDigest: string;
  /** RFC 3339, or null: rendered into the pod template as `slipway.dev/restarted-at`. */
  restartedAt: string | null;
  /**
   * Digest of the pod template as the cluster has it once we have written it, with its defaults and what admission adds (`live/live-template.ts`): of the
   * last dry run or write. null = not asked yet.
   */
  template: string | null;
  /** Uid of the ReplicaSet that runs it; of what is gone back to, the one that ran when the rollout began. null = not known: then `template` says what runs it. */
  replicaSet: string | null;
  /** Who had changed the pod template of that ReplicaSet after us. Sentences say so. null = nobody: it is ours. */
  editedBy: string | null;
  /** Of what is gone back to: how many of its pods were not Ready when the rollout began, of which going back makes none Ready either. */
  notReady: number;
}

/** Who changed a template that a write of ours had otherwise: a policy or a webhook of the cluster. */
export const ADMISSION = "the cluster's admission";

/** What an earlier version did not store of a side. */
export const UNIDENTIFIED = { template: null, replicaSet: null, editedBy: null, notReady: 0 } as const satisfies Partial<Applied>;

/** A side of a row, whatever version wrote it. */
export type StoredSide = Omit<Side, keyof typeof UNIDENTIFIED> & Partial<Side>;

export function readSide<S extends StoredSide | null>(stored: S): Side | Extract<S, null> {
  return stored === null ? (stored as Extract<S, null>) : { ...UNIDENTIFIED, ...stored };
}

/** One side of a target, `to` or `from`, with what steering needs to know of its rendering: `strategy` is the template's own, whatever the rollout's is. */
export interface Side extends Applied {
  strategy: Strategy;
}

export interface RolloutState {
  id: string;
  kind: RolloutKind;
  /** As requested, at first or by a retry; a kind may take over without it. */
  takeOver: boolean;
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

/** maxSurge and maxUnavailable of a write, e.g. "2" and "20%". */
export interface WrittenGate extends Amounts {
  /** The N of that moment; null while no Deployment was there to have one. */
  n: number | null;
  /** `template` of the Deployment that it was decided on; absent where there was none, and in rows of earlier versions. */
  over?: string;
  /** Absent in rows of earlier versions, whose gate is not verified. */
  closed?: boolean;
  /** What the stage had written, where other amounts hold the pods until the controllers have counted after somebody had opened the gate. */
  stage?: Amounts;
  /** Of the Deployment, as the preflight found it; absent where there was none. */
  autoscaler?: Autoscaler;
  /** Pods of this very template stood before the first write: what was superseded had brought them. Absent where none did. */
  stood?: true;
  /** When others had changed it and it was written again, and who they were; the last few. */
  overridden?: readonly GateOverride[];
}

export interface GateOverride {
  /** RFC 3339, by the database's clock. */
  at: string;
  /** The field manager. */
  by: string;
}

/** A stage as the walk sees it: of a kind that some handler knows. */
export interface AnyStage {
  kind: string;
  step: number;
}

/** The progress of a stage that has to survive a crash, as JSON; null before the stage has been entered. */
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
  /** True from the start of an undo. A FAILED target that is not undoing can still be undone; one that is has failed to. */
  undoing: boolean;
  /** Uid of the Deployment, once observed. A Deployment that others delete and recreate is reported, never adopted. */
  uid: string | null;
  /** It creates the Deployment, and may therefore set the number of pods, whatever the live one is. */
  made: boolean;
  /** N before our change, null without one; what was asked for since, where something was. An undo restores it if the live number is still ours. */
  replicasBefore: number | null;
  /** The number that this target has requested, null before. Any other live number was set by others and is kept. */
  replicasAfter: number | null;
  /** Its stages, compiled when the rollout was accepted; while going back, those that undo it. */
  stages: readonly AnyStage[];
  /** Index into `stages`. */
  stage: number;
  /** The progress of its stage, in that stage's codec; null before it is entered. */
  progress: StageProgress | null;
  /** What was written last; null before the first write. */
  gate: WrittenGate | null;
  /** When the stage was entered or its last write decided, moved forward by the time that it was paused or unreachable since. */
  enteredAt: Date | null;
  /** When it was last retried on request, null if never. Older faults of its pods are ignored. */
  retriedAt: Date | null;
  /** Since when it is stopped (paused or unreachable), null while it runs. */
  stoppedAt: Date | null;
  /** From when a write that is due has waited for the controllers' counts, null while none does. In the future while it is held before. */
  settlingSince: Date | null;
  condition: Condition | null;
  /** What stands in its way now. */
  hindrance: Hindrance | null;
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
  /** Milliseconds since it was created, by the cluster's clock. */
  ageMilliseconds: number;
  /** The worst that is wrong with it, null when nothing is. Of a Ready one: its node's clock is ahead. */
  fault: PodFault | null;
}

/** Pods as a controller has counted them last (`status`): without those that are terminating, and perhaps older than the pods. */
export interface Counted {
  replicas: number;
  ready: number;
  available: number;
}

export interface LiveReplicaSet {
  name: string;
  uid: string;
  /** In the order in which the ReplicaSets were made, as the Deployment controller takes them: the oldest is the least. */
  age: number;
  /** `spec.replicas`. */
  replicas: number;
  /** Digest of its pod template, as `Applied.template`. */
  template: string;
  /** The gate was closed when it was the current one: the Deployment controller counts none of its pods as available, even if they are Ready. */
  gateClosed: boolean;
  /** Current: counted for the spec as it is, which says nothing of the pods that were made or deleted for it. */
  counted: Counted & { isCurrent: boolean };
  pods: LivePod[];
  /** Its pods that have ended, which are not among `pods`: why they do, if that goes on. */
  ended: Blame | null;
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
  /** It is ours by the labels of its pods, but somebody has removed or changed its own. */
  unlabeled: boolean;
  replicas: number;
  /** The field manager that owns `spec.replicas`: whoever changed it last, we or others. null = nobody has since it was created. */
  replicasBy: string | null;
  gate: 'OPEN' | 'CLOSED';
  /** As they stand in the spec: "2", "25%"; "0" where the strategy has none (Recreate). */
  surge: string;
  unavailable: string;
  /** The field manager other than us that has last changed what the gate consists of, null if none has since our last write of it. */
  gateBy: string | null;
  /** `spec.paused`, with the field manager that owns it. */
  pausedBy: string | null;
  /** Digest of its pod template, as `Applied.template`, whoever wrote it. A digest and not a side, since both sides may have the same one. */
  template: string;
  /** Its annotation `slipway.dev/release`. */
  release: number | null;
  /** The field manager other than us that wrote to the pod template last and owns something there. null = none: what others have removed nobody owns. */
  editedBy: string | null;
  /** It is being deleted: it takes no write any more, and is waited for. */
  terminating: boolean;
  /** Its ReplicaSets' counts, as far as the Deployment controller had seen them when it wrote its status. `updated`: the pods of its current template. */
  counted: Counted & { updated: number };
  /** The ReplicaSet whose template is the Deployment's own, null until the controller has made it. */
  current: LiveReplicaSet | null;
  others: LiveReplicaSet[];
  /** All ReplicaSets of the Deployment, those without pods too. */
  replicaSets: readonly Pick<LiveReplicaSet, 'name' | 'uid' | 'template'>[];
  /** Pods are counted by ReplicaSet; those that no ReplicaSet of ours owns are not here. The Deployment's or the current ReplicaSet's ReplicaFailure condition: quota, admission. */
  replicaFailure: { reason: string; message: string; ageMilliseconds: number } | null;
}

/** Who may change N by itself: the HorizontalPodAutoscaler's name, and its `minReplicas`. */
export interface Autoscaler {
  name: string;
  least: number;
}

/**
 * The result of checking permissions, dry runs and field conflicts. Kept by the holder, repeated after a crash. `editedBy`: whose changes are taken over;
 * `autoscaler`: absent where there is none, or it cannot be read.
 */
export type Preflight = { ok: true; editedBy?: string; autoscaler?: Autoscaler } | { ok: false; failure: Failure };

/** Another target that is under way at the placement: a change of the number of pods goes on beside a rollout. */
export type Beside = Pick<TargetObservation, 'rollout' | 'placement' | 'target'>;

export interface TargetObservation {
  /** The database's clock. */
  now: Date;
  rollout: RolloutState;
  wave: WaveState;
  placement: PlacementState;
  target: TargetState;
  beside: readonly Beside[];
  live: Live;
  /** null until it has been taken since this holder holds the placement. */
  checked: Preflight | null;
  /** In what a live pod template, by its digest, differs from that of `to`; null until it has been listed. */
  edits: { template: string; differences: readonly Difference[] } | null;
  /** `template` of the sides that this holder has dry-run or written. */
  answers: ReadonlyMap<SideName, string>;
  /** The last write (no preflight, no reading of a log) that this holder has performed to its end; null if none, so that a new holder repeats it (all are idempotent). */
  performed: TargetAction | null;
  /**
   * The last error that a write met with and that no new observation explains (admission denied, forbidden), with when by the database's clock; null after a write that went through.
   * Never a 409, 429, 5xx or a cut connection, which the engine retries.
   */
  writeFailure: { failure: Failure; at: Date } | null;
  /**
   * The error of recent writes and preflights that may pass by itself and is retried (a webhook that is down, an API that is missing); `since` by the database's
   * clock. null after a success.
   */
  hindrance: { failure: Failure; since: Date } | null;
  /** Last log lines by `<pod>/<container>`, as far as they have been read ('' = asked, nothing there). */
  logs: ReadonlyMap<string, string>;
  /** Warnings about pods by their uid, as far as they have been read; `at` by the database's clock. */
  warnings: ReadonlyMap<string, PodWarnings>;
}

/** What a cluster's events say about one pod, newest first; empty also where they could not be read. */
export interface PodWarnings {
  at: Date;
  events: readonly { reason: string; message: string }[];
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
