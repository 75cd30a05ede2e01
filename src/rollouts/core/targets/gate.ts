/** The gate is verified and not assumed: what stands is compared with what was written, whoever has changed it since. */
import { applyGate, fail, hasAmounts } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { gateOverridden } from '../failure.ts';
import type { Failure } from '../failure.ts';
import type { GateOverride, LiveDeployment, TargetObservation, WrittenGate } from '../observation.ts';
import { because } from '../reasons.ts';
import { isOnIt } from '../stages/open.ts';
import type { Visit } from '../stages/stage.ts';

/** So many times a changed gate is written again within so many seconds; once more and the target fails, since whoever changes it will not stop. */
const MOST_TIMES = 3;
const WITHIN_SECONDS = 300;

/**
 * The write that closes the gate again after somebody has opened it or changed its amounts; the failure once that has happened too often; null while it stands as
 * written. Also while the rollout is paused: the write moves nothing, and without it the controller would replace all pods.
 */
export function closedAgain({ o, live }: Visit): Draft | null {
  const { gate, to } = o.target;
  if (o.rollout.intent !== null || to === null || gate?.closed !== true || !isOnIt(o, live, to) || standsAsWritten(live, gate)) return null;
  const amounts = { surge: gate.surge, unavailable: gate.unavailable };
  const again = { which: 'TO', closed: true, amounts } as const;
  // Ours, and on its way: decided and not written yet.
  if (live.gateBy === null) return applyGate(o, live, { ...again, reason: because('GATE_AGAIN', { manager: null }) });
  const recent = recentOverrides(o);
  if (recent.length >= MOST_TIMES) return fail(overriddenBy(o, live.gateBy, recent.length + 1));
  const draft = applyGate(o, live, { ...again, reason: because('GATE_AGAIN', { manager: live.gateBy }) });
  const overridden: GateOverride[] = [...recent, { at: o.now.toISOString(), by: live.gateBy }];
  return { ...draft, set: { ...draft.set, gate: { ...gate, n: live.replicas, overridden } }, event: 'target.step' };
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
