/** The wait before a write that has the Deployment controller act on what it has counted. */
import type { TargetAction } from '../action.ts';
import { bears, preconditionOf } from '../draft.ts';
import type { Draft } from '../draft.ts';
import type { LiveDeployment, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { freezeAt, limitsOf, resolveLimits } from '../steps.ts';
import { splitOf } from '../live/health.ts';
import { isAvailableReported, mayCountNew, unsettled } from '../live/settled.ts';
import type { Unsettled } from '../target-reasons.ts';

/** Going back must not take longer for it; everything else need not. */
const MOST_SECONDS = 2;

/**
 * A write that turns the controller round waits until its counts are those of the pods, for 2 s at most; then it is made all the same, and says so. From when it
 * waits is in the row, so that neither another holder nor a conflict begins the wait anew. A hold before it has 2 s of its own.
 */
export function settledFirst(o: TargetObservation, draft: Draft): Draft {
  const { live, now, target } = o;
  const { settlingSince } = target;
  const turns = live.kind === 'PRESENT' && draft.action !== undefined && isTurn(live, draft.action);
  const hold = turns ? holdFirst(o, live) : null;
  const waits = turns ? unsettled(live) : null;
  if (hold === null && waits === null) return settlingSince === null ? draft : { ...draft, set: { ...draft.set, settlingSince: null } };
  const since = settlingSince ?? (hold === null ? now : later(now));
  if (now < later(since)) return hold === null ? waitFor(waits, since) : { ...hold, set: { ...hold.set, settlingSince: since } };
  if (waits === null) return draft;
  const { code, data } = draft.reason;
  return { ...draft, reason: because('NOT_SETTLED', { ...waits, seconds: MOST_SECONDS, write: { code, data } }) };
}

const later = (than: Date): Date => new Date(than.getTime() + MOST_SECONDS * 1000);

/**
 * While the gate is open the controller lowers the old side with every new pod that becomes available, also between an observation and the write that was decided
 * on it. So the gate is closed first, on the template that stands.
 */
function holdFirst(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { to, superseded } = o.target;
  const split = splitOf(live);
  if (live.gate === 'CLOSED' || live.pausedBy !== null || o.writeFailure !== null || split.new === 0 || split.old === 0) return null;
  const [which, side] = to !== null && bears(live, to) ? ['TO' as const, to] : ['SUPERSEDED' as const, superseded];
  if (side === null || !bears(live, side)) return null;
  const { maxSurge, maxUnavailable } = side.strategy;
  const amounts = freezeAt(live.replicas, split, resolveLimits(maxSurge, maxUnavailable, live.replicas));
  const reason = because('FREEZING', { why: 'TURNING', ...split });
  const action: TargetAction = {
    kind: 'APPLY',
    side: which,
    template: 'GATE',
    gate: { closed: true, ...amounts },
    unpause: false,
    precondition: preconditionOf(live),
  };
  const draft = { reason, action, set: { written: true } };
  return o.target.settlingSince === null ? { ...draft, event: 'target.step' } : draft;
}

function waitFor(waits: Unsettled | null, since: Date): Draft {
  const reason = because('SETTLING', waits ?? { missing: 'SEEN', replicaSet: null });
  return { reason, set: { settlingSince: since }, lookAt: later(since) };
}

/**
 * A new template, an open gate, a number of pods, more pods that may be missing: with any of them the controller removes pods by what counts as available. With
 * the gate closed on a template none does, unless it was open a moment ago; and a gate that closes is not to wait.
 */
function isTurn(live: LiveDeployment, action: TargetAction): boolean {
  if (action.kind === 'SCALE') return live.others.length > 0;
  if (action.kind !== 'APPLY') return false;
  if (action.template !== 'GATE' && action.template !== 'KEPT') return true;
  const isWider = limitsOf(action.gate, live.replicas).unavailable > limitsOf(live, live.replicas).unavailable;
  if (live.gate === 'OPEN') return !action.gate.closed && isWider;
  return !action.gate.closed || (isWider && mayCount(live));
}

/** The controller may still be at a gate that was open. */
function mayCount(live: LiveDeployment): boolean {
  return live.current === null || live.observedGeneration < live.generation || mayCountNew(live) || !isAvailableReported(live);
}
