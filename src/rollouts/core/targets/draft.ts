/** What a branch of the decision about a target returns; `decide.ts` adds what every decision needs. */
import type { TargetAction } from '../action.ts';
import type { TargetDecision, TargetEventType } from '../decision.ts';
import { causeIn } from '../failure.ts';
import type { Failure } from '../failure.ts';
import { failureOf } from '../failures.ts';
import type { Blame } from './health.ts';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';

export interface Draft {
  reason: Reason;
  set?: TargetDecision['set'];
  event?: TargetEventType;
  action?: TargetAction;
  lookAt?: Date | null;
  /** The reason is worth showing although nothing moves. Never with counts that change with every pod. */
  show?: boolean;
}

/** Nothing to do now. */
export function wait(reason: Reason, lookAt: Date | null = null): Draft {
  return { reason, lookAt };
}

/** Ends the target as FAILED. */
export function fail(failure: Failure): Draft {
  return { reason: because('TARGET_FAILED', causeIn(failure)), set: { phase: 'FAILED', failure }, event: 'target.failed' };
}

/** The log of the container to blame: `undefined` while it has to be read first, null where there is none. */
export function logOf(o: TargetObservation, blame: Blame | null): string | null | undefined {
  if (blame === null || blame.pod === null || blame.trouble.container === null || blame.trouble.log === null) return null;
  const lines = o.logs.get(`${blame.pod}/${blame.trouble.container}`);
  return lines === '' ? null : lines;
}

/** Reads the log of the container to blame. Only called where `logOf` says that it has to be read. */
export function readLog({ pod, trouble }: Blame): Draft {
  const where = { pod: pod ?? '', container: trouble.container ?? '' };
  return {
    reason: because('READING_LOG', { ...where, cause: trouble.reason }),
    action: { kind: 'READ_LOG', ...where, previous: trouble.log === 'PREVIOUS' },
  };
}

/** Fails with what is wrong with a pod. */
export function failWith(o: TargetObservation, blame: Blame): Draft {
  const log = logOf(o, blame);
  return log === undefined ? readLog(blame) : fail(failureOf(o.target, blame, log));
}

/** Whether the Deployment has this side's template and release. */
export function bears(live: LiveDeployment, side: Side): boolean {
  return live.template === side.templateDigest && live.release === side.release;
}

export function preconditionOf(live: LiveDeployment): { uid: string; resourceVersion: string } {
  return { uid: live.uid, resourceVersion: live.resourceVersion };
}

/** The side that the list of stages brings: `from` while going back, else `to`. */
export function sideOf({ target }: TargetObservation): Side {
  const side = target.undoing ? target.from : target.to;
  if (side === null) throw new Error('a stage that writes a template needs a release');
  return side;
}
