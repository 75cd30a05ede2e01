/** What is read of pods that fail: the end of a log, and warnings. Neither is worth failing for: what cannot be read counts as empty. */
import type { KubernetesClient } from '../../clusters/kubernetes/types.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { TargetAction } from '../core/action.ts';
import type { Memory } from './memory.ts';

const LOG_LINES = 20;
/** How often a log is asked for: a failure must not wait for its log, e.g. while the kubelet does not respond. */
const LOG_TRIES = 3;
/** Permanent answers: the container has no log, or we may not read it. */
const NO_LOG: ReadonlySet<KubernetesErrorKind> = new Set(['NOT_FOUND', 'INVALID', 'FORBIDDEN']);
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
    const tries = (memory.logTries.get(key) ?? 0) + 1;
    memory.logTries.set(key, tries);
    if (NO_LOG.has(error.kind) || tries >= LOG_TRIES) return '';
    throw error;
  });
  memory.logs.set(key, lines);
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
