/** What a branch of the decision about a target returns; `decide-target.ts` adds what every decision needs. */
import type { Gate, SideName, TargetAction, TemplateSource } from './action.ts';
import type { TargetDecision, TargetEventType } from './decision.ts';
import { causeIn, podFailure } from './failure.ts';
import type { Failure, Blame } from './failure.ts';
import type { Autoscaler, LiveDeployment, Side, TargetObservation, WrittenGate } from './observation.ts';
import { because } from './reasons.ts';
import type { Reason } from './reasons.ts';
import type { Amounts } from './steps.ts';
import type { Before } from './before.ts';

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
  if (blame === null || blame.pod === null || blame.fault.container === null || blame.fault.log === null) return null;
  const lines = o.logs.get(`${blame.pod}/${blame.fault.container}`);
  return lines === '' ? null : lines;
}

/** Reads the log of the container to blame. Only called where `logOf` says that it has to be read. */
export function readLog({ pod, fault }: Blame): Draft {
  const where = { pod: pod ?? '', container: fault.container ?? '' };
  return {
    reason: because('READING_LOG', { ...where, cause: fault.reason }),
    action: { kind: 'READ_LOG', ...where, previous: fault.log === 'PREVIOUS' },
  };
}

/** Fails with what is wrong with a pod. */
export function failWith(o: TargetObservation, blame: Blame): Draft {
  const log = logOf(o, blame);
  return log === undefined ? readLog(blame) : fail(podFailure(o.target, blame, log));
}

/** Whether the Deployment has this side's template and release. */
export function bears(live: LiveDeployment, side: Side): boolean {
  return live.template === side.template && live.release === side.release;
}

/** The ReplicaSet that ran a side; null where it is gone, or not known. */
export function originalOf(live: LiveDeployment, { replicaSet }: Side): LiveDeployment['replicaSets'][number] | null {
  return live.replicaSets.find(({ uid }) => uid === replicaSet) ?? null;
}

/** How sentences name what is gone back to. */
export function beforeOf({ release, editedBy }: Side): Before {
  return editedBy === null ? { release } : { release, editedBy };
}

/** Whether the Deployment runs what ran before: the template of the very ReplicaSet; where that is gone, the side's own. */
export function isThere(live: LiveDeployment, side: Side): boolean {
  const original = originalOf(live, side);
  return original === null ? live.template === side.template : live.current?.uid === original.uid;
}

/** As `bears`, for what is gone back to. */
export function bearsOriginal(live: LiveDeployment, side: Side): boolean {
  return isThere(live, side) && live.release === side.release;
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

export interface GateWrite {
  which: SideName;
  /** Another template than the side's. */
  template?: TemplateSource;
  closed: boolean;
  amounts: Amounts;
  reason: Reason;
}

/** The open gate with a strategy's own amounts. */
export function openGateOf(strategy: Side['strategy']): Gate {
  return { closed: false, ...ownAmounts(strategy) };
}

/** A strategy's own maxSurge and maxUnavailable, as text. */
export function ownAmounts({ maxSurge, maxUnavailable }: Side['strategy']): Amounts {
  return { surge: String(maxSurge), unavailable: String(maxUnavailable) };
}

/** What stands in the live Deployment's strategy says the same. */
export function hasAmounts(live: LiveDeployment, amounts: Amounts): boolean {
  return live.surge === amounts.surge && live.unavailable === amounts.unavailable;
}

/**
 * The write that restores the own amounts of the side that stands; null once they are restored. If the cluster accepted them and has others since (by an
 * admission webhook or a person), those are kept.
 */
export function restoreOwnAmounts(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { performed, target } = o;
  const side = sideOf(o);
  const own = ownAmounts(side.strategy);
  const taken = performed?.kind === 'APPLY' && performed.gate.surge === own.surge && performed.gate.unavailable === own.unavailable;
  if (taken || hasAmounts(live, own)) return null;
  const reason = target.undoing ? because('BACK_OWN_LIMITS', beforeOf(side)) : because('OWN_LIMITS', { release: side.release });
  return applyGate(o, live, { which: target.undoing ? 'FROM' : 'TO', closed: false, amounts: own, reason });
}

/**
 * Applies a side with a gate. The clock starts when this write is first decided; repeating it (after a crash or a 409) commits nothing and adds no event. It is tried
 * even past the deadline, because a holder that returns late has not failed yet.
 */
export function applyGate(o: TargetObservation, live: LiveDeployment | null, write: GateWrite): Draft {
  const { target, now } = o;
  const { surge, unavailable } = write.amounts;
  const gate = gateFor(o, live, write);
  const action: TargetAction = {
    kind: 'APPLY',
    side: write.which,
    template: write.template ?? templateFor(o, live, write.which),
    gate: { closed: write.closed, surge, unavailable },
    unpause: (write.which !== 'TO' || target.undoing) && live !== null && live.pausedBy !== null,
    precondition: live === null ? null : preconditionOf(live),
  };
  const { gate: last } = target;
  const same =
    last !== null &&
    last.surge === surge &&
    last.unavailable === unavailable &&
    last.n === gate.n &&
    (last.closed ?? gate.closed) === gate.closed;
  if (target.written && same) return { reason: write.reason, action };
  return {
    reason: write.reason,
    set: { enteredAt: now, gate, written: true, made: target.made || live === null },
    event: target.written || target.undoing ? 'target.step' : 'target.started',
    action,
  };
}

/** The autoscaler of the Deployment, as the preflight has found it; null where there is none. */
export function autoscalerOf({ checked, target }: TargetObservation): Autoscaler | null {
  return (checked?.ok === true ? checked.autoscaler : target.gate?.autoscaler) ?? null;
}

function gateFor(o: TargetObservation, live: LiveDeployment | null, { closed, amounts }: GateWrite): WrittenGate {
  const overridden = o.target.gate?.overridden;
  const autoscaler = autoscalerOf(o);
  const stood = o.target.gate === null ? live !== null && standsBeside(live, o.target.to) : o.target.gate.stood === true;
  return {
    ...amounts,
    n: live?.replicas ?? null,
    closed,
    ...(live === null ? {} : { over: live.template }),
    ...(closed && autoscaler !== null ? { autoscaler } : {}),
    ...(closed && stood ? { stood } : {}),
    ...(closed && overridden !== undefined ? { overridden } : {}),
  };
}

function standsBeside({ current, others }: LiveDeployment, to: Side | null): boolean {
  return [current, ...others].some((one) => one !== null && one.template === to?.template && one.replicas > 0);
}

/** Where the side's template stands already no write carries one, so that a later edit by others is not overwritten unseen. */
function templateFor({ target }: TargetObservation, live: LiveDeployment | null, which: SideName): TemplateSource {
  const side = { TO: target.to, FROM: target.from, SUPERSEDED: target.superseded }[which];
  if (live === null || side === null) return 'RENDERED';
  if (which === 'TO' ? live.template === side.template : isThere(live, side)) return live.release === side.release ? 'GATE' : 'KEPT';
  const original = which === 'TO' ? null : originalOf(live, side);
  return original === null ? 'RENDERED' : { replicaSet: original.name, uid: original.uid };
}
