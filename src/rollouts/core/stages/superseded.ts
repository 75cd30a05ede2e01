/** Revisions whose pods serve beside bad ones, such as a held canary that was superseded: no single write past them is safe. */
import type { LiveDeployment, LiveReplicaSet, Side, TargetObservation, TargetState } from '../observation.ts';
import { because } from '../reasons.ts';
import { floorPercent } from '../steps.ts';
import type { Amounts } from '../steps.ts';
import { deadlineOf } from '../live/deadline.ts';
import { wait, applyGate, hasAmounts } from '../draft.ts';
import type { Draft, GateWrite } from '../draft.ts';
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

/**
 * The Deployment controller takes pods that are not available first, those of the oldest ReplicaSet before the others. Pods of a held revision never are, so the
 * Ready ones of a superseded canary would go before the bad ones of what came after it. Therefore the template of that canary is written first, with the gate
 * closed, and (s, u) that let the controller take as many pods as are bad; its own pods are safe meanwhile. Once they are gone, every pod that leaves is Ready,
 * and their order does not matter any more.
 *
 * @returns the first write or the wait after it; null when the write that restores `from`, or the first one of `to`, is due: also if the cluster refuses the
 * first one, or if the wait takes as long as a step may
 */
export function badFirst(o: TargetObservation, live: LiveDeployment): Draft | null {
  const { from, to, undoing } = o.target;
  const all = [live.current, ...live.others]
    .filter((one) => one !== null)
    .filter(hasPods)
    .sort((one, other) => one.age - other.age);
  const own = (from && setOf(all, from)) ?? null;
  if (o.writeFailure !== null || own?.gateClosed === true) return null;
  // On the way forward its own pods stay.
  if (!undoing && to !== null && setOf(all, to) !== undefined) return null;
  const leaving = all.filter((one) => one !== own);
  const deadline = deadlineOf(o);
  const isHeld = live.gate === 'CLOSED' && live.pausedBy === null;
  const sheltered = isHeld ? leaving.find((one) => one === live.current) : undefined;
  if (sheltered !== undefined && deadline !== null && o.now >= deadline) return null;
  const shelter = shelterOf(leaving);
  if (shelter === null) return null;
  const others = leaving.filter((one) => one !== shelter);
  const amounts = gateAround(live.replicas, own, shelter, others);
  if (shelter === sheltered && hasAmounts(live, amounts)) return wait(because('BAD_PODS_LEAVING', {}), deadline);
  const reason = undoing
    ? because('BAD_PODS_FIRST', { release: from?.release ?? 0 })
    : because('BAD_PODS_BEFORE', { release: to?.release ?? 0 });
  const draft = applyGate(o, live, { ...shelterWrite(o, live, shelter), closed: true, amounts, reason });
  // The gate in the row is that of `to`.
  return undoing ? draft : { ...draft, set: { written: true } };
}

const hasPods = (one: LiveReplicaSet): boolean => one.replicas > 0 || standing(one).length > 0;

/**
 * The ReplicaSet to write first: the one whose Ready pods would go before bad ones of newer ReplicaSets. Null where one write does as well: no such pods are
 * Ready, they count as available, or what is bad is older. Also where nothing helps: of two of them, each would go while the other is safe.
 *
 * @param leaving oldest first
 */
export function shelterOf(leaving: readonly LiveReplicaSet[]): LiveReplicaSet | null {
  const endangered = leaving.filter((one, index) => one.gateClosed && serving([one]) > 0 && notReadyCount(leaving.slice(index + 1)) > 0);
  return endangered.length === 1 ? (endangered[0] ?? null) : null;
}

/**
 * By which side the ReplicaSet's template is written, which is none of a side's where it is from before the superseded revision. Beside an open gate it is
 * written although it stands, so that the write waits as any other template does.
 */
function shelterWrite({ target }: TargetObservation, live: LiveDeployment, shelter: LiveReplicaSet): Pick<GateWrite, 'which' | 'template'> {
  const isOf = (side: Side | null): boolean => side !== null && setOf([shelter], side) !== undefined;
  const which = isOf(target.to) ? 'TO' : isOf(target.superseded) ? 'SUPERSEDED' : 'FROM';
  const stands = shelter === live.current && live.gate === 'CLOSED';
  return { which, template: stands ? 'GATE' : { replicaSet: shelter.name, uid: shelter.uid } };
}

/** The ReplicaSet that runs a side: the very one, or one with the same template. */
export function setOf(all: readonly LiveReplicaSet[], { replicaSet, template }: Side): LiveReplicaSet | undefined {
  return all.find(({ uid }) => uid === replicaSet) ?? all.find((one) => one.template === template);
}

/**
 * With the gate closed on one revision the controller takes `own + others - (N - u)` pods of the rest: as many as are bad with u = N - own - the Ready ones of the
 * others. s is what then stands above N, so that nothing is raised.
 */
function gateAround(n: number, own: LiveReplicaSet | null, shelter: LiveReplicaSet, others: readonly LiveReplicaSet[]): Amounts {
  const kept = (own?.replicas ?? 0) + serving(others);
  const unavailable = Math.max(0, n - kept);
  const percent = floorPercent(n, unavailable);
  // Above 100 pods not every number has a percentage. The absolute one stands for a moment only.
  const exact = Math.floor((percent * n) / 100) === unavailable;
  return { surge: String(Math.max(0, kept + shelter.replicas - n)), unavailable: exact ? `${percent}%` : String(unavailable) };
}

/** Ready pods that are there to stay: of a ReplicaSet that was lowered already, no more than are left of it. */
function serving(replicaSets: readonly LiveReplicaSet[]): number {
  return replicaSets.reduce((total, one) => total + Math.min(one.replicas, readyNow([one])), 0);
}

/** Pods that are asked for and not Ready. */
export function notReadyCount(replicaSets: readonly LiveReplicaSet[]): number {
  return replicaSets.reduce((total, one) => total + one.replicas, 0) - serving(replicaSets);
}
