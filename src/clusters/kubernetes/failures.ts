import { isRecord } from '../../platform/json.ts';
import { AddressRefused } from '../../platform/net/guard.ts';
import { BUDGETS } from '../core/budgets.ts';
import { KubernetesError, notKubernetes } from './errors.ts';
import type { KubernetesErrorCause, KubernetesErrorKind } from './errors.ts';
import { JsonScan } from './json.ts';
import { publicText } from './text.ts';
import type { Redact } from './text.ts';

/** Kubernetes' answer for an error (meta/v1 Status). A hostile or foreign server may send anything. */
interface Status {
  message: string;
  reason: string;
  causes: { reason: string; message: string; field: string }[];
  about: string;
  retryAfterSeconds: number | null;
}

const maxCauses = 50;

/** The error for an answer of 3xx, 4xx or 5xx, or for an ERROR event of a watch. `body` is the answer's text. */
export function errorFromAnswer(answer: { status: number; retryAfter?: string; body: string }, redact: Redact): KubernetesError {
  const { status } = answer;
  const said = readStatus(answer.body, redact);
  if (status >= 300 && status < 400) {
    return new KubernetesError({
      kind: 'SERVER',
      status,
      message: 'The server answered with a redirect, which is never followed.',
      advice: notKubernetes,
    });
  }
  if (said === null) return foreignAnswer(status, answer.retryAfter);
  const kind = kindOf(status, said);
  const retryAfterSeconds = readRetryAfter(answer.retryAfter) ?? said.retryAfterSeconds;
  return new KubernetesError({ kind, status, message: said.message, retryAfterSeconds, causes: causesOf(kind, said) });
}

function foreignAnswer(status: number, retryAfter: string | undefined): KubernetesError {
  const kinds: Record<number, KubernetesErrorKind> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 410: 'EXPIRED', 429: 'THROTTLED' };
  const kind = kinds[status] ?? 'SERVER';
  const fields = {
    kind,
    status,
    message: `The server answered ${status} without a reason.`,
    retryAfterSeconds: readRetryAfter(retryAfter),
  };
  return new KubernetesError(status >= 500 || kind !== 'SERVER' ? fields : { ...fields, advice: notKubernetes });
}

function kindOf(status: number, said: Status): KubernetesErrorKind {
  // A policy may answer with any status, so its message is checked before the status.
  if (/^admission webhook ".*" denied the request|denied request: |violates PodSecurity/s.test(said.message)) return 'ADMISSION_DENIED';
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return forbiddenKind(said);
    case 404:
      return said.about === 'namespaces' ? 'NAMESPACE_MISSING' : 'NOT_FOUND';
    case 409:
      return conflictKind(said);
    case 410:
      return 'EXPIRED';
    case 422:
      // Another object with that name: an apply with the old uid would have to change the uid.
      return said.causes.some((cause) => cause.field === 'metadata.uid') ? 'CONFLICT' : 'INVALID';
    case 429:
      return 'THROTTLED';
    default:
      break;
  }
  // An apply with an unknown field answers 500, although the object is wrong and not the server.
  if (said.message.includes('failed to create typed patch object')) return 'INVALID';
  return status >= 400 && status < 500 ? 'INVALID' : 'SERVER';
}

function forbiddenKind(said: Status): KubernetesErrorKind {
  if (said.causes.some((cause) => cause.reason === 'NamespaceTerminating')) return 'NAMESPACE_MISSING';
  // Exceeded, without a limit that the quota asks for, or so new that its use is not counted yet.
  if (/(exceeded|failed|insufficient|status unknown for) quota/.test(said.message)) return 'QUOTA_EXCEEDED';
  // The authorizer's message says that a user cannot do something; every other 403 comes from admission.
  return / cannot \S+ (resource|path) /.test(said.message) || said.message.startsWith('forbidden: User') ? 'FORBIDDEN' : 'ADMISSION_DENIED';
}

function conflictKind(said: Status): KubernetesErrorKind {
  if (said.reason === 'AlreadyExists') return 'EXISTS';
  return said.causes.some((cause) => cause.reason === 'FieldManagerConflict') ? 'FIELD_CONFLICT' : 'CONFLICT';
}

function causesOf(kind: KubernetesErrorKind, said: Status): KubernetesErrorCause[] {
  return said.causes.map(({ field, message }) => {
    const manager = kind === 'FIELD_CONFLICT' ? (/^conflict with "(.+?)"/s.exec(message)?.[1] ?? null) : null;
    return { manager, field, message };
  });
}

/** Retry-After in seconds, within its budget. Kubernetes does not use the header's date form, which is ignored. */
function readRetryAfter(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,20}$/.test(header) ? Math.min(Number(header), BUDGETS.retryAfterSeconds) : null;
}

function readStatus(body: string, redact: Redact): Status | null {
  let value: unknown;
  try {
    new JsonScan(BUDGETS).feed(Buffer.from(body, 'utf8'));
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['kind'] !== 'Status') return null;
  const details = isRecord(value['details']) ? value['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isRecord).slice(0, maxCauses) : [];
  const retryAfter = details['retryAfterSeconds'];
  const text = (field: unknown): string => publicText(field, redact);
  return {
    message: text(value['message']) || `The server answered ${text(value['reason']) || 'with a failure'}.`,
    reason: text(value['reason']),
    about: text(details['kind']),
    retryAfterSeconds: typeof retryAfter === 'number' && retryAfter > 0 ? Math.min(retryAfter, BUDGETS.retryAfterSeconds) : null,
    causes: causes.map((cause) => ({ reason: text(cause['reason']), message: text(cause['message']), field: text(cause['field']) })),
  };
}

/** Node's codes for a refused server certificate: the chain does not end at the given authority, or the certificate itself is not valid. */
const untrusted: Record<string, string> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is signed by an unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'is signed by an unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed and not signed by the given authority',
  CERT_SIGNATURE_FAILURE: 'is signed by an unknown authority',
  CERT_UNTRUSTED: 'is signed by an unknown authority',
  INVALID_CA: 'is signed by an unknown authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is not valid for this address',
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
};

/** The error for a request without an answer; `error` is the transport's. Only its code is shown. */
export function errorFromTransport(error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  if (error instanceof AddressRefused) {
    return new KubernetesError({
      kind: 'UNREACHABLE',
      message: `Connecting to the cluster is not allowed: ${error.message}.`,
      advice: "Use the cluster's public address, or ask the operator to add its network to SLIPWAY_ALLOWED_NETWORKS.",
    });
  }
  const code = codeOf(error);
  const certificate = untrusted[code];
  if (certificate !== undefined) {
    return new KubernetesError({ kind: 'UNKNOWN_CA', message: `The server's certificate ${certificate} (${code}).` });
  }
  if (/^ERR_SSL_.*ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE)/.test(code)) {
    return new KubernetesError({ kind: 'UNAUTHENTICATED', message: `The server refuses our client certificate (${code}).` });
  }
  return new KubernetesError({
    kind: 'UNREACHABLE',
    message: `The cluster is unreachable: ${describe(code)}.`,
    timedOut: timeouts.has(code),
  });
}

const timeouts: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

function describe(code: string): string {
  const known: Record<string, string> = {
    ECONNREFUSED: 'the connection was refused',
    ENOTFOUND: "the server's name does not resolve",
    EAI_AGAIN: "the server's name does not resolve temporarily",
    ECONNRESET: 'the connection was reset',
    EPIPE: 'the connection was closed',
    UND_ERR_SOCKET: 'the connection was closed',
    UND_ERR_DESTROYED: 'the connection was closed by us',
    UND_ERR_CLOSED: 'the connection was closed by us',
    UND_ERR_ABORTED: 'the request was aborted',
    ABORT_ERR: 'the request was aborted',
    AbortError: 'the request was aborted',
    UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
    UND_ERR_HEADERS_TIMEOUT: 'the answer timed out',
    UND_ERR_BODY_TIMEOUT: 'the answer was interrupted',
    ETIMEDOUT: 'the connection timed out',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    EPROTO: 'the server does not speak TLS',
    ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS',
    ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS',
  };
  const words = known[code];
  return words === undefined ? `the connection failed (${code})` : `${words} (${code})`;
}

/** The code of an error or of the first error inside it. (Happy Eyeballs wraps one per address in an AggregateError.) */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const own = (error as { code?: unknown }).code;
  if (typeof own === 'string' && /^[A-Z0-9_]{1,60}$/.test(own)) return own;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (error.cause !== undefined) return codeOf(error.cause);
  return error.name === 'TimeoutError' ? 'UND_ERR_HEADERS_TIMEOUT' : error.name.slice(0, 60);
}
