import { errorAdvice } from '../core/error-kinds.ts';
import type { KubernetesErrorKind } from '../core/error-kinds.ts';

export type { KubernetesErrorKind };

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
    this.advice = fields.advice ?? errorAdvice[fields.kind];
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
