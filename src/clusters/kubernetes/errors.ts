/** What went wrong, in the words that the engine decides by. */
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

/** One particular of an error: the field it lies in and, for FIELD_CONFLICT, the manager who owns that field. */
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
  retryAfterSeconds?: number | null;
  causes?: KubernetesErrorCause[];
  advice?: string;
}

const advice: Record<KubernetesErrorKind, string> = {
  UNREACHABLE: "Check that the cluster's API server runs and that its address can be reached from the workers of this region.",
  UNKNOWN_CA: "Put the certificate authority that signed the API server's certificate into the cluster's credentials.",
  UNAUTHENTICATED: "Put a valid token or client certificate into the cluster's credentials.",
  FORBIDDEN:
    "Apply the cluster's access manifest in this namespace, so that the credential may do what is needed; make the namespace first if there is none of this name.",
  NOT_FOUND: 'Check that the object was not deleted by someone else.',
  CONFLICT: 'Nothing needs doing: the object changed in the meantime and is observed again.',
  FIELD_CONFLICT: 'Remove these fields from what the other manager applies, or adopt the workload.',
  EXISTS: 'Delete or rename the object that bears this name, or adopt it.',
  INVALID: 'Correct the template: the cluster does not accept this object.',
  QUOTA_EXCEEDED: "Raise the namespace's quota, or ask for less.",
  ADMISSION_DENIED: "Change the template so that the cluster's policy admits it, or change the policy.",
  NAMESPACE_MISSING: 'Create the namespace, or name another one in the placement.',
  EXPIRED: 'Nothing needs doing: the objects are listed again.',
  THROTTLED: 'Nothing needs doing: the cluster asked to be left alone for a moment.',
  SERVER: "Look at the API server's health; the request is tried again.",
};

/**
 * Every failure of a cluster's API. All its text is public: it carries what the cluster said, cut to 1,000 characters and with the credential's own text
 * removed, and never a header.
 */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly kind: KubernetesErrorKind;
  /** The HTTP status, or null where there was no answer. */
  readonly status: number | null;
  /** No connection or no answer came in time, which no kept connection that was cut explains. */
  readonly timedOut: boolean;
  /** What the cluster asked for, or null. */
  readonly retryAfterSeconds: number | null;
  readonly causes: KubernetesErrorCause[];
  /** One sentence: what to do. */
  readonly advice: string;

  constructor(fields: KubernetesErrorFields) {
    super(fields.message);
    this.kind = fields.kind;
    this.status = fields.status ?? null;
    this.timedOut = fields.timedOut ?? false;
    this.retryAfterSeconds = fields.retryAfterSeconds ?? null;
    this.causes = fields.causes ?? [];
    this.advice = fields.advice ?? advice[fields.kind];
  }
}
