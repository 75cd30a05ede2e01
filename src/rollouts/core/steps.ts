/**
 * The arithmetic of the gate: which (maxSurge, maxUnavailable) written into a Deployment with the gate closed brings which number of new and old pods.
 *
 * While the gate is closed no new pod ever counts as available, so the Deployment controller is left with its own arithmetic: it raises the new side to
 * `total <= N + s` and lowers the old side to `N - u`. All of it is pure; N is the live number of pods, s and u are what is written.
 */

/** What a Deployment says while its gate is closed: new pods become Ready and never count as available, so its controller keeps the split that surge and unavailable ask for. */
export const CLOSED_GATE = { minReadySeconds: 2_147_483_646, progressDeadlineSeconds: 2_147_483_647 } as const;

/** What is written into `spec.strategy.rollingUpdate`: a count ("2") or a percentage ("20%"). */
export interface Amounts {
  surge: string;
  unavailable: string;
}

/** maxSurge and maxUnavailable as counts of pods for one N. */
export interface Limits {
  surge: number;
  unavailable: number;
}

/** How many pods of each side stand (or shall stand). */
export interface Split {
  new: number;
  old: number;
}

/** What one step of a plan asks for at the live N. */
export type Goal =
  /** `canary` pods of the new revision, N - canary of the old one. */
  | { kind: 'REST'; canary: number }
  /** N = 1: one pod of each beside the other. */
  | { kind: 'BESIDE' }
  /** N = 1 without surge, or N = 0: no split exists. */
  | { kind: 'SKIP' };

/** A count stays, a percentage of `n` is rounded; what is not readable as either counts as 0. */
function podCount(value: number | string, n: number, round: (x: number) => number): number {
  const text = String(value);
  const number = Number.parseInt(text, 10);
  if (!Number.isFinite(number) || number < 0) return 0;
  return text.endsWith('%') ? round((number * n) / 100) : number;
}

/**
 * Surge rounds up, unavailable rounds down; where both come out as zero, unavailable is 1, since the controller could not move otherwise
 * (Kubernetes: `ResolveFenceposts`). Total for every n >= 0.
 */
export function resolveLimits(maxSurge: number | string, maxUnavailable: number | string, n: number): Limits {
  const surge = podCount(maxSurge, n, Math.ceil);
  const unavailable = podCount(maxUnavailable, n, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable };
}

/** The limits of what is written, for the live N. */
export function limitsOf(written: Amounts, n: number): Limits {
  return resolveLimits(written.surge, written.unavailable, n);
}

/** The smallest p in 0..100 whose floor(pN/100) is the largest that does not exceed u: exact for N <= 100. */
export function floorPercent(n: number, u: number): number {
  let best = 0;
  for (let p = 1; p <= 100; p++) {
    const reached = Math.floor((p * n) / 100);
    if (reached > u) break;
    if (reached > Math.floor((best * n) / 100)) best = p;
  }
  return best;
}

/** The smallest p in 0..100 with floor(pN/100) >= u; 100 where u exceeds N. */
export function ceilPercent(n: number, u: number): number {
  for (let p = 0; p < 100; p++) if (Math.floor((p * n) / 100) >= u) return p;
  return 100;
}

/** Pods of the new revision at a weight (0..100): rounded, ties up, at least 1 and at most N - 1 for 0 < weight < 100 and N >= 2. */
export function canaryCount(n: number, weight: number): number {
  if (weight <= 0 || n <= 0) return 0;
  if (weight >= 100) return n;
  if (n === 1) return 1;
  return Math.min(n - 1, Math.max(1, Math.floor((n * weight) / 100 + 0.5)));
}

/** What a weight means at this N; `limits` are those of the strategy. */
export function goalOf(n: number, weight: number, limits: Limits): Goal {
  if (weight >= 100) return { kind: 'REST', canary: n };
  if (n === 0) return { kind: 'SKIP' };
  if (n === 1) return limits.surge >= 1 ? { kind: 'BESIDE' } : { kind: 'SKIP' };
  return { kind: 'REST', canary: canaryCount(n, weight) };
}

/** Where the controller comes to rest with the gate closed, entered from old >= N - u: new = min(N, s + u), old = N - u. */
export function expectedSplit(written: Amounts, n: number): Split {
  const { surge, unavailable } = limitsOf(written, n);
  return { new: Math.min(n, surge + unavailable), old: Math.max(0, n - unavailable) };
}

/**
 * True where the controller has nothing left to do with the gate closed. Entered from old >= N - u this is exactly `expectedSplit`; after a change of N it is
 * the split that is really there, leftovers of the proportional scaling included.
 */
export function atRest(written: Amounts, n: number, split: Split): boolean {
  const { surge, unavailable } = limitsOf(written, n);
  const lowered = split.old <= Math.max(0, n - unavailable);
  const raised = split.new >= n || split.new + split.old >= n + surge;
  return lowered && raised && split.new <= Math.max(n, 0);
}

/**
 * (s, u) that rests at `canary` new and N - canary old pods, and `above` more old ones (0 or 1, less than canary + 1). Beyond 100 pods a percentage is too coarse;
 * what is missing rides in s, at most ceil(N/100) - 1 pods.
 */
export function restAt(n: number, canary: number, above = 0): Amounts {
  const percent = floorPercent(n, canary - above);
  return { surge: String(canary - Math.floor((percent * n) / 100)), unavailable: `${percent}%` };
}

/**
 * The next write on the way to a goal, given that the step written now is healthy with `standing` new pods; null where the goal is reached and the surge is
 * given back. A step only moves forward: with more new pods than the goal asks for, it rests at those.
 *
 * With surge (k > 0) one write lowers by what has become healthy and raises the next chunk of at most k. Without (k = 0) it lowers by at most
 * maxUnavailable. Every write raises the new side by at least one pod or is the rest, so a walk ends after at most N + 1 writes.
 *
 * @param least the least N that an autoscaler may set
 */
export function nextWrite(
  goal: Goal,
  n: number,
  limits: Limits,
  written: Amounts | null,
  standing: number,
  least: number = n,
): Amounts | null {
  if (goal.kind === 'SKIP' || (goal.kind === 'REST' && goal.canary === 0)) return null;
  if (goal.kind === 'BESIDE') return standing >= 1 ? null : { surge: '1', unavailable: '0%' };
  // After a fall of N there may be N new ones. The last old one stays until all are to be new.
  const most = goal.canary < n ? n - 1 : n;
  const next =
    standing < goal.canary ? raisedAmounts(goal.canary, n, limits, standing) : restAfter(n, Math.min(most, standing), limits, least);
  return written !== null && sameEffect(written, next, n) ? null : next;
}

/**
 * Whether a rest has one old pod more, if there is a surge: where an autoscaler may let N fall while it stands, and the fall needs it.
 *
 * @param least the least N that an autoscaler may set
 */
export function staysAbove(n: number, canary: number, { surge }: Limits, least: number): boolean {
  if (surge === 0 || canary < 1 || canary >= n) return false;
  const rest = restAt(n, canary);
  for (let to = Math.max(1, least); to < n; to++) if (fallNeedsMore(rest, n, to, surge)) return true;
  return false;
}

const restAfter = (n: number, canary: number, limits: Limits, least: number): Amounts =>
  restAt(n, canary, staysAbove(n, canary, limits, least) ? 1 : 0);

function raisedAmounts(canary: number, n: number, limits: Limits, standing: number): Amounts {
  if (limits.surge === 0) return restAt(n, Math.min(canary, standing + limits.unavailable));
  const percent = floorPercent(n, standing);
  const lowered = Math.floor((percent * n) / 100);
  const chunk = Math.max(limits.surge, standing - lowered + 1);
  return { surge: String(Math.min(chunk, canary - lowered)), unavailable: `${percent}%` };
}

/** Whether both come to the same counts at N. */
export function sameEffect(a: Amounts, b: Amounts, n: number): boolean {
  const left = limitsOf(a, n);
  const right = limitsOf(b, n);
  return left.surge === right.surge && left.unavailable === right.unavailable;
}

/**
 * Whether fewer than N' pods may be Ready, for as long as a pod takes to start, after N has fallen to N' while (s, u) are held with the gate closed.
 *
 * The controller scales each side by N' / M, rounded, where M is N with the surge at which it last changed that side's number; then it brings the new side to what
 * (s, u) ask for at N'. New pods that the rounding took start anew, and old ones have gone down for them already. With s > 0 fewer old ones go than there are new.
 * True also for some falls that cost nothing, since M is not known exactly; never false for one that does.
 *
 * @param to N'
 * @param raisedBy the most surge with which the new side was raised: maxSurge of the strategy
 */
export function fallMayCost(written: Amounts, n: number, to: number, raisedBy: number): boolean {
  const { surge, unavailable } = limitsOf(written, to);
  if (to < 1 || to >= n || surge > 0) return false;
  const canary = expectedSplit(written, n).new;
  return Math.round((canary * to) / (n + Math.min(raisedBy, canary))) < unavailable;
}

/** Whether one pod more is to stand before N falls to N' while (s, u) are held: the fall may cost pods, or leaves nothing of what ran before, as one pod does. */
export function fallNeedsMore(written: Amounts, n: number, to: number, raisedBy: number): boolean {
  return limitsOf(written, to).surge === 0 && to < n && (to === 1 || fallMayCost(written, n, to, raisedBy));
}

/**
 * What holds a native rolling update where it stands: u = 0%, s = what stands above N, at least 1. Without surge in the strategy: s = 0, u = its own.
 *
 * A larger u, down to the old pods that are left, would hold as well, but not at once: in the sync in which the controller sees the gate closed it still has
 * the new ReplicaSet's count of available pods from before, takes those for available, and removes old pods down to N - u (`reconcileOldReplicaSets`). With
 * these values a stale count can do no more than the native rolling update would have done.
 */
export function freezeAt(n: number, split: Split, limits: Limits): Amounts {
  if (limits.surge > 0) return { surge: String(Math.max(1, split.new + split.old - n)), unavailable: '0%' };
  const percent = floorPercent(n, limits.unavailable);
  return { surge: '0', unavailable: `${percent === 0 ? ceilPercent(n, 1) : percent}%` };
}

/** What stands while a target goes back, over all ReplicaSets. */
export interface Leaving {
  /** Ready pods, also those that are to leave. */
  ready: number;
  /** Pods that are to leave and are not Ready, by `spec.replicas`. */
  bad: number;
  /** Pods that stay, and that were not Ready before the rollout either. */
  missingBefore: number;
  /** No pod can be created above N: a full quota, or no node. */
  stuck: boolean;
}

/**
 * (s, u) of the open gate on what is gone back to. The controller takes as many leaving pods as the sum of ReplicaSets and available pods is above N - u, first
 * those that are not Ready: with u = N - Ready as many as are bad, and no more. Once none of them is bad, u = 0, so that a Ready one leaves only for another;
 * but for those that were missing before, for which none will come.
 *
 * Never more, such as the bad ones themselves: one of them that becomes Ready before the controller acts would cost a Ready pod. Where no pod can be made above N
 * (none in the template, or stuck), s = 0 and u >= 1, or nothing would ever move.
 */
export function backAmounts(n: number, limits: Limits, { ready, bad, missingBefore, stuck }: Leaving): Amounts {
  const missing = Math.max(missingBefore, bad === 0 ? 0 : n - ready);
  if (stuck || limits.surge === 0) return { surge: '0', unavailable: String(Math.max(1, limits.unavailable, missing)) };
  return { surge: String(limits.surge), unavailable: String(missing) };
}
