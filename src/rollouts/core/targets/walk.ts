/** The walk over a target's stages: one loop that knows neither strategies nor kinds of stages. */
import type { TargetSet } from '../decision.ts';
import type { TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import { handlerOf, readProgress } from '../stages/handlers.ts';
import type { Look, StageHandlers, Visit } from '../stages/stage.ts';
import type { Draft } from '../draft.ts';
import { purposeOf } from './door.ts';

/**
 * Looks at the stage that the target is at, and on past every stage that is done, to the first that has something to do, to wait for or to hold at. All of it is
 * one decision, so that a hold counts from the healthy moment before it, and a stage without work costs no statement.
 *
 * A stage that is skipped silently is passed for this look only: the row stays at it, for as long as nothing behind it has been done. What makes it needless (no
 * pods, a gate that somebody opened) may be over before the write that follows it has arrived.
 */
export function walk(visit: Visit, handlers: StageHandlers): Draft {
  const { o } = visit;
  let last: Reason = because('NOT_STARTED', {});
  let passed = o.target.stage;
  for (let at = o.target.stage; ; at++) {
    const stage = o.target.stages[at];
    if (stage === undefined) return end(o, last);
    const handler = handlerOf(handlers, stage);
    const progress = at === o.target.stage ? readProgress(handler, o.target.progress) : null;
    const look = handler.look(stage, progress, visit);
    if (look.kind === 'DONE') {
      last = look.reason;
      passed = at + 1;
    } else if (look.kind !== 'SKIP') return arrive(o, keepsPlace(look) ? at : passed, look);
    else if (look.reason !== null) return { reason: look.reason, set: enterStage(o, at + 1), event: 'target.step' };
  }
}

/** What it keeps in the row belongs to its own stage. */
function keepsPlace(look: Exclude<Look, { kind: 'DONE' | 'SKIP' }>): boolean {
  return look.kind === 'REST' || look.progress !== undefined;
}

/** The list is over: what it was for is reached. */
export function end(o: TargetObservation, reason: Reason): Draft {
  if (o.target.undoing) return { reason, set: { phase: 'ROLLED_BACK' }, event: 'target.rolled_back' };
  const removed = purposeOf(o) === 'REMOVE' ? { written: true } : {};
  return { reason, set: { phase: 'SUCCEEDED', ...removed }, event: 'target.succeeded' };
}

/** What a list without a Deployment to look at has come to. */
export function endReason(o: TargetObservation): Reason {
  switch (purposeOf(o)) {
    case 'REMOVE':
      return because('REMOVED', { workload: o.placement.workload });
    case 'REMOVE_BACK':
      return because('CREATION_UNDONE', {});
    default:
      return because('NOTHING_LEFT_TO_SCALE', {});
  }
}

/** What a look comes to, at a stage that the target may only now have come to. */
function arrive(o: TargetObservation, at: number, look: Exclude<Look, { kind: 'DONE' | 'SKIP' }>): Draft {
  const draft = look.kind === 'REST' ? holdDraft(look) : stayDraft(look);
  const { stage, stages } = o.target;
  if (at === stage) return draft;
  const event = draft.event ?? (stages[at]?.step === stages[stage]?.step ? undefined : 'target.step');
  return { ...draft, set: { ...enterStage(o, at), ...draft.set }, ...(event === undefined ? {} : { event }) };
}

function holdDraft({ reason, progress }: Extract<Look, { kind: 'REST' }>): Draft {
  return { reason, set: { phase: 'HELD', progress }, event: 'target.step' };
}

function stayDraft({ draft, progress }: Extract<Look, { kind: 'STAY' }>): Draft {
  return progress === undefined ? draft : { ...draft, set: { ...draft.set, progress } };
}

/** Nothing of the stage before is kept, and the clock starts. */
function enterStage({ now }: TargetObservation, stage: number): TargetSet {
  return { stage, progress: null, enteredAt: now };
}
