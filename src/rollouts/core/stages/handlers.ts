/** Every kind of stage with its handler: a kind without one does not compile. */
import { backStage } from './back.ts';
import { finishStage } from './finish.ts';
import { openStage } from './open.ts';
import { pauseStage } from './pause.ts';
import { podsStage } from './pods.ts';
import { removeStage } from './remove.ts';
import { scaleStage } from './scale.ts';
import type { AnyStage, StageProgress } from '../observation.ts';
import type { Hold, StageHandler, StageHandlers, StageKind, StageOf } from './stage.ts';

export const stageHandlers = {
  PODS: podsStage,
  PAUSE: pauseStage,
  OPEN: openStage,
  SCALE: scaleStage,
  FINISH: finishStage,
  REMOVE: removeStage,
  BACK: backStage,
} as const satisfies { [K in StageKind]: StageHandler<StageOf<K>> };

/** @throws Error for a kind that no handler knows, as in a row of another version */
export function handlerOf(handlers: StageHandlers, { kind }: AnyStage): StageHandler {
  const handler = handlers[kind];
  if (handler === undefined) throw new Error(`no handler for a stage of kind ${kind}`);
  return handler;
}

/** The progress of the stage that a target is at, as its codec reads it. @throws ZodError where the row has something else */
export function readProgress(handler: StageHandler, progress: StageProgress | null): StageProgress | null {
  return progress === null ? null : handler.codec.parse(progress);
}

/**
 * Before anything is decided or written by a row's list.
 *
 * @throws Error where it is not all known, or the target is at no stage of it, as in a row of another version
 */
export function checkStages({ stages, stage, progress }: AtStage, handlers: StageHandlers): void {
  const all = stages.map((one) => handlerOf(handlers, one));
  const at = all[stage];
  if (at === undefined) throw new Error(`no stage ${stage} in a list of ${stages.length}`);
  readProgress(at, progress);
}

interface AtStage {
  stages: readonly AnyStage[];
  stage: number;
  progress: StageProgress | null;
}

/** Until when the stage holds that a target is at; null where it is one that cannot hold. From its row alone. */
export function holdOf(target: AtStage, promotedStep: number, now: Date, handlers: StageHandlers = stageHandlers): Hold | null {
  const stage = target.stages[target.stage];
  if (stage === undefined) return null;
  const handler = handlerOf(handlers, stage);
  return handler.hold?.(stage, readProgress(handler, target.progress), promotedStep, now) ?? null;
}
