/** The wait before a write that has the Deployment controller act on what it has counted. */
import type { TargetAction } from '../action.ts';
import { bears, preconditionOf } from '../draft.ts';
import type { Draft } from '../draft.ts';
import type { LiveDeployment, Side, TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { freezeAt, resolveLimits } from '../steps.ts';
import { splitOf } from '../live/health.ts';
import { unsettled } from '../live/settled.ts';
import type { Unsettled } from '../target-reasons.ts';

/** Going back must not take longer for it; everything else need not. */
const MOST_SECONDS = 2;

/**
 * A write that turns the controller round waits until its counts are those of the pods, for 2 s at most; then it is made all the same, and says so. Since when it
 * waits is in the row, so that neither another holder nor a conflict begins the wait anew.
 */
export function settledFirst(o: TargetObservation, draft: Draft): Draft {
  const { live, now, target } = o;
  const { settlingSince } = target;
  const turns = live.kind === 'PRESENT' && draft.action !== undefined && isTurn(o, live, draft.action);
  const hold = turns ? holdFirst(o, live) : null;
  const waits = turns ? unsettled(live) : null;
  if (hold === null && waits === null) return settlingSince === null ? draft : { ...draft, set: { ...draft.set, settlingSince: null } };
  const since = settlingSince ?? now;
  const ends = new Date(since.getTime() + MOST_SECONDS * 1000);
  if (now < ends) return hold === null ? waitFor(waits, since, ends) : { ...hold, set: { ...hold.set, settlingSince: since } };
  if (waits === null) return draft;
  const { code, data } = draft.reason;
  return { ...draft, reason: because('NOT_SETTLED', { ...waits, seconds: MOST_SECONDS, write: { code, data } }) };
}

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
  return { reason, action, set: { written: true }, event: 'target.step' };
}

function waitFor(waits: Unsettled | null, since: Date, ends: Date): Draft {
  return { reason: because('SETTLING', waits ?? { missing: 'SEEN', replicaSet: null }), set: { settlingSince: since }, lookAt: ends };
}

/**
 * A new template, an open gate, a number of pods: with any of them the controller removes pods by what counts as available. With the gate closed on a template
 * none ever does, and a gate that closes is not to wait.
 */
function isTurn({ target }: TargetObservation, live: LiveDeployment, action: TargetAction): boolean {
  if (action.kind === 'SCALE') return live.others.length > 0;
  if (action.kind !== 'APPLY') return false;
  const { to, from, superseded } = target;
  const side: Side | null = { TO: to, FROM: from, SUPERSEDED: superseded }[action.side];
  return !action.gate.closed || side === null || !bears(live, side);
}
