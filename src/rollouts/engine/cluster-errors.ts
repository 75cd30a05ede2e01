import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesObject as LiveObject } from '../../clusters/kubernetes/types.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { Severity } from '../core/cause.ts';
import { judgementOf } from '../core/causes.ts';
import { conflictsOf } from '../core/live/edits.ts';
import type { Difference, PublicText } from '../core/live/edits.ts';
import { admissionKind } from '../core/live/words.ts';
import { errorAdvice } from '../../clusters/core/error-kinds.ts';
import { failureAt, listed } from '../core/failure.ts';
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

/** An apply that would change what other managers own, with what they have set. */
export class FieldConflict extends KubernetesError {
  constructor(
    error: KubernetesError,
    readonly object: string,
    readonly differences: readonly Difference[],
  ) {
    super(error);
  }
}

/** The error of an apply, where it is a conflict with what is live instead of the object. */
export function withDifferences(error: unknown, live: LiveObject | null, object: KubernetesObject, publicText: PublicText): unknown {
  if (!(error instanceof KubernetesError) || error.kind !== 'FIELD_CONFLICT') return error;
  return new FieldConflict(error, `${object.kind} ${object.metadata.name}`, conflictsOf(live, object, error.causes, publicText));
}

/** Whether a retry would get the same answer. Other errors are retried. */
export const isFatalError = (error: unknown): error is KubernetesError => error instanceof KubernetesError && severityOf(error) === 'FATAL';

/** Whether the error may pass by itself but blocks progress until then, so that it is shown. After the others it is enough to observe once more. */
export const isHindrance = (error: unknown): error is KubernetesError =>
  error instanceof KubernetesError && severityOf(error) !== 'FATAL' && severityOf(error) !== 'NONE';

const severityOf = ({ kind }: KubernetesError): Severity => judgementOf({ code: kind, data: {} }).severity;

/** A cluster's refusal as a failure, for the timeline. Rethrows any other error. */
export function failureFrom(cluster: string, error: unknown): Failure {
  if (!(error instanceof KubernetesError)) throw error;
  if (error instanceof AccessMissing) return failureAt({ cluster }, 'FORBIDDEN', { missing: error.missing, namespace: error.namespace });
  const { kind, message, causes } = error;
  const answer = error.advice === errorAdvice[kind] ? { message } : { message, advice: error.advice };
  if (kind === 'ADMISSION_DENIED') return failureAt({ cluster }, kind, { ...answer, ...admissionKind(message) });
  if (kind !== 'FIELD_CONFLICT') return failureAt({ cluster }, kind, answer);
  const found = error instanceof FieldConflict ? { object: error.object, ...listed(error.differences) } : {};
  return failureAt({ cluster }, kind, { ...answer, ...found, fields: causes.map(({ field, manager }) => ({ field, manager })) });
}

/** Error for an object of someone else with this name. */
export const foreignObject = (object: KubernetesObject): KubernetesError =>
  new KubernetesError({
    kind: 'EXISTS',
    message: `${object.kind} ${object.metadata.name} exists in namespace ${object.metadata.namespace} and does not belong to this workload.`,
  });
