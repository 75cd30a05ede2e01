import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import type { Failure } from '../core/failure.ts';

/** Whether the cluster would give the same answer again. Other errors are retried. */
const DEFINITE: Record<KubernetesErrorKind, boolean> = {
  FORBIDDEN: true,
  FIELD_CONFLICT: true,
  EXISTS: true,
  INVALID: true,
  QUOTA_EXCEEDED: true,
  ADMISSION_DENIED: true,
  NAMESPACE_MISSING: true,
  UNREACHABLE: false,
  UNKNOWN_CA: false,
  UNAUTHENTICATED: false,
  CONFLICT: false,
  NOT_FOUND: false,
  EXPIRED: false,
  THROTTLED: false,
  SERVER: false,
};

export const isDefinite = (error: unknown): error is KubernetesError => error instanceof KubernetesError && DEFINITE[error.kind];

/** Errors after which the observation is simply made again. */
const SEEN_AGAIN: ReadonlySet<KubernetesErrorKind> = new Set(['CONFLICT', 'EXPIRED']);

/** Whether the error may pass by itself but is worth telling: until it has passed nothing goes on. */
export const isHindrance = (error: unknown): error is KubernetesError =>
  error instanceof KubernetesError && !DEFINITE[error.kind] && !SEEN_AGAIN.has(error.kind);

/** A cluster's refusal as a failure, for the timeline. Rethrows any other error. */
export function refused(cluster: string, error: unknown): Failure {
  if (!(error instanceof KubernetesError)) throw error;
  return failure(cluster, error.kind, wording(error), error.advice);
}

export const failure = (cluster: string, reason: string, message: string, advice: string): Failure => ({
  reason,
  message,
  cluster,
  pod: null,
  container: null,
  exitCode: null,
  logTail: null,
  advice,
});

/** The message; for field conflicts, with the owner of each field. */
function wording(error: KubernetesError): string {
  if (error.kind !== 'FIELD_CONFLICT' || error.causes.length === 0) return error.message;
  const owned = error.causes.map((cause) => `${cause.field}${cause.manager === null ? '' : ` belongs to ${cause.manager}`}`);
  return `Other managers own fields that would change: ${owned.join(', ')}.`;
}

/** Error for an object of someone else with this name. */
export const foreignObject = (object: KubernetesObject): KubernetesError =>
  new KubernetesError({
    kind: 'EXISTS',
    message: `${object.kind} ${object.metadata.name} exists in namespace ${object.metadata.namespace} and does not belong to this workload.`,
  });
