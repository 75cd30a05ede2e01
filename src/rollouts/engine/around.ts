/**
 * The objects around a Deployment: what stands there, and what of it others have changed. That is told by dry runs, since a cluster adds defaults and its own
 * policies: what stands is ours where writing what one of our releases has once more would change nothing.
 */
import { fieldManager } from '../../clusters/core/managers.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject as LiveObject } from '../../clusters/kubernetes/types.ts';
import { isRecord } from '../../platform/json.ts';
import { LABELS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { objectEditsOf } from '../core/live/edits.ts';
import type { Difference } from '../core/live/edits.ts';
import { part, sameJson } from '../core/raw.ts';
import { foreignObject, immutable, isFatalError, objectEdited, objectUnlabeled } from './cluster-errors.ts';
import { bringingObject, contentOf } from './object-patch.ts';
import { fenceOf, refOf } from './objects.ts';

/** Whose objects they are, and where. */
export interface Owner {
  client: KubernetesClient;
  workloadId: string;
}

/** An object as it is to be. */
export interface Wanted {
  object: KubernetesObject;
  /** The same object in what we may have written before, what ran before the rollout first. */
  before: () => AsyncIterable<KubernetesObject>;
  /** What others have changed is no failure. */
  takeOver: boolean;
  /** Whether it is compared with one that would be created anew: some fields of an existing object cannot be changed, and some changes are ignored. */
  compared: boolean;
}

export interface Found {
  live: LiveObject;
  /** Writing it would change nothing. */
  isAsWanted: boolean;
}

/**
 * The live object; null if it does not exist.
 *
 * @throws KubernetesError if it is not the workload's
 */
export async function readOurs(owner: Owner, object: KubernetesObject): Promise<LiveObject | null> {
  const live = await owner.client.read(refOf(object));
  if (live === null || isOurs(owner, object, live)) return live;
  throw foreignObject(object);
}

/**
 * Whether it has the workload's id.
 *
 * @throws KubernetesError if it has lost that, and is ours all the same
 */
export function isOurs({ workloadId }: Owner, object: KubernetesObject, live: LiveObject): boolean {
  const id = live.metadata.labels?.[LABELS.workloadId];
  if (id === workloadId) return true;
  const selects = part(part(live, 'spec'), 'selector')[LABELS.workloadId] === workloadId;
  if (selects || (id === undefined && wasApplied(live))) throw objectUnlabeled(object, workloadId);
  return false;
}

function wasApplied({ kind, metadata }: LiveObject): boolean {
  return kind === 'ConfigMap' && (metadata.managedFields ?? []).some(({ manager }) => manager === fieldManager);
}

/**
 * What stands there; null = nothing.
 *
 * @throws KubernetesError if it is not ours, others have edited it, or the cluster would refuse or ignore the change
 */
export async function lookAround(owner: Owner, wanted: Wanted): Promise<Found | null> {
  const { object } = wanted;
  const live = await readOurs(owner, object);
  if (live === null) return null;
  if (sameJson(contentOf(live), contentOf(object))) return { live, isAsWanted: true };
  const [answer, anew] = await Promise.all([answerTo(owner, live, object), wanted.compared ? createdAnew(owner, object) : null]);
  if (!wanted.takeOver) await refuseEdits(owner, live, answer instanceof KubernetesError ? object : answer, wanted);
  if (answer instanceof KubernetesError) throw anew === null ? answer : immutable(object, answer.message, []);
  const bare = anew && withoutAddresses(anew);
  const kept = bare === null ? [] : edits(owner, answer, withoutAddresses(answer), bare, bare);
  if (kept.length > 0) throw immutable(object, null, kept);
  const { labels, annotations } = answer.metadata;
  const isSame = sameJson([labels, annotations], [live.metadata.labels, live.metadata.annotations]);
  return { live, isAsWanted: isSame && sameJson(contentOf(live), contentOf(answer)) };
}

/** What the cluster would make of the write, or why it refuses it. */
async function answerTo({ client }: Owner, live: LiveObject, object: KubernetesObject): Promise<LiveObject | KubernetesError> {
  const options = { dryRun: true };
  return client.patch(refOf(object), bringingObject(live, object), fenceOf(live), options).catch((error: unknown) => {
    if (isFatalError(error)) return error;
    throw error;
  });
}

/** What of the live object is neither ours, by any of our releases, nor what is wanted. */
async function refuseEdits(owner: Owner, live: LiveObject, next: LiveObject, { object, before }: Wanted): Promise<void> {
  const [content, wanted] = [contentOf(live), contentOf(next)];
  if (sameJson(content, wanted)) return;
  let base: Record<string, unknown> | null = null;
  for await (const earlier of before()) {
    const answer = await answerTo(owner, live, earlier);
    if (answer instanceof KubernetesError) continue;
    if (sameJson(content, contentOf(answer))) return;
    base ??= contentOf(answer);
  }
  // Where nothing tells what it was, an edit is what others own.
  const found = edits(owner, live, content, base ?? wanted, wanted).filter(({ manager }) => base !== null || manager !== null);
  if (found.length > 0) throw objectEdited(object, found);
}

function edits({ client }: Owner, { metadata }: LiveObject, live: unknown, base: unknown, next: unknown): Difference[] {
  return objectEditsOf({ live, base, next, managedFields: metadata.managedFields, publicText: (text) => client.publicText(text) });
}

/** What creating the object would give; null where the cluster would not do so beside the one that stands, which may have its address or fill a quota. */
async function createdAnew({ client, workloadId }: Owner, object: KubernetesObject): Promise<LiveObject | null> {
  const metadata = { ...object.metadata, name: `slipway-check-${workloadId.slice(-12)}` };
  return client.apply({ ...object, metadata }, { dryRun: true }).catch((error: unknown) => {
    if (isFatalError(error) || (error instanceof KubernetesError && error.kind === 'QUOTA_EXCEEDED')) return null;
    throw error;
  });
}

/** The content without what a cluster gives out: the addresses of a Service, and its ports of the nodes. */
function withoutAddresses(object: LiveObject): Record<string, unknown> {
  const { spec, ...content } = contentOf(object);
  if (object.kind !== 'Service' || !isRecord(spec)) return contentOf(object);
  const { clusterIP, clusterIPs: _all, healthCheckNodePort: _checked, ports, ...rest } = spec;
  const withoutNodePort = (port: unknown): unknown => {
    if (!isRecord(port)) return port;
    const { nodePort: _given, ...bare } = port;
    return bare;
  };
  return {
    ...content,
    spec: {
      ...rest,
      ...(clusterIP === 'None' ? { clusterIP } : {}),
      ...(Array.isArray(ports) ? { ports: ports.map(withoutNodePort) } : {}),
    },
  };
}
