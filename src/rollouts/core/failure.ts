/** Why a target failed: a cause, and where. Everything in it may be shown to the tenant. */
import { adviceOf, causeOf, causeSentence } from './causes.ts';
import type { Blames, Legacy, Severity, StoredCause } from './causes.ts';

export interface Failure extends StoredCause {
  cluster: string;
  pod: string | null;
  container: string | null;
  exitCode: number | null;
  /** Last log lines of the container, null when it never ran. */
  logTail: string | null;
}

/** A cause with the pod that it was found at, if any: what reasons keep of a failure. */
export type FoundCause = { code: string; data: StoredCause['data']; pod: string | null; container: string | null };

export const causeIn = ({ code, data, pod, container }: Failure): FoundCause => ({ code, data, pod, container });

/** As rows have it: those of before the codes have sentences. */
export type StoredFailure = Failure | (Legacy & Omit<Failure, 'code' | 'data'>);

/** A failure of a row, whatever version wrote it. */
export function readFailure(stored: StoredFailure | null): Failure | null {
  if (stored === null || 'code' in stored) return stored;
  const { reason, message, advice, ...where } = stored;
  return { code: 'LEGACY', data: { reason, message, advice }, ...where };
}

/** A failure with what is made of its cause: how the API and events show it. */
export interface ShownFailure extends Failure {
  /** The code; for rows of before the codes, the reason as it stood. */
  reason: string;
  message: string;
  advice: string;
  severity: 'FATAL' | 'TRANSIENT' | 'SLOW';
  blames: Blames;
}

export function presentFailure(failure: Failure): ShownFailure {
  const reason = failureReason(failure);
  return {
    ...failure,
    reason,
    message: causeSentence(failure),
    advice: adviceOf(failure),
    severity: shownSeverity(causeOf(reason).severity),
    blames: blamesOf(failure),
  };
}

/** The code under which a failure is known to people. */
export function failureReason({ code, data }: StoredCause): string {
  return code === 'LEGACY' && typeof data['reason'] === 'string' ? data['reason'] : code;
}

/** "CrashLoopBackOff (pod web-1, container web): back-off." */
export function describeFailure(failure: FoundCause): string {
  const { pod, container } = failure;
  const where = pod === null ? '' : ` (pod ${pod}${container === null ? '' : `, container ${container}`})`;
  return `${failureReason(failure)}${where}: ${causeSentence(failure)}`;
}

function shownSeverity(severity: Severity): ShownFailure['severity'] {
  if (typeof severity === 'object') return 'TRANSIENT';
  return severity === 'FATAL' ? 'FATAL' : 'SLOW';
}

function blamesOf(failure: Failure): Blames {
  const cause = failure.data['cause'] as Partial<StoredCause> | null | undefined;
  return causeOf(cause?.code ?? failureReason(failure)).blames;
}
