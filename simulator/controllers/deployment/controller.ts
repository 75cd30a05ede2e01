/** The Deployment controller: one sync of a Deployment and its ReplicaSets takes at most one step. */
import type { Cluster } from '../../cluster.ts';
import { equal, withMetadata } from '../../objects.ts';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../objects.ts';
import { resources } from '../../resources.ts';
import { StatusError } from '../../status.ts';
import { removeObject } from '../../api/delete.ts';
import { recordEvent } from '../events.ts';
import type { WorkQueue } from '../queue.ts';
import { keyOf, splitKey } from '../queue.ts';
import { createAsController, withCondition, writeDeploymentStatus, writeMetadata, writeSpec } from '../writes.ts';
import { actual, noLimit, revisionAnnotation, revisionOf } from './arithmetic.ts';
import { divide, makeNewSet, newSetAnnotations, ownSets } from './revisions.ts';
import { dropOldSets, fillNewSet, growNewSet, isScalingEvent, scale, shrinkOldSets } from './scaling.ts';
import type { Rollout } from './scaling.ts';
import { condition, countStatus, deadlineIn, hasDeadline, isComplete, progressing, rolloutStatus } from './status.ts';

export function syncDeployment(cluster: Cluster, queue: WorkQueue, key: string): void {
  const { namespace, name } = splitKey(key);
  const deployment = cluster.store.get(resources.deployments, namespace, name)?.object as Deployment | undefined;
  if (!deployment) return;
  const rollout: Rollout = { cluster, deployment, ...divide(deployment, ownSets(cluster, deployment)) };
  if (deployment.metadata.deletionTimestamp) {
    writeStatusOf(rollout, countStatus(cluster.clock, deployment, rollout));
    return;
  }
  notePause(rollout);
  refreshNewSet(rollout);
  if (rollout.deployment.spec.paused || isScalingEvent(rollout)) {
    scale(rollout);
    if (rollout.deployment.spec.paused) cleanUp(rollout);
    writeStatusOf(rollout, countStatus(cluster.clock, rollout.deployment, rollout));
    return;
  }
  if (rollout.deployment.spec.strategy.type === 'Recreate') recreate(rollout);
  else roll(rollout);
  writeStatusOf(rollout, rolloutStatus(cluster.clock, rollout.deployment, rollout));
  const wait = deadlineIn(cluster.clock, rollout.deployment, rollout.deployment.status);
  if (wait !== undefined) queue.addAfter(keyOf(namespace, name), wait);
}

function roll(rollout: Rollout): void {
  createNewSet(rollout);
  if (growNewSet(rollout) || shrinkOldSets(rollout)) return;
  if (isComplete(rollout.deployment, rollout.deployment.status)) cleanUp(rollout);
}

function recreate(rollout: Rollout): void {
  if (dropOldSets(rollout) || oldPodsRun(rollout)) return;
  createNewSet(rollout);
  fillNewSet(rollout);
  if (isComplete(rollout.deployment, rollout.deployment.status)) cleanUp(rollout);
}

/** Pods that are terminating still count: Recreate promises that revisions never run together. */
function oldPodsRun({ cluster, oldSets }: Rollout): boolean {
  if (actual(oldSets) > 0) return true;
  return oldSets.some(({ metadata }) =>
    cluster.store.ownedBy(metadata.uid).some(({ resource, stored }) => {
      return resource === resources.pods && !['Succeeded', 'Failed'].includes((stored.object as Pod).status.phase);
    }),
  );
}

/** Keeps the new ReplicaSet's annotations and minReadySeconds, and the Deployment's revision, in step with the Deployment. */
function refreshNewSet(rollout: Rollout): void {
  const { cluster, deployment, newSet } = rollout;
  if (!newSet) return;
  const annotations = newSetAnnotations(deployment, newSet.metadata.annotations ?? {}, rollout.oldSets);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if ((newSet.spec.minReadySeconds ?? 0) !== minReadySeconds) {
    const { minReadySeconds: _, ...spec } = newSet.spec;
    rollout.newSet = writeSpec(cluster, resources.replicaSets, newSet, minReadySeconds ? { ...spec, minReadySeconds } : spec, {
      annotations,
    }) as ReplicaSet;
  } else if (!equal(annotations, newSet.metadata.annotations)) {
    rollout.newSet = writeMetadata(cluster, resources.replicaSets, newSet, { annotations }) as ReplicaSet;
  }
  const found = condition(cluster.clock, 'Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set "${newSet.metadata.name}"`);
  noteRevision(rollout, progressing(deployment.status) ? undefined : found);
}

function createNewSet(rollout: Rollout): void {
  if (rollout.newSet) return;
  const { cluster, deployment, oldSets } = rollout;
  const wantedSet = makeNewSet(deployment, oldSets);
  try {
    rollout.newSet = createAsController(cluster, resources.replicaSets, wantedSet) as ReplicaSet;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    createFailed(rollout, wantedSet.metadata.name, error);
    return;
  }
  const { name } = rollout.newSet.metadata;
  const { replicas } = rollout.newSet.spec;
  if (replicas > 0)
    recordEvent(
      cluster,
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled up replica set ${name} from 0 to ${replicas}`,
      'deployment-controller',
    );
  noteRevision(rollout, condition(cluster.clock, 'Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${name}"`));
}

function createFailed(rollout: Rollout, name: string, error: StatusError): void {
  const { cluster, deployment } = rollout;
  const collision = error.body.reason === 'AlreadyExists';
  const status: DeploymentStatus = { ...deployment.status };
  if (collision) status.collisionCount = (status.collisionCount ?? 0) + 1;
  else if (hasDeadline(deployment)) {
    const message = `Failed to create new replica set "${name}": ${error.message}`;
    status.conditions = withCondition(
      status.conditions,
      condition(cluster.clock, 'Progressing', 'False', 'ReplicaSetCreateError', message),
    );
    recordEvent(cluster, deployment, 'Warning', 'ReplicaSetCreateError', message, 'deployment-controller');
  }
  writeStatusOf(rollout, status);
}

function noteRevision(rollout: Rollout, found: ReturnType<typeof condition> | undefined): void {
  const { deployment, newSet, cluster } = rollout;
  const revision = newSet?.metadata.annotations?.[revisionAnnotation] ?? '';
  const noted = deployment.metadata.annotations?.[revisionAnnotation] === revision;
  if (noted && !(found && hasDeadline(deployment))) return;
  const conditions = found && hasDeadline(deployment) ? withCondition(deployment.status.conditions, found) : deployment.status.conditions;
  const status = { ...deployment.status, ...(conditions ? { conditions } : {}) };
  const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
  rollout.deployment = writeDeploymentStatus(cluster, deployment, { ...withMetadata(deployment, { annotations }), status });
}

function notePause(rollout: Rollout): void {
  const { cluster, deployment } = rollout;
  if (!hasDeadline(deployment)) return;
  const current = progressing(deployment.status);
  const noted = current?.reason === 'DeploymentPaused';
  if (current?.reason === 'ProgressDeadlineExceeded' || (deployment.spec.paused ?? false) === noted) return;
  const change = deployment.spec.paused
    ? condition(cluster.clock, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused')
    : condition(cluster.clock, 'Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed');
  writeStatusOf(rollout, { ...deployment.status, conditions: withCondition(deployment.status.conditions, change) });
}

function writeStatusOf(rollout: Rollout, status: DeploymentStatus): void {
  if (equal(rollout.deployment.status, status)) return;
  rollout.deployment = writeDeploymentStatus(rollout.cluster, rollout.deployment, { ...rollout.deployment, status });
}

/** Removes old ReplicaSets beyond the history limit, lowest revision first, but none that still has pods. */
function cleanUp({ cluster, deployment, oldSets }: Rollout): void {
  const limit = deployment.spec.revisionHistoryLimit ?? noLimit;
  const cleanable = oldSets.filter(({ metadata }) => !metadata.deletionTimestamp);
  const surplus = limit === noLimit ? 0 : cleanable.length - limit;
  for (const set of cleanable.sort((left, right) => revisionOf(left) - revisionOf(right)).slice(0, Math.max(0, surplus))) {
    const { status, spec, metadata } = set;
    if ((status?.replicas ?? 0) !== 0 || spec.replicas !== 0 || (metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) continue;
    removeObject(cluster, resources.replicaSets, set, {});
  }
}
