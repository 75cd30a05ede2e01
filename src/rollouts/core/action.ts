/** What a decision about a target asks the placement's holder to do. */

/** Fence of a write to an existing object: the observation that it was decided on. */
export interface Precondition {
  uid: string;
  resourceVersion: string;
}

export interface Gate {
  closed: boolean;
  /** As written into the Deployment: "2" (an integer there), "25%"; never both zero. Open = the side's own minReadySeconds and progressDeadlineSeconds. */
  surge: string;
  unavailable: string;
}

/** Actions that only look for what a failure is to say: they change nothing and tell nothing of writes. */
export const onlyLooks = ({ kind }: Pick<TargetAction, 'kind'>): boolean =>
  kind === 'READ_LOG' || kind === 'READ_EVENTS' || kind === 'LIST_EDITS';

/** Which of a target's sides is written. SUPERSEDED: what ran beside, on the way back only. */
export type SideName = 'TO' | 'FROM' | 'SUPERSEDED';

/**
 * The pod template that a write to an existing Deployment has: none (GATE alone, or the live one is KEPT while all else becomes the side's), the side's
 * rendering, or that of the ReplicaSet which ran the side.
 */
export type TemplateSource = 'GATE' | 'KEPT' | 'RENDERED' | { replicaSet: string; uid: string };

export type TargetAction =
  /** Reviews access, dry-runs the write with this gate and every other object of `to`, lists what others have changed; changes nothing. takeOver: that is no failure. */
  | { kind: 'PREFLIGHT'; takeOver: boolean; gate: Gate }
  /** Lists in what the live pod template, which has this digest, differs from that of `to`. */
  | { kind: 'LIST_EDITS'; template: string }
  /** Reads the last log lines of a failing container. */
  | { kind: 'READ_LOG'; pod: string; container: string; previous: boolean }
  /** Reads the warnings about a pod that is stuck without a word in its status. */
  | { kind: 'READ_EVENTS'; pod: string; uid: string }
  /**
   * Applies what does not exist yet (ConfigMaps, new objects), then writes the Deployment with this gate. precondition null = it does not exist and is applied.
   * unpause: it says `paused: false`, which takes the owner's pause away; only an undo does that.
   */
  | { kind: 'APPLY'; side: SideName; template: TemplateSource; gate: Gate; unpause: boolean; precondition: Precondition | null }
  /** Applies the objects that may only change once a single revision runs, then prunes what no kept release names. `untouched`: as of the stage. */
  | { kind: 'FINISH'; side: 'TO' | 'FROM'; untouched?: true }
  /** Patches `/scale`. `placements.last_written_replicas` = replicas commits with the decision, before the write. */
  | { kind: 'SCALE'; replicas: number; precondition: Precondition }
  /** Deletes what this rollout created (from = null), or the whole workload here (to = null): every object of ours, the Deployment (unless precondition is null: gone already) by its uid. */
  | { kind: 'DELETE'; precondition: Precondition | null };
