/**
 * The stages that a target goes through. A strategy, a change of scale, a removal and an undo are lists of them; the walk (`targets/walk.ts`) goes through any list
 * and knows no kind. A kind is one file here and one row in `handlers.ts`.
 */
import type { z } from 'zod';
import type { Draft } from '../draft.ts';
import type { AnyStage, LiveDeployment, StageProgress, TargetObservation } from '../observation.ts';
import type { Failure } from '../failure.ts';
import type { Reason } from '../reasons.ts';
import type { Strategy } from '../../../workloads/core/strategy.ts';

/** How many pods of the new revision a PODS stage ends with, at the live N. */
export type Share =
  /** Per cent of N, 1..100. */
  | { weight: number }
  /** A count of pods, >= 1; N where N is smaller. */
  | { count: number }
  /** This many more (>= 1) at a time, until all N are new. */
  | { each: number };

export type Stage = {
  /** Index of the user's step that it belongs to, as shown and promoted. */
  step: number;
} & (
  | {
      kind: 'PODS';
      share: Share;
      /** Ends with N pods in total, without surge; else the next stage continues from the surge. */ rest: boolean;
    }
  /** Holds once the pods are healthy: for seconds, or until promoted (null). */
  | { kind: 'PAUSE'; seconds: number | null }
  /** The gate is open: the Deployment's own controller replaces what is left. */
  | { kind: 'OPEN' }
  /** The number of pods: the one that is wanted, or the one before. `alone`: nothing but the number changes. */
  | { kind: 'SCALE'; number: 'WANTED' | 'BEFORE'; alone: boolean }
  /** Applies the remaining objects of a side and prunes unreferenced ones. `untouched`: those of `from` were never changed, and none is restored. */
  | { kind: 'FINISH'; side: 'TO' | 'FROM'; untouched?: true }
  /** Everything of ours is deleted. */
  | { kind: 'REMOVE' }
  /** The template of `from`, by the original ReplicaSet. */
  | { kind: 'BACK' }
);

export type StageKind = Stage['kind'];
export type StageOf<K extends StageKind> = Extract<Stage, { kind: K }>;

/** A look at a Deployment that is there and ours, or at one whose REMOVE has begun. */
export interface Visit {
  o: TargetObservation;
  live: LiveDeployment;
}

/** What a stage comes to now. */
export type Look =
  /** It goes on: waits, writes or fails, as the draft says. `progress` = what of it is to be kept, undefined = unchanged. */
  | { kind: 'STAY'; draft: Draft; progress?: StageProgress }
  /** It holds here until it may go on, which is the rollout's to say. */
  | { kind: 'REST'; reason: Reason; progress: StageProgress }
  | { kind: 'DONE'; reason: Reason }
  /** There is nothing to do for it: for good, with the reason that is shown, or (null) for as long as the Deployment is as it is. */
  | { kind: 'SKIP'; reason: Reason | null };

/** Until when a stage holds, from its row alone. */
export interface Hold {
  /** When it ends by time; null = only by a promotion, or not known before it is entered. */
  ends: Date | null;
  /** Its time is up, or it has been promoted. */
  over: boolean;
  needs: 'TIME' | 'PROMOTE';
}

/** One kind of stage. Methods are synchronous, total and level-triggered, as all of the core. */
export interface StageHandler<S extends AnyStage = AnyStage, P extends StageProgress = StageProgress> {
  /** The stage's progress in the row. */
  codec: z.ZodType<P>;
  look(stage: S, progress: P | null, visit: Visit): Look;
  /** Where it can hold: until when. */
  hold?(stage: S, progress: P | null, promotedStep: number, now: Date): Hold;
  /** While the target holds here: what is to be said or done about pods that are not well; null while they are. */
  watch?(stage: S, progress: P | null, visit: Visit): Draft | null;
  /** Paused, or failed and left: the write that keeps what stands from going on by itself; null where nothing would. */
  freeze?(stage: S, visit: Visit, why: 'PAUSED' | 'FAILED'): Draft | null;
  /** What stands no longer fits the plan, e.g. after a change of N by others. */
  misfit?(stage: S, visit: Visit): Failure | null;
  /** What has to be undone before the template goes back, if anything. */
  undo?(stage: S): AnyStage[];
}

/** A registry of kinds. */
export type StageHandlers = Readonly<Record<string, StageHandler>>;

/** The user's step that a target is at; the last one's once it is through its list. */
export function stepOf({ stages, stage }: { stages: readonly AnyStage[]; stage: number }): number {
  return stages[Math.min(stage, stages.length - 1)]?.step ?? 0;
}

/** How a strategy becomes stages: one file and one row in `compile.ts` each. */
export interface Compiler {
  /** The stages that replace the pods; what follows them is the same for all strategies. */
  stages(strategy: Strategy): Stage[];
  /** How many steps the user sees. */
  steps(strategy: Strategy): number;
}
