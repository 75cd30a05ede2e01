/** The status of a Deployment. */
import { timestamp } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import type { Condition, Deployment, DeploymentStatus } from '../../objects.ts';
import { without, withCondition } from '../writes.ts';
import { actual, available, fenceposts, noLimit, ready, wanted } from './arithmetic.ts';
import type { ReplicaSets } from './revisions.ts';
import { allSets } from './scaling.ts';

export const hasDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noLimit;

export const progressing = (status: DeploymentStatus): Condition | undefined =>
  status.conditions?.find(({ type }) => type === 'Progressing');

export function condition(clock: Clock, type: string, status: Condition['status'], reason: string, message: string): Condition {
  const now = timestamp(clock.now());
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

/** Counts of zero are omitted, as in the API's types. */
const counted = (value: number): number | undefined => (value === 0 ? undefined : value);

/** Counts and the Available condition, from the ReplicaSets' own reports. */
export function countStatus(clock: Clock, deployment: Deployment, sets: ReplicaSets): DeploymentStatus {
  const all = allSets(sets);
  const availableReplicas = available(all);
  const enough = availableReplicas >= deployment.spec.replicas - fenceposts(deployment).unavailable;
  const { collisionCount } = deployment.status;
  return prune({
    observedGeneration: deployment.metadata.generation,
    replicas: counted(actual(all)),
    updatedReplicas: counted(actual(sets.newSet ? [sets.newSet] : [])),
    readyReplicas: counted(ready(all)),
    availableReplicas: counted(availableReplicas),
    unavailableReplicas: counted(Math.max(0, wanted(all) - availableReplicas)),
    terminatingReplicas: all.reduce((sum, set) => sum + (set.status?.terminatingReplicas ?? 0), 0),
    collisionCount,
    conditions: withCondition(
      deployment.status.conditions,
      enough
        ? condition(clock, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
        : condition(clock, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
    ),
  });
}

function prune(status: DeploymentStatus): DeploymentStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}

/** Whether all pods are new, available and as many as wanted, for the status's generation. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const { replicas } = spec;
  const counts = [status.updatedReplicas, status.replicas, status.availableReplicas].map((count) => count ?? 0);
  return counts.every((count) => count === replicas) && (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number => replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(clock: Clock, deployment: Deployment, status: DeploymentStatus): boolean {
  const current = progressing(status);
  if (!current || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  return Date.parse(current.lastUpdateTime ?? '') + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 < clock.now();
}

/** The status of a Deployment in a rollout: counts, progress against its deadline, and failures of its ReplicaSets. */
export function rolloutStatus(clock: Clock, deployment: Deployment, sets: ReplicaSets): DeploymentStatus {
  const status = countStatus(clock, deployment, sets);
  if (!hasDeadline(deployment)) status.conditions = without(status.conditions, 'Progressing');
  const current = progressing(deployment.status);
  const done = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (hasDeadline(deployment) && !done) status.conditions = progressConditions(clock, deployment, sets, status, current);
  const failures = [sets.newSet, ...allSets(sets)].flatMap(
    (set) => set?.status?.conditions?.filter(({ type }) => type === 'ReplicaFailure') ?? [],
  );
  const [failure] = failures;
  status.conditions = failure
    ? withCondition(status.conditions, { ...failure, lastUpdateTime: failure.lastTransitionTime })
    : without(status.conditions, 'ReplicaFailure');
  return status;
}

function progressConditions(
  clock: Clock,
  deployment: Deployment,
  { newSet }: ReplicaSets,
  status: DeploymentStatus,
  current: Condition | undefined,
): Condition[] {
  const who = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    return withCondition(
      status.conditions,
      condition(clock, 'Progressing', 'True', 'NewReplicaSetAvailable', `${who} has successfully progressed.`),
    );
  }
  if (hasProgressed(deployment.status, status)) {
    const progress = condition(clock, 'Progressing', 'True', 'ReplicaSetUpdated', `${who} is progressing.`);
    if (current?.status === 'True') progress.lastTransitionTime = current.lastTransitionTime;
    return [...without(status.conditions, 'Progressing'), progress];
  }
  if (hasTimedOut(clock, deployment, status)) {
    return withCondition(
      status.conditions,
      condition(clock, 'Progressing', 'False', 'ProgressDeadlineExceeded', `${who} has timed out progressing.`),
    );
  }
  return status.conditions ?? [];
}

/** Milliseconds until the deadline could have passed, or undefined where there is nothing to wait for. */
export function deadlineIn(clock: Clock, deployment: Deployment, status: DeploymentStatus): number | undefined {
  const current = progressing(status);
  if (
    !hasDeadline(deployment) ||
    !current ||
    isComplete(deployment, status) ||
    current.reason === 'ProgressDeadlineExceeded' ||
    current.reason === 'NewReplicaSetAvailable'
  )
    return undefined;
  const left = Date.parse(current.lastUpdateTime ?? '') + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 - clock.now();
  return Math.max(0, left) + 1000;
}
