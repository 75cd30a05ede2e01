/** What is read for a failure to say: the end of a pod's log, warnings, what others have changed. None is worth waiting for: what cannot be read counts as empty. */
import type { KubernetesClient } from '../../clusters/kubernetes/types.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import { isRecord } from '../../platform/json.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { TargetAction } from '../core/action.ts';
import type { Autoscaler } from '../core/observation.ts';
import { editsOf } from '../core/live/edits.ts';
import type { Difference } from '../core/live/edits.ts';
import { bringing } from './deployment-patch.ts';
import { observedAnew } from './deployment-writer.ts';
import type { Memory } from './memory.ts';
import { fenceOf, refOf, templateDigestIn, templateIn } from './objects.ts';

const LOG_LINES = 20;
/** How often one thing is asked for: a failure must not wait for its log, e.g. while the kubelet does not respond. */
const TRIES = 3;
/** Permanent answers: the container has no log, or we may not read it. */
const NO_LOG: ReadonlySet<KubernetesErrorKind> = new Set(['NOT_FOUND', 'INVALID', 'FORBIDDEN']);
/** Kubernetes' default of an autoscaler's `minReplicas`. */
const DEFAULT_LEAST = 1;
/** Pods whose warnings are kept. */
const PODS = 10;

type Look<K extends TargetAction['kind']> = Extract<TargetAction, { kind: K }>;

/** @throws KubernetesError where it is to be tried once more */
export async function readLog(
  client: KubernetesClient,
  memory: Memory,
  namespace: string,
  { pod, container, previous }: Look<'READ_LOG'>,
): Promise<void> {
  const key = `${pod}/${container}`;
  const lines = await client.log({ namespace, pod, container }, { tailLines: LOG_LINES, previous }).catch((error: unknown) => {
    if (!(error instanceof KubernetesError)) throw error;
    if (NO_LOG.has(error.kind) || isLastTry(memory, key)) return '';
    throw error;
  });
  memory.logs.set(key, lines);
}

/**
 * In what the live pod template, whose digest was observed, differs from that of the Deployment as we want it.
 *
 * @throws KubernetesError where it is to be tried once more
 */
export async function listEdits(client: KubernetesClient, memory: Memory, wanted: KubernetesObject, template: string): Promise<void> {
  const differences = await editsIn(client, wanted, template).catch((error: unknown) => {
    if (!(error instanceof KubernetesError)) throw error;
    if (isLastTry(memory, `edits ${template}`)) return [];
    throw error;
  });
  memory.edits = { template, differences };
}

async function editsIn(client: KubernetesClient, wanted: KubernetesObject, template: string): Promise<Difference[]> {
  const ref = refOf(wanted);
  const live = await client.read(ref);
  if (live === null || templateDigestIn(live) !== template) throw observedAnew('The Deployment has changed since it was observed.');
  const answer = await client.patch(ref, bringing(live, wanted, templateIn(wanted)), fenceOf(live), { dryRun: true });
  const [now, ours] = [templateIn(live), templateIn(answer)];
  return editsOf({
    live: now,
    base: ours,
    next: ours,
    managedFields: live.metadata.managedFields,
    publicText: (text) => client.publicText(text),
  });
}

function isLastTry({ tries }: Memory, key: string): boolean {
  const count = (tries.get(key) ?? 0) + 1;
  tries.set(key, count);
  return count >= TRIES;
}

/** The autoscaler of a Deployment, with the least number of pods that it may set; null where there is none. The permission is optional. */
export async function readAutoscaler(
  client: Pick<KubernetesClient, 'list'>,
  { namespace, name }: { namespace: string; name: string },
): Promise<Autoscaler | null> {
  const list = await client.list({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace }).catch((error: unknown) => {
    if (error instanceof KubernetesError) return { items: [] };
    throw error;
  });
  for (const { metadata, spec } of list.items) {
    const target = isRecord(spec) && isRecord(spec['scaleTargetRef']) ? spec['scaleTargetRef'] : {};
    if (!isRecord(spec) || target['kind'] !== 'Deployment' || target['name'] !== name) continue;
    const { minReplicas } = spec;
    return { name: metadata.name, least: typeof minReplicas === 'number' ? minReplicas : DEFAULT_LEAST };
  }
  return null;
}

/** The permission is optional. */
export async function readWarnings(
  client: KubernetesClient,
  memory: Memory,
  namespace: string,
  { uid }: Look<'READ_EVENTS'>,
  now: () => Date,
): Promise<void> {
  const events = await client.podWarnings({ namespace, uid }).catch((error: unknown) => {
    if (error instanceof KubernetesError) return [];
    throw error;
  });
  const { warnings } = memory;
  warnings.delete(uid);
  const [oldest] = warnings.keys();
  if (warnings.size >= PODS && oldest !== undefined) warnings.delete(oldest);
  warnings.set(uid, { at: now(), events });
}
