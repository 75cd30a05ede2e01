/** The kinds of error that the engine distinguishes. */
export type KubernetesErrorKind =
  | 'UNREACHABLE'
  | 'UNKNOWN_CA'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'FIELD_CONFLICT'
  | 'EXISTS'
  | 'INVALID'
  | 'QUOTA_EXCEEDED'
  | 'ADMISSION_DENIED'
  | 'NAMESPACE_MISSING'
  | 'EXPIRED'
  | 'THROTTLED'
  | 'SERVER';

/** One cause of an error: the field and, for FIELD_CONFLICT, the manager that owns it. */
export interface KubernetesErrorCause {
  manager: string | null;
  field: string;
  message: string;
}

export interface KubernetesErrorFields {
  kind: KubernetesErrorKind;
  message: string;
  status?: number | null;
  timedOut?: boolean;
  overBudget?: boolean;
  retryAfterSeconds?: number | null;
  causes?: KubernetesErrorCause[];
  advice?: string;
}

const advice: Record<KubernetesErrorKind, string> = {
  UNREACHABLE: "Check that the cluster's API server is running and that its address is reachable from the workers of this region.",
  UNKNOWN_CA: "Put the certificate authority that signed the API server's certificate into the cluster's credentials.",
  UNAUTHENTICATED: "Put a valid token or client certificate into the cluster's credentials.",
  FORBIDDEN:
    "Apply the cluster's access manifest in this namespace to grant the permissions; create the namespace first if it does not exist.",
  NOT_FOUND: 'Check that the object was not deleted by someone else.',
  CONFLICT: 'No action needed: the object changed in the meantime and is observed again.',
  FIELD_CONFLICT: 'Remove these fields from what the other manager applies, or adopt the workload.',
  EXISTS: 'Delete or rename the object with this name, or adopt it.',
  INVALID: 'Correct the template: the cluster does not accept this object.',
  QUOTA_EXCEEDED: "Raise the namespace's quota, or request less.",
  ADMISSION_DENIED: "Change the template so that the cluster's policy admits it, or change the policy.",
  NAMESPACE_MISSING: 'Create the namespace, or choose another in the placement.',
  EXPIRED: 'No action needed: the objects are listed again.',
  THROTTLED: 'No action needed: the cluster asked to wait, and the request is retried.',
  SERVER: "Check the API server's health; the request is retried.",
};

/**
 * Any error of a cluster's API. All its text is public: it contains the cluster's message, cut to 1,000 characters and without the credential's text, and
 * never a header.
 */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly kind: KubernetesErrorKind;
  /** The HTTP status; null if there was no answer. */
  readonly status: number | null;
  /** A connection or an answer did not come in time. A kept connection that the server has closed does not explain that. */
  readonly timedOut: boolean;
  /** The cluster has sent more than is read. Trying the same once more is of no use soon. */
  readonly overBudget: boolean;
  /** Retry-After of the cluster in seconds, or null. */
  readonly retryAfterSeconds: number | null;
  readonly causes: KubernetesErrorCause[];
  /** One sentence: what to do. */
  readonly advice: string;

  constructor(fields: KubernetesErrorFields) {
    super(fields.message);
    this.kind = fields.kind;
    this.status = fields.status ?? null;
    this.timedOut = fields.timedOut ?? false;
    this.overBudget = fields.overBudget ?? false;
    this.retryAfterSeconds = fields.retryAfterSeconds ?? null;
    this.causes = fields.causes ?? [];
    this.advice = fields.advice ?? advice[fields.kind];
  }
}

/** Advice where the server is perhaps not an API server. */
export const notKubernetes = "Check the server's URL: the server there does not speak the Kubernetes API.";

/** The error for an answer that violates the protocol, such as HTML with a status of 200. */
export function unreadableAnswer(detail: string): KubernetesError {
  return new KubernetesError({ kind: 'SERVER', message: `The server's answer cannot be read: ${detail}.`, advice: notKubernetes });
}

/** The error for a cluster that sends more than one of the budgets in `core/budgets.ts`; the message names the bound. */
export function overBudget(
  message: string,
  advice = 'Check what the API server sends: no Kubernetes object needs this much.',
): KubernetesError {
  return new KubernetesError({ kind: 'SERVER', message, advice, overBudget: true });
}
