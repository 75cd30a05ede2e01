/** Going back past a revision that was superseded while its canary was held: three ReplicaSets stand, and no single write is safe. */
import type { LiveDeployment, LiveReplicaSet, Side, TargetObservation, TargetState } from '../observation.ts';
import { because } from '../reasons.ts';
import { floorPercent } from '../steps.ts';
import type { Amounts } from '../steps.ts';
import { deadlineOf } from '../live/deadline.ts';
import { bearsOriginal, wait, applyGate, hasAmounts } from '../draft.ts';
import type { Draft } from '../draft.ts';
import { readyNow, standing } from '../live/health.ts';

/**
 * What a rollout that supersedes this target finds beside its own sides: what the target had written, or, where it had written nothing of its own yet, what it
 * had found itself.
 */
export function supersededSide({
  to,
  superseded,
  gate,
  undoing,
}: Pick<TargetState, 'to' | 'superseded' | 'undoing'> & { gate: unknown }): Side | null {
  // Going back resets what was written last, so that null says nothing there.
  return gate === null && !undoing ? (superseded ?? to) : to;
}

/** Pods by the ReplicaSets that matter on the way back: `from`'s, the superseded revision's, and all the rest. */
interface Three {
  from: LiveReplicaSet | null;
  middle: LiveReplicaSet;
  rest: LiveReplicaSet[];
}

/**
 * The Deployment controller takes pods that are not available first, those of the oldest ReplicaSet before the others. Pods of a held revision never are, so
 * the Ready ones of a superseded canary would go before the bad ones of what came after it. Therefore the template of the superseded revision is written
 * first, with the gate still closed, and (s, u) that let the controller take as many pods as are bad; its own pods are safe meanwhile. Once they are gone,
 * every pod that leaves is Ready, and their order does not matter any more.
 *
 * @returns the first write or the wait after it; null when the write that restores `from` is due: also if the cluster refuses the first one, or if the wait
 * takes as long as a step may
 */
export function pastSuperseded(o: TargetObservation, from: Side, live: LiveDeployment): Draft | null {
  const { superseded, to } = o.target;
  const three = superseded === null || superseded.templateDigest === to?.templateDigest ? null : divide(live, from, superseded);
  if (superseded === null || three === null || o.writeFailure !== null) return null;
  const there = bearsOriginal(live, superseded) && live.gate === 'CLOSED' && live.pausedBy === null;
  const seen = live.current !== null && live.observedGeneration >= live.generation;
  const bad = notReadyCount(three.rest);
  const deadline = deadlineOf(o);
  if (there && deadline !== null && o.now >= deadline) return null;
  if (bad === 0 && seen) return null;
  const amounts = gateAround(live.replicas, three);
  if (there && (bad === 0 || hasAmounts(live, amounts))) return wait(because('BAD_PODS_LEAVING', {}), deadline);
  const reason = because('BAD_PODS_FIRST', { release: from.release, serving: superseded.release });
  return applyGate(o, live, { which: 'SUPERSEDED', closed: true, amounts, reason });
}

/**
 * Null where one write does as well: no pod of the superseded revision is Ready, or its pods count as available. Also where two writes do not help: `from`'s
 * own pods do not count as available, or more revisions than one came after the superseded one and have Ready pods.
 */
function divide(live: LiveDeployment, from: Side, superseded: Side): Three | null {
  const all = [live.current, ...live.others].filter((one) => one !== null);
  const own = setOf(all, from) ?? null;
  const middle = setOf(
    all.filter((one) => one !== own),
    superseded,
  );
  if (middle === undefined || !middle.gateClosed || own?.gateClosed === true || serving([middle]) === 0) return null;
  const rest = all.filter((one) => one !== own && one !== middle && (one.replicas > 0 || standing(one).length > 0));
  return rest.length > 1 && serving(rest) > 0 ? null : { from: own, middle, rest };
}

/** The ReplicaSet that runs a side: the very one, or one with the same template. */
export function setOf(all: readonly LiveReplicaSet[], { replicaSet, template }: Side): LiveReplicaSet | undefined {
  return all.find(({ uid }) => uid === replicaSet) ?? all.find((one) => one.template === template);
}

/**
 * With the gate closed on the superseded revision the controller takes `from + rest - (N - u)` pods of the others: as many as are bad with
 * u = N - from - the Ready ones of the rest. s is what then stands above N, so that nothing is raised.
 */
function gateAround(n: number, { from, middle, rest }: Three): Amounts {
  const kept = (from?.replicas ?? 0) + serving(rest);
  const unavailable = Math.max(0, n - kept);
  const percent = floorPercent(n, unavailable);
  // Above 100 pods not every number has a percentage. The absolute one stands for a moment only.
  const exact = Math.floor((percent * n) / 100) === unavailable;
  return { surge: String(Math.max(0, kept + middle.replicas - n)), unavailable: exact ? `${percent}%` : String(unavailable) };
}

/** Ready pods that are there to stay: of a ReplicaSet that was lowered already, no more than are left of it. */
function serving(replicaSets: readonly LiveReplicaSet[]): number {
  return replicaSets.reduce((total, one) => total + Math.min(one.replicas, readyNow([one])), 0);
}

/** Pods that are asked for and not Ready. */
export function notReadyCount(replicaSets: readonly LiveReplicaSet[]): number {
  return replicaSets.reduce((total, one) => total + one.replicas, 0) - serving(replicaSets);
}
