import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { Severity } from '../core/cause.ts';
import { judgementOf } from '../core/causes.ts';
import type { Difference } from '../core/live/edits.ts';
import { admissionKind } from '../core/live/words.ts';
import { errorAdvice } from '../../clusters/core/error-kinds.ts';
import { edited, failureAt, labelRemoved, listed } from '../core/failure.ts';
import type { Failure } from '../core/failure.ts';

/** What the credential lacks for a rollout in a namespace. */
export class AccessMissing extends KubernetesError {
  constructor(
    readonly missing: readonly string[],
    readonly namespace: string,
  ) {
    super({ kind: 'FORBIDDEN', message: `The credential may not ${missing.join(', ')} in namespace ${namespace}.` });
  }
}

/** What we find about an object that stands in our way, and no answer of the cluster. */
export class ObjectRefused extends KubernetesError {
  constructor(
    kind: Extract<KubernetesErrorKind, 'EXISTS' | 'INVALID' | 'FIELD_CONFLICT'>,
    readonly failure: (place: { cluster: string }) => Failure,
  ) {
    super({ kind, message: 'The object that stands there is in the way.' });
  }
}

/** Others have edited it. */
export const objectEdited = ({ kind, metadata: { name } }: KubernetesObject, differences: readonly Difference[]): ObjectRefused =>
  new ObjectRefused('FIELD_CONFLICT', (place) => edited(place, { object: kind, name }, null, differences));

/** It is ours, and has lost its label. */
export const objectUnlabeled = ({ kind, metadata: { name } }: KubernetesObject, workloadId: string): ObjectRefused =>
  new ObjectRefused('EXISTS', (place) => labelRemoved(place, { object: kind, name }, workloadId));

/** The cluster refuses (`message`) or ignores (`differences`) the change of an object that exists, and would create it so. */
export const immutable = (
  { kind, metadata: { name } }: KubernetesObject,
  message: string | null,
  differences: readonly Difference[],
): ObjectRefused =>
  new ObjectRefused('INVALID', (place) => failureAt(place, 'IMMUTABLE', { object: kind, name, message, ...listed(differences) }));

/** Whether a retry would get the same answer. Other errors are retried. */
export const isFatalError = (error: unknown): error is KubernetesError => error instanceof KubernetesError && severityOf(error) === 'FATAL';

/** Whether the error may pass by itself but blocks progress until then, so that it is shown. After the others it is enough to observe once more. */
export const isHindrance = (error: unknown): error is KubernetesError =>
  error instanceof KubernetesError && severityOf(error) !== 'FATAL' && severityOf(error) !== 'NONE';

const severityOf = ({ kind }: KubernetesError): Severity => judgementOf({ code: kind, data: {} }).severity;

/** A cluster's refusal as a failure, for the timeline. Rethrows any other error. */
export function failureFrom(cluster: string, error: unknown): Failure {
  if (!(error instanceof KubernetesError)) throw error;
  if (error instanceof ObjectRefused) return error.failure({ cluster });
  if (error instanceof AccessMissing) return failureAt({ cluster }, 'FORBIDDEN', { missing: error.missing, namespace: error.namespace });
  const { kind, message, causes } = error;
  const answer = error.advice === errorAdvice[kind] ? { message } : { message, advice: error.advice };
  if (kind === 'ADMISSION_DENIED') return failureAt({ cluster }, kind, { ...answer, ...admissionKind(message) });
  if (kind !== 'FIELD_CONFLICT') return failureAt({ cluster }, kind, answer);
  return failureAt({ cluster }, kind, { ...answer, fields: causes.map(({ field, manager }) => ({ field, manager })) });
}

/** Error for an object of someone else with this name. */
export const foreignObject = (object: KubernetesObject): KubernetesError =>
  new KubernetesError({
    kind: 'EXISTS',
    message: `${object.kind} ${object.metadata.name} exists in namespace ${object.metadata.namespace} and does not belong to this workload.`,
  });
