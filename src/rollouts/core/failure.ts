/** Why a target failed: what happened, where, and what to do. Everything in it may be shown to the tenant. */
export interface Failure {
  /** Kubernetes' own word where there is one (ImagePullBackOff), else ours in UPPER_CASE (PROGRESS_DEADLINE). */
  reason: string;
  message: string;
  cluster: string;
  pod: string | null;
  container: string | null;
  exitCode: number | null;
  /** Last log lines of the container, null when it never ran. */
  logTail: string | null;
  /** One sentence: what to do about it. */
  advice: string;
}
