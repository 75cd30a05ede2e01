/** The gate is verified and not assumed: what stands is compared with what was written, whoever has changed it since. */
import { applyGate, fail, hasAmounts } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { gateOverridden } from '../failure.ts';
import type { Failure } from '../failure.ts';
import { judgeGated, splitOf } from '../live/health.ts';
import { mayCountNew, unsettled } from '../live/settled.ts';
import type { GateOverride, LiveDeployment, Side, TargetObservation, WrittenGate } from '../observation.ts';
import { because } from '../reasons.ts';
import { isOnIt } from '../stages/open.ts';
import type { Visit } from '../stages/stage.ts';
import { freezeAt, limitsOf, resolveLimits, sameEffect } from '../steps.ts';
import type { Amounts } from '../steps.ts';

/** So many times a changed gate is written again within so many seconds; once more and the target fails, since whoever changes it will not stop. */
const MOST_TIMES = 3;
const WITHIN_SECONDS = 300;

/**
 * The write that closes the gate again after somebody has opened it or changed its amounts, and the one that brings back the amounts of the stage behind it; the
 * failure once it has been changed too often; null while it stands as written. Also while the rollout is paused: the writes move nothing, and without the first
 * the controller would replace all pods.
 */
export function closedAgain({ o, live }: Visit): Draft | null {
  const { gate, to } = o.target;
  if (o.rollout.intent !== null || to === null || gate?.closed !== true || !isOnIt(o, live, to)) return null;
  if (standsAsWritten(live, gate)) return amountsAgain(o, live, to, gate);
  const again = { which: 'TO', closed: true } as const;
  // Ours, and on its way: decided and not written yet.
  if (live.gateBy === null) {
    const draft = applyGate(o, live, { ...again, amounts: gate, reason: because('GATE_AGAIN', { manager: null }) });
    return draft.set === undefined ? draft : { ...draft, set: { ...draft.set, gate: { ...gate, n: live.replicas } } };
  }
  const recent = recentOverrides(o);
  if (recent.length >= MOST_TIMES) return fail(overriddenBy(o, live.gateBy, recent.length + 1));
  const amounts = closingAmounts(o, live, gate);
  const draft = applyGate(o, live, { ...again, amounts, reason: because('GATE_AGAIN', { manager: live.gateBy }) });
  const overridden: GateOverride[] = [...recent, { at: o.now.toISOString(), by: live.gateBy }];
  const stage = gate.stage ?? { surge: gate.surge, unavailable: gate.unavailable };
  const kept = sameEffect(amounts, stage, live.replicas) ? {} : { stage };
  return { ...draft, set: { ...draft.set, gate: { ...gate, ...amounts, ...kept, n: live.replicas, overridden } }, event: 'target.step' };
}

/**
 * What closes the gate without a move. Beside new pods that the controller counted as available while it was open, it would remove as many old ones as those and
 * u are above N: so u = 0 until it counts none any more, and s = what stands above N, but not less than was written.
 */
function closingAmounts({ rollout }: TargetObservation, live: LiveDeployment, gate: WrittenGate): Amounts {
  if (!mayCountNew(live)) return { surge: gate.surge, unavailable: gate.unavailable };
  const { maxSurge, maxUnavailable } = rollout.strategy;
  const held = freezeAt(live.replicas, splitOf(live), resolveLimits(maxSurge, maxUnavailable, live.replicas));
  const written = limitsOf(gate, live.replicas).surge;
  return Number(held.surge) === 0 ? held : { ...held, surge: String(Math.max(Number(held.surge), written)) };
}

/** The amounts of the stage, once the controllers count no new pod as available, and those pods are Ready in whose place old ones may go. */
function amountsAgain(o: TargetObservation, live: LiveDeployment, to: Side, { stage }: WrittenGate): Draft | null {
  if (stage === undefined || hasAmounts(live, stage) || live.pausedBy !== null) return null;
  if (mayCountNew(live) || unsettled(live) !== null || !judgeGated(live, to).healthy) return null;
  return applyGate(o, live, { which: 'TO', closed: true, amounts: stage, reason: because('GATE_AMOUNTS_AGAIN', {}) });
}

/** After others have opened the gate, pods that should have been held may have been replaced: that is their doing, and no change of scale. */
export function blameOverride(o: TargetObservation, failure: Failure): Failure {
  const last = recentOverrides(o).at(-1);
  return last === undefined ? failure : overriddenBy(o, last.by, recentOverrides(o).length);
}

/** Other amounts may be those of a write of ours that has not arrived; an open gate is never one, once the template stands that was written with it closed. */
function standsAsWritten(live: LiveDeployment, gate: WrittenGate): boolean {
  return live.gate === 'CLOSED' && (live.gateBy === null || hasAmounts(live, gate));
}

function recentOverrides({ now, target }: TargetObservation): readonly GateOverride[] {
  const since = now.getTime() - WITHIN_SECONDS * 1000;
  return (target.gate?.overridden ?? []).filter(({ at }) => new Date(at).getTime() > since);
}

const overriddenBy = ({ target, placement }: TargetObservation, manager: string, times: number): Failure =>
  gateOverridden(target, { name: placement.workload, manager, times, fields: [] });
