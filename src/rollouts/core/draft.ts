/** How a target's decision is built: each branch returns a Draft with its own fields, and `complete` adds what every decision needs. */
import type { TargetAction, TargetDecision, TargetEventType } from './decision.ts';
import type { Failure } from './failure.ts';
import { failureOf } from './failures.ts';
import type { Blame } from './health.ts';
import type { LiveDeployment, Side, TargetObservation, TargetState } from './observation.ts';
import { sameJson } from './raw.ts';
import { plain } from './reasons.ts';
import { runningSince } from './times.ts';

export interface Draft {
  reason: string;
  set?: TargetDecision['set'];
  event?: TargetEventType;
  action?: TargetAction;
  lookAt?: Date | null;
  /** The clock of the deadline stands still: paused or unreachable. */
  stopped?: boolean;
  /** The reason is worth showing although nothing moves. Never with counts that change with every pod. */
  show?: boolean;
}

/** Nothing to do now. */
export function wait(reason: string, lookAt: Date | null = null): Draft {
  return { reason, lookAt };
}

/** Omits what the row already contains, so that an unchanged observation gives an empty decision and needs no statement. */
export function complete(o: TargetObservation, draft: Draft): TargetDecision {
  const told = draft.event !== undefined || draft.action !== undefined || draft.show === true || draft.set?.phase !== undefined;
  const wanted = { ...clock(o, draft), ...known(o), ...(told ? { phaseReason: plain(draft.reason) } : {}), ...draft.set };
  const changed = Object.entries(wanted).filter(([key, value]) => !stands(o.target, key, value));
  return {
    reason: draft.reason,
    set: Object.fromEntries(changed),
    event: draft.event === undefined ? null : { type: draft.event, message: `${o.target.cluster}: ${draft.reason}` },
    action: draft.action ?? null,
    lookAt: draft.lookAt ?? null,
  };
}

/** The clock of the deadline: stopped and started once each, so that a pause of any length costs two statements. */
function clock(o: TargetObservation, draft: Draft): TargetDecision['set'] {
  if (draft.stopped === undefined) return {};
  const { stoppedAt } = o.target;
  if (draft.stopped) return stoppedAt === null ? { stoppedAt: o.now } : {};
  return stoppedAt === null ? {} : { stoppedAt: null, enteredAt: runningSince(o) };
}

/** Facts from the cluster that the row stores: the Deployment's uid, and the end of its owner's pause. */
function known({ target, live }: TargetObservation): TargetDecision['set'] {
  if (live.kind !== 'PRESENT') return {};
  const uid = target.written && target.uid === null && live.ours ? { uid: live.uid } : {};
  return target.condition?.type === 'PAUSED_BY_OWNER' && live.pausedBy === null ? { ...uid, condition: null } : uid;
}

function stands(target: TargetState, key: string, value: unknown): boolean {
  if (key !== 'phaseReason') return same(target[key as keyof TargetState], value);
  const { phaseDetail } = target;
  return phaseDetail !== null && sameJson({ code: phaseDetail.code, data: phaseDetail.data }, value);
}

function same(a: unknown, b: unknown): boolean {
  return a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : sameJson(a, b);
}

/** Ends the target as FAILED. */
export function fail(o: TargetObservation, failure: Failure): Draft {
  const where = failure.pod === null ? '' : ` (pod ${failure.pod}${failure.container === null ? '' : `, container ${failure.container}`})`;
  return {
    reason: `${failure.reason}${where}: ${failure.message}`,
    set: { phase: 'FAILED', failure },
    event: 'target.failed',
    stopped: false,
  };
}

/** The log of the container to blame: `undefined` while it has to be read first, null where there is none. */
export function logOf(o: TargetObservation, blame: Blame | null): string | null | undefined {
  if (blame === null || blame.pod === null || blame.trouble.container === null || blame.trouble.log === null) return null;
  const lines = o.logs.get(`${blame.pod}/${blame.trouble.container}`);
  return lines === '' ? null : lines;
}

/** Reads the log of the container to blame. Only called where `logOf` says that it has to be read. */
export function readLog(blame: Blame): Draft {
  const { pod, trouble } = blame;
  const reason = `Reading the last log lines of pod ${pod ?? ''}, container ${trouble.container ?? ''} (${trouble.reason}).`;
  return { reason, action: { kind: 'READ_LOG', pod: pod ?? '', container: trouble.container ?? '', previous: trouble.log === 'PREVIOUS' } };
}

/** Fails with what a pod is in trouble for. */
export function failWith(o: TargetObservation, blame: Blame): Draft {
  const log = logOf(o, blame);
  return log === undefined ? readLog(blame) : fail(o, failureOf(o.target, blame, log));
}

/** Whether the Deployment has this side's template and release. */
export function bears(live: LiveDeployment, side: Side): boolean {
  return live.template === side.templateDigest && live.release === side.release;
}

export function preconditionOf(live: LiveDeployment): { uid: string; resourceVersion: string } {
  return { uid: live.uid, resourceVersion: live.resourceVersion };
}

/** `count` pods in words. */
export function pods(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`;
}
