/** From the raw objects of a placement's watch to `Live`, what the decision sees of the cluster. */
import { fieldManager } from '../../../clusters/core/managers.ts';
import { isRecord } from '../../../platform/json.ts';
import { ANNOTATIONS, LABELS } from '../../../workloads/core/objects.ts';
import { condition } from './diagnosis.ts';
import { liveDigest, withoutHash } from './live-template.ts';
import { controllerOf, podsByOwner } from './pods.ts';
import { CLOSED_GATE } from '../steps.ts';
import type { Counted, Live, LiveDeployment, LiveReplicaSet } from '../observation.ts';
import { number, part, parts, sameJson, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';

export interface Watched {
  /** The first list of every kind has been read. */
  synced: boolean;
  /** Set while the watch is broken: what the lists hold is then as old as that. `since` by the database's clock. */
  unreachable: { since: Date; message: string; advice: string; access: boolean } | null;
  /** The Deployment of the workload's name in the placement's namespace. */
  deployment: Raw | null;
  replicaSets: readonly Raw[];
  pods: readonly Raw[];
  /** The cluster's clock: the last list's Date header plus our own monotonic time since. */
  clusterNow: Date | null;
  workloadId: string;
}

/** Total for any JSON that the lists hold. Pods that have ended (Succeeded, Failed) count nowhere, as with the ReplicaSet controller. */
export function liveOf(watched: Watched): Live {
  const { unreachable, deployment, clusterNow } = watched;
  if (unreachable !== null) return { kind: 'UNREACHABLE', ...unreachable };
  if (!watched.synced || clusterNow === null) return { kind: 'UNKNOWN' };
  if (deployment === null) return { kind: 'ABSENT' };
  const spec = part(deployment, 'spec');
  const metadata = part(deployment, 'metadata');
  const owned = ownedBy(watched.replicaSets, text(metadata, 'uid')).sort(byAge);
  const current = currentOf(spec, owned);
  const label = text(part(metadata, 'labels'), LABELS.workloadId);
  const podLabel = text(part(part(part(spec, 'template'), 'metadata'), 'labels'), LABELS.workloadId);
  const pods = podsByOwner(watched.pods, clusterNow);
  const view = (replicaSet: Raw): LiveReplicaSet => ({ ...replicaSetOf(replicaSet, pods), age: owned.indexOf(replicaSet) });
  return {
    kind: 'PRESENT',
    uid: text(metadata, 'uid') ?? '',
    resourceVersion: text(metadata, 'resourceVersion') ?? '',
    generation: number(metadata, 'generation') ?? 0,
    observedGeneration: number(part(deployment, 'status'), 'observedGeneration') ?? 0,
    ours: label === watched.workloadId,
    unlabeled: label !== watched.workloadId && podLabel === watched.workloadId,
    terminating: text(metadata, 'deletionTimestamp') !== null,
    counted: { ...countedOf(deployment), updated: count(deployment, 'updatedReplicas') },
    replicas: number(spec, 'replicas') ?? 1,
    replicasBy: newestOwner(metadata, ['f:spec', 'f:replicas'])?.manager ?? null,
    ...gateOf(spec),
    gateBy: foreignOwner(metadata, ['f:spec', 'f:minReadySeconds']) ?? foreignOwner(metadata, ['f:spec', 'f:strategy']),
    template: liveDigest(part(spec, 'template')),
    release: releaseOf(metadata),
    pausedBy: spec['paused'] === true ? (newestOwner(metadata, ['f:spec', 'f:paused'])?.manager ?? 'an unknown manager') : null,
    editedBy: foreignOwner(metadata, ['f:spec', 'f:template']),
    current: current === null ? null : view(current),
    others: owned
      .filter((replicaSet) => replicaSet !== current)
      .map(view)
      .filter((one) => one.replicas > 0 || one.pods.length > 0),
    replicaSets: owned.map(identityOf),
    replicaFailure: replicaFailureOf(deployment, current, clusterNow),
  };
}

function gateOf(spec: Raw): Pick<LiveDeployment, 'gate' | 'surge' | 'unavailable'> {
  const strategy = part(spec, 'strategy');
  const rolling = isRecord(strategy['rollingUpdate']) ? strategy['rollingUpdate'] : null;
  const fallback = text(strategy, 'type') === 'Recreate' ? '0' : '25%';
  const read = (key: string): string => {
    const value = rolling?.[key];
    return typeof value === 'number' || typeof value === 'string' ? String(value) : fallback;
  };
  const gate = number(spec, 'minReadySeconds') === CLOSED_GATE.minReadySeconds ? 'CLOSED' : 'OPEN';
  return { gate, surge: read('maxSurge'), unavailable: read('maxUnavailable') };
}

function releaseOf(metadata: Raw): number | null {
  const release = Number(text(part(metadata, 'annotations'), ANNOTATIONS.release) ?? Number.NaN);
  return Number.isInteger(release) ? release : null;
}

/** The oldest ReplicaSet whose template is the Deployment's own, as the Deployment controller finds its new one (`FindNewReplicaSet`). */
function currentOf(spec: Raw, owned: readonly Raw[]): Raw | null {
  const template = withoutHash(part(spec, 'template'));
  return owned.find((one) => sameJson(withoutHash(part(part(one, 'spec'), 'template')), template)) ?? null;
}

/** As the controller sorts them (`ReplicaSetsByCreationTimestamp`). */
function byAge(one: Raw, other: Raw): number {
  const made = (of: Raw): number => time(part(of, 'metadata'), 'creationTimestamp') ?? 0;
  return made(one) - made(other) || nameOf(one).localeCompare(nameOf(other));
}

function ownedBy(objects: readonly Raw[], uid: string | null): Raw[] {
  return objects.filter((one) => uid !== null && controllerOf(one) === uid);
}

function nameOf(object: Raw): string {
  return text(part(object, 'metadata'), 'name') ?? '';
}

function identityOf(replicaSet: Raw): Pick<LiveReplicaSet, 'name' | 'uid' | 'template'> {
  const uid = text(part(replicaSet, 'metadata'), 'uid') ?? '';
  return { name: nameOf(replicaSet), uid, template: liveDigest(part(part(replicaSet, 'spec'), 'template')) };
}

function replicaSetOf(replicaSet: Raw, pods: ReturnType<typeof podsByOwner>): Omit<LiveReplicaSet, 'age'> {
  const identity = identityOf(replicaSet);
  const spec = part(replicaSet, 'spec');
  return {
    ...identity,
    replicas: number(spec, 'replicas') ?? 0,
    gateClosed: number(spec, 'minReadySeconds') === CLOSED_GATE.minReadySeconds,
    counted: { ...countedOf(replicaSet), isCurrent: isSeen(replicaSet) },
    ...(pods.get(identity.uid) ?? { pods: [], ended: null }),
  };
}

function countedOf(object: Raw): Counted {
  return { replicas: count(object, 'replicas'), ready: count(object, 'readyReplicas'), available: count(object, 'availableReplicas') };
}

/** Counts of zero are left out of a status. */
function count(object: Raw, key: string): number {
  return number(part(object, 'status'), key) ?? 0;
}

/** Its controller has seen its spec. */
function isSeen(object: Raw): boolean {
  return (number(part(object, 'status'), 'observedGeneration') ?? 0) >= (number(part(object, 'metadata'), 'generation') ?? 0);
}

/** The current ReplicaSet's own word; the Deployment's only while there is no ReplicaSet, since it may still speak of the one before. */
function replicaFailureOf(deployment: Raw, current: Raw | null, clusterNow: Date): LiveDeployment['replicaFailure'] {
  const collisions = count(deployment, 'collisionCount');
  if (current === null && collisions >= MANY_COLLISIONS) return changedSets(collisions);
  const status = part(current ?? deployment, 'status');
  const failure = condition(status, 'ReplicaFailure');
  if (text(failure, 'status') === 'True') return replicaFailureFrom(failure, 'FailedCreate', clusterNow);
  const progressing = condition(status, 'Progressing');
  const refused = current === null && text(progressing, 'status') === 'False' && text(progressing, 'reason') === 'ReplicaSetCreateError';
  return refused ? replicaFailureFrom(progressing, 'ReplicaSetCreateError', clusterNow) : null;
}

/** A hash of a template collides with another one's almost never. */
const MANY_COLLISIONS = 3;

/** None of the ReplicaSets has the template that the controller has made it with: it makes one after the other, and never finds its own. */
function changedSets(made: number): NonNullable<LiveDeployment['replicaFailure']> {
  const message = `The Deployment controller makes one ReplicaSet after the other (${made} so far) and finds its pod template in none of them.`;
  return { reason: 'ReplicaSetChanged', message, ageMilliseconds: 0 };
}

function replicaFailureFrom(of: Raw, reason: string, clusterNow: Date): NonNullable<LiveDeployment['replicaFailure']> {
  return {
    reason: text(of, 'reason') ?? reason,
    message: text(of, 'message') ?? 'The cluster refuses to create pods.',
    ageMilliseconds: Math.max(0, clusterNow.getTime() - (time(of, 'lastTransitionTime') ?? clusterNow.getTime())),
  };
}

interface Owner {
  manager: string;
  at: number;
}

/** Who owns something at this path, the newest entry first. */
function ownersOf(metadata: Raw, path: readonly string[]): Owner[] {
  const owns = (entry: Raw): boolean => {
    let fields: unknown = entry['fieldsV1'];
    for (const key of path) fields = isRecord(fields) ? fields[key] : undefined;
    return fields !== undefined;
  };
  return parts(metadata, 'managedFields')
    .filter(owns)
    .map((entry) => ({ manager: text(entry, 'manager') ?? 'unknown', at: time(entry, 'time') ?? 0 }))
    .sort((a, b) => b.at - a.at);
}

function newestOwner(metadata: Raw, path: readonly string[]): Owner | null {
  return ownersOf(metadata, path)[0] ?? null;
}

/** Each of our writes of a template takes over what others own in it, so who owns something there has come after the last one. */
function foreignOwner(metadata: Raw, path: readonly string[]): string | null {
  return ownersOf(metadata, path).find(({ manager }) => manager !== fieldManager)?.manager ?? null;
}
