/**
 * The numbers by which the Deployment controller of Kubernetes (1.36) moves pods between ReplicaSets.
 * Source: kube-controller-manager, deployment controller; every function here is pure.
 */
import type { Deployment, ReplicaSet } from '../../objects.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';
export const hashLabel = 'pod-template-hash';

/** In these two fields the largest 32-bit number means "no limit". */
export const noLimit = 2147483647;

function scaled(value: number | string | undefined, total: number, up: boolean): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const exact = (Number.parseInt(value, 10) * total) / 100;
  return up ? Math.ceil(exact) : Math.floor(exact);
}

/** maxSurge (rounded up) and maxUnavailable (rounded down, 1 where both come to nothing) of a rolling Deployment, in pods. */
export function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== 'RollingUpdate') return { surge: 0, unavailable: 0 };
  const surge = scaled(strategy.rollingUpdate?.maxSurge, replicas, true);
  const unavailable = scaled(strategy.rollingUpdate?.maxUnavailable, replicas, false);
  if (replicas === 0) return { surge, unavailable: 0 };
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
}

export const wanted = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + set.spec.replicas, 0);
export const actual = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + (set.status?.replicas ?? 0), 0);
export const ready = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + (set.status?.readyReplicas ?? 0), 0);
export const available = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
export const active = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter((set) => set.spec.replicas > 0);

/** How many pods the new ReplicaSet should have, given all of them. */
export function newReplicas(deployment: Deployment, newSetReplicas: number, allReplicas: number): number {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== 'RollingUpdate') return replicas;
  const most = replicas + fenceposts(deployment).surge;
  if (allReplicas >= most) return newSetReplicas;
  return newSetReplicas + Math.min(most - allReplicas, replicas - newSetReplicas);
}

/** Rounds half away from zero, as the controller does. */
const round = (value: number): number => (value < 0 ? -Math.round(-value) : Math.round(value));

function fraction(set: ReplicaSet, deployment: Deployment): number {
  const size = set.spec.replicas;
  if (deployment.spec.replicas === 0) return -size;
  const most = deployment.spec.replicas + fenceposts(deployment).surge;
  const noted = Number.parseInt(set.metadata.annotations?.[maxReplicasAnnotation] ?? '', 10);
  const before = noted > 0 ? noted : (deployment.status.replicas ?? 0);
  return before === 0 ? 0 : round((size * most) / before) - size;
}

/** A ReplicaSet's share of the pods that a scaling adds (or, negative, removes), of which `added` are already assigned. */
export function proportion(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (set.spec.replicas === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fraction(set, deployment);
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

/** The new size of each active ReplicaSet when a Deployment is scaled in the middle of a rollout. */
export function proportionalSizes(sets: readonly ReplicaSet[], deployment: Deployment): { set: ReplicaSet; size: number }[] {
  const { replicas } = deployment.spec;
  const allowed = replicas > 0 ? replicas + fenceposts(deployment).surge : 0;
  const toAdd = allowed - wanted(sets);
  const sorted = [...sets].sort(
    (left, right) => right.spec.replicas - left.spec.replicas || (toAdd > 0 ? byAge(right, left) : toAdd < 0 ? byAge(left, right) : 0),
  );
  let added = 0;
  const sizes = sorted.map((set) => {
    const share = proportion(set, deployment, toAdd, added);
    added += share;
    return { set, size: set.spec.replicas + share };
  });
  const [largest] = sizes;
  if (largest && toAdd !== 0) largest.size = Math.max(0, largest.size + toAdd - added);
  return sizes;
}

/** Oldest first; in the same second, by name. */
export function byAge(left: ReplicaSet, right: ReplicaSet): number {
  const [one, other] = [left.metadata, right.metadata];
  if (one.creationTimestamp !== other.creationTimestamp) return one.creationTimestamp < other.creationTimestamp ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}

export const revisionOf = (set: ReplicaSet): number => Number.parseInt(set.metadata.annotations?.[revisionAnnotation] ?? '0', 10) || 0;
