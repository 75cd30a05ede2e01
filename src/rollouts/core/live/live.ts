/** From the raw objects of a placement's watch to `Live`, what the decision sees of the cluster. */
import { isRecord } from '../../../platform/json.ts';
import { ANNOTATIONS, LABELS } from '../../../workloads/core/objects.ts';
import { condition } from './diagnosis.ts';
import { controllerOf, podsByOwner } from './pods.ts';
import { CLOSED_GATE } from '../steps.ts';
import type { Counted, Live, LiveDeployment, LiveReplicaSet } from '../observation.ts';
import { number, part, parts, sameJson, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';

const HASH_LABEL = 'pod-template-hash';
const OUR_MANAGER = 'slipway';

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
  const owned = ownedBy(watched.replicaSets, text(metadata, 'uid'));
  const current = currentOf(spec, owned);
  const pods = podsByOwner(watched.pods, clusterNow);
  const view = (replicaSet: Raw): LiveReplicaSet => replicaSetOf(replicaSet, pods);
  return {
    kind: 'PRESENT',
    uid: text(metadata, 'uid') ?? '',
    resourceVersion: text(metadata, 'resourceVersion') ?? '',
    generation: number(metadata, 'generation') ?? 0,
    observedGeneration: number(part(deployment, 'status'), 'observedGeneration') ?? 0,
    ours: text(part(metadata, 'labels'), LABELS.workloadId) === watched.workloadId,
    terminating: text(metadata, 'deletionTimestamp') !== null,
    counted: { ...countedOf(deployment), updated: count(deployment, 'updatedReplicas'), available: count(deployment, 'availableReplicas') },
    replicas: number(spec, 'replicas') ?? 1,
    ...gateOf(spec),
    ...markOf(metadata),
    pausedBy: spec['paused'] === true ? (newestOwner(metadata, ['f:spec', 'f:paused'])?.manager ?? 'an unknown manager') : null,
    editedBy: editedBy(metadata, isRewritten(deployment, owned, current)),
    current: current === null ? null : view(current),
    others: owned
      .filter((replicaSet) => replicaSet !== current)
      .map(view)
      .filter((one) => one.replicas > 0 || one.pods.length > 0),
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

function markOf(metadata: Raw): Pick<LiveDeployment, 'template' | 'release'> {
  const annotations = part(metadata, 'annotations');
  const release = Number(text(annotations, ANNOTATIONS.release) ?? Number.NaN);
  return { template: text(annotations, ANNOTATIONS.template), release: Number.isInteger(release) ? release : null };
}

/** The oldest ReplicaSet whose template is the Deployment's own, as the Deployment controller finds its new one (`FindNewReplicaSet`). */
function currentOf(spec: Raw, owned: readonly Raw[]): Raw | null {
  const template = withoutHash(part(spec, 'template'));
  const age = (one: Raw): number => time(part(one, 'metadata'), 'creationTimestamp') ?? 0;
  const same = owned.filter((one) => sameJson(withoutHash(part(part(one, 'spec'), 'template')), template));
  return same.sort((a, b) => age(a) - age(b) || nameOf(a).localeCompare(nameOf(b)))[0] ?? null;
}

function withoutHash(template: Raw): Raw {
  const metadata = part(template, 'metadata');
  const labels = Object.fromEntries(Object.entries(part(metadata, 'labels')).filter(([key]) => key !== HASH_LABEL));
  return { ...template, metadata: { ...metadata, labels } };
}

function ownedBy(objects: readonly Raw[], uid: string | null): Raw[] {
  return objects.filter((one) => uid !== null && controllerOf(one) === uid);
}

function nameOf(object: Raw): string {
  return text(part(object, 'metadata'), 'name') ?? '';
}

function replicaSetOf(replicaSet: Raw, pods: ReturnType<typeof podsByOwner>): LiveReplicaSet {
  const uid = text(part(replicaSet, 'metadata'), 'uid') ?? '';
  const spec = part(replicaSet, 'spec');
  return {
    name: nameOf(replicaSet),
    uid,
    replicas: number(spec, 'replicas') ?? 0,
    template: text(part(part(replicaSet, 'metadata'), 'annotations'), ANNOTATIONS.template),
    gateClosed: number(spec, 'minReadySeconds') === CLOSED_GATE.minReadySeconds,
    counted: { ...countedOf(replicaSet), isCurrent: isSeen(replicaSet) },
    ...(pods.get(uid) ?? { pods: [], ended: null }),
  };
}

function countedOf(object: Raw): Counted {
  return { replicas: count(object, 'replicas'), ready: count(object, 'readyReplicas') };
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
  const status = part(current ?? deployment, 'status');
  const failure = condition(status, 'ReplicaFailure');
  if (text(failure, 'status') === 'True') return replicaFailureFrom(failure, 'FailedCreate', clusterNow);
  const progressing = condition(status, 'Progressing');
  const refused = current === null && text(progressing, 'status') === 'False' && text(progressing, 'reason') === 'ReplicaSetCreateError';
  return refused ? replicaFailureFrom(progressing, 'ReplicaSetCreateError', clusterNow) : null;
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

/**
 * Our forced apply takes over every field that we set, so what another manager still owns in the pod's spec is either older than our last apply and something
 * that we do not set, which is left alone, or was changed after it, which is an edit. Within one second the times are equal; `rewritten` distinguishes the two.
 */
function editedBy(metadata: Raw, rewritten: boolean): string | null {
  const ours = ownersOf(metadata, ['f:spec', 'f:template']).find((owner) => owner.manager === OUR_MANAGER);
  const edit = ownersOf(metadata, ['f:spec', 'f:template', 'f:spec']).find((owner) => owner.manager !== OUR_MANAGER);
  if (edit === undefined) return null;
  return ours === undefined || edit.at > ours.at || (edit.at === ours.at && rewritten) ? edit.manager : null;
}

/**
 * Whether the pod's spec was changed under the digest that we wrote beside it: the Deployment controller copies the digest to each ReplicaSet that it makes, and
 * one created before the current one has the same digest with another spec.
 */
function isRewritten(deployment: Raw, owned: readonly Raw[], current: Raw | null): boolean {
  const digest = text(part(part(deployment, 'metadata'), 'annotations'), ANNOTATIONS.template);
  const made = (one: Raw): number => time(part(one, 'metadata'), 'creationTimestamp') ?? 0;
  const podSpec = (one: Raw): Raw => part(part(part(one, 'spec'), 'template'), 'spec');
  return owned.some((one) => {
    if (one === current || digest === null || text(part(part(one, 'metadata'), 'annotations'), ANNOTATIONS.template) !== digest)
      return false;
    return (current === null || made(one) <= made(current)) && !sameJson(podSpec(one), podSpec(deployment));
  });
}
