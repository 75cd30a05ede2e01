/** Moving pods between the ReplicaSets of one Deployment. Each function returns whether it wrote a size. */
import type { Cluster } from '../../cluster.ts';
import type { Deployment, Fields, ReplicaSet } from '../../objects.ts';
import { resources } from '../../resources.ts';
import { recordEvent } from '../events.ts';
import { writeSpec } from '../writes.ts';
import {
  active,
  available,
  byAge,
  desiredReplicasAnnotation,
  fenceposts,
  maxReplicasAnnotation,
  newReplicas,
  proportionalSizes,
  wanted,
} from './arithmetic.ts';
import { replicasAnnotations } from './revisions.ts';
import type { ReplicaSets } from './revisions.ts';

/** A Deployment and its ReplicaSets at the start of a sync, with sizes updated after each write. */
export interface Rollout extends ReplicaSets {
  cluster: Cluster;
  deployment: Deployment;
}

export const allSets = ({ oldSets, newSet }: ReplicaSets): ReplicaSet[] => (newSet ? [...oldSets, newSet] : oldSets);

function resize(rollout: Rollout, set: ReplicaSet, size: number, refreshAnnotations = false): boolean {
  const { cluster, deployment } = rollout;
  const before = set.spec.replicas;
  if (!refreshAnnotations && before === size) return false;
  const noted = replicasAnnotations(deployment);
  const current = set.metadata.annotations ?? {};
  const stale =
    current[desiredReplicasAnnotation] !== noted[desiredReplicasAnnotation] ||
    current[maxReplicasAnnotation] !== noted[maxReplicasAnnotation];
  if (before === size && !stale) return false;
  const spec: Fields = { ...set.spec, replicas: size };
  const annotations = { ...current, ...noted };
  const written = (
    before === size
      ? cluster.store.put(resources.replicaSets, { ...set, metadata: { ...set.metadata, annotations } }).object
      : writeSpec(cluster, resources.replicaSets, set, spec, { annotations })
  ) as ReplicaSet;
  if (rollout.newSet === set) rollout.newSet = written;
  rollout.oldSets = rollout.oldSets.map((other) => (other === set ? written : other));
  if (before !== size) {
    recordEvent(
      cluster,
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${before < size ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`,
      'deployment-controller',
    );
  }
  return before !== size;
}

/** Raises the new ReplicaSet as far as the surge allows, or lowers it if it is larger than the Deployment. */
export function growNewSet(rollout: Rollout): boolean {
  const { deployment, newSet } = rollout;
  if (!newSet || newSet.spec.replicas === deployment.spec.replicas) return false;
  if (newSet.spec.replicas > deployment.spec.replicas) return resize(rollout, newSet, deployment.spec.replicas);
  return resize(rollout, newSet, newReplicas(deployment, newSet.spec.replicas, wanted(allSets(rollout))));
}

/** Lowers old ReplicaSets: first by unavailable pods, then by as many as availability allows. */
export function shrinkOldSets(rollout: Rollout): boolean {
  const { deployment, newSet } = rollout;
  if (!newSet || wanted(rollout.oldSets) === 0) return false;
  const leastAvailable = deployment.spec.replicas - fenceposts(deployment).unavailable;
  const newUnavailable = newSet.spec.replicas - (newSet.status?.availableReplicas ?? 0);
  const most = wanted(allSets(rollout)) - leastAvailable - newUnavailable;
  if (most <= 0) return false;
  const cleaned = removeUnavailable(rollout, most);
  return cleaned !== undefined && cleaned + removeAvailable(rollout, leastAvailable) > 0;
}

/** Undefined while a ReplicaSet reports more available pods than it should have; then nothing is decided. */
function removeUnavailable(rollout: Rollout, most: number): number | undefined {
  let removed = 0;
  for (const set of active(rollout.oldSets).sort(byAge)) {
    const unavailable = set.spec.replicas - (set.status?.availableReplicas ?? 0);
    if (removed >= most || unavailable === 0) continue;
    if (unavailable < 0) return undefined;
    const count = Math.min(most - removed, unavailable);
    resize(rollout, set, set.spec.replicas - count);
    removed += count;
  }
  return removed;
}

function removeAvailable(rollout: Rollout, leastAvailable: number): number {
  const most = available(allSets(rollout)) - leastAvailable;
  let removed = 0;
  for (const set of active(rollout.oldSets).sort(byAge)) {
    if (removed >= most) break;
    const count = Math.min(set.spec.replicas, most - removed);
    resize(rollout, set, set.spec.replicas - count);
    removed += count;
  }
  return removed;
}

/** The first step of Recreate: removes all old pods. */
export function dropOldSets(rollout: Rollout): boolean {
  return active(rollout.oldSets)
    .map((set) => resize(rollout, set, 0))
    .includes(true);
}

export function fillNewSet(rollout: Rollout): boolean {
  return rollout.newSet ? resize(rollout, rollout.newSet, rollout.deployment.spec.replicas) : false;
}

/** Whether the number of pods wanted has changed since the ReplicaSets were last sized. */
export function isScalingEvent(rollout: Rollout): boolean {
  return active(allSets(rollout)).some((set) => {
    const noted = set.metadata.annotations?.[desiredReplicasAnnotation];
    return noted !== undefined && Number(noted) !== rollout.deployment.spec.replicas;
  });
}

/** Scales the existing ReplicaSets, proportionally if several have pods. Never advances the rollout. */
export function scale(rollout: Rollout): void {
  const { deployment, newSet } = rollout;
  const sets = active(allSets(rollout));
  const only = sets.length === 1 ? sets[0] : sets.length === 0 ? (newSet ?? rollout.oldSets.at(-1)) : undefined;
  if (sets.length <= 1) {
    if (only) resize(rollout, only, deployment.spec.replicas);
    return;
  }
  if (newSet && isSaturated(deployment, newSet)) {
    dropOldSets(rollout);
    return;
  }
  if (deployment.spec.strategy.type !== 'RollingUpdate') return;
  for (const { set, size } of proportionalSizes(sets, deployment)) resize(rollout, set, size, true);
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const { replicas } = deployment.spec;
  return (
    set.spec.replicas === replicas &&
    Number(set.metadata.annotations?.[desiredReplicasAnnotation]) === replicas &&
    (set.status?.availableReplicas ?? 0) === replicas
  );
}
