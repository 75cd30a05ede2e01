/** The writes of a target as drafts: what commits with each, so that a crash between commit and write gives the same write again. */
import type { SideName, TargetAction } from '../action.ts';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import type { Reason } from '../reasons.ts';
import type { Amounts } from '../steps.ts';
import { preconditionOf, sideOf } from './draft.ts';
import type { Draft } from './draft.ts';

export interface GateWrite {
  which: SideName;
  closed: boolean;
  amounts: Amounts;
  reason: Reason;
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
 * The write that restores the own amounts of the side that stands; null where they are back. Where the cluster took them and keeps others (an admission
 * webhook's, a person's), that is not fought over.
 */
export function restoreOwnAmounts(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { performed, target } = o;
  const { release, strategy } = sideOf(o);
  const own = ownAmounts(strategy);
  const taken = performed?.kind === 'APPLY' && performed.gate.surge === own.surge && performed.gate.unavailable === own.unavailable;
  if (taken || hasAmounts(live, own)) return null;
  const reason = because(target.undoing ? 'BACK_OWN_LIMITS' : 'OWN_LIMITS', { release });
  return applyGate(o, live, { which: target.undoing ? 'FROM' : 'TO', closed: false, amounts: own, reason });
}

/**
 * Applies a side with a gate. The clock starts with the first time that this very write is decided; the same write decided again (after a crash or a 409) commits
 * nothing and says nothing new. However late, it is tried: a holder that comes back after its deadline has not failed yet.
 */
export function applyGate(o: TargetObservation, live: LiveDeployment | null, write: GateWrite): Draft {
  const { target, now } = o;
  const { surge, unavailable } = write.amounts;
  const gate = { n: live?.replicas ?? null, surge, unavailable };
  const action: TargetAction = {
    kind: 'APPLY',
    side: write.which,
    gate: { closed: write.closed, surge, unavailable },
    unpause: write.which !== 'TO' && live !== null && live.pausedBy !== null,
    precondition: live === null ? null : preconditionOf(live),
  };
  const { gate: last } = target;
  const same = last !== null && last.surge === surge && last.unavailable === unavailable && last.n === gate.n;
  if (target.written && same) return { reason: write.reason, action };
  return {
    reason: write.reason,
    set: { enteredAt: now, gate, written: true, made: target.made || live === null },
    event: target.written || target.undoing ? 'target.step' : 'target.started',
    action,
  };
}
