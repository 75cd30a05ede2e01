/** The writes of a target as drafts: what commits with each, so that a crash between commit and write gives the same write again. */
import { preconditionOf } from './draft.ts';
import type { Draft } from './draft.ts';
import type { SideName, TargetAction } from './decision.ts';
import type { LiveDeployment, Side, TargetObservation, TargetState } from './observation.ts';
import type { Written } from './steps.ts';

export interface GateWrite {
  side: Side;
  which: SideName;
  closed: boolean;
  written: Written;
  reason: string;
  /** A pause writes although nothing goes forward: its clock stands still. */
  stopped?: boolean;
}

/** The template's own maxSurge and maxUnavailable, as text. */
export function ownWritten(strategy: { maxSurge: number | string; maxUnavailable: number | string }): Written {
  return { surge: String(strategy.maxSurge), unavailable: String(strategy.maxUnavailable) };
}

/** What is written into the live Deployment's strategy says the same. */
export function standsWritten(live: LiveDeployment, written: Written): boolean {
  return live.surge === written.surge && live.unavailable === written.unavailable;
}

/** The side's own numbers are still to be given back. Where the cluster took them and keeps others (an admission webhook's, a person's), that is not fought over. */
export function isOwnDue(o: TargetObservation, live: LiveDeployment, own: Written): boolean {
  const taken = o.applied?.surge === own.surge && o.applied.unavailable === own.unavailable;
  return !taken && !standsWritten(live, own);
}

/**
 * Applies a side with a gate. The step's clock starts with the first time that this very write is decided; the same write decided again (after a crash or a 409)
 * commits nothing and says nothing new. However late, it is tried: a holder that comes back after its deadline has not failed yet.
 */
export function applyGate(o: TargetObservation, live: LiveDeployment | null, write: GateWrite): Draft {
  const { target, now } = o;
  const { surge, unavailable } = write.written;
  const stepN = live?.replicas ?? null;
  const again = target.written && target.surge === surge && target.unavailable === unavailable && target.stepN === stepN;
  const action: TargetAction = {
    kind: 'APPLY',
    side: write.which,
    gate: { closed: write.closed, surge, unavailable },
    unpause: write.which !== 'TO' && live !== null && live.pausedBy !== null,
    precondition: live === null ? null : preconditionOf(live),
  };
  const stopped = write.stopped ?? false;
  if (again) return { reason: write.reason, action, stopped };
  return {
    reason: write.reason,
    set: { ...entered(now), surge, unavailable, stepN, written: true, made: target.made || live === null },
    event: eventOf(target),
    action,
    stopped,
  };
}

function entered(now: Date): Partial<TargetState> {
  return { enteredAt: now, heldAt: null };
}

function eventOf(target: TargetState): 'target.started' | 'target.step' {
  return target.written || target.undoing ? 'target.step' : 'target.started';
}
