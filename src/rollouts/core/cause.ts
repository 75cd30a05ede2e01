/** What a row of the table of causes says. */

/**
 * When a cause fails a target. FATAL: at once, since waiting does not help. TRANSIENT: once it has lasted for `strategy.failureGraceSeconds` without a break.
 * SLOW: at the progress deadline. NONE: never; it is enough to observe once more.
 */
export type Severity = 'FATAL' | 'TRANSIENT' | 'SLOW' | 'NONE';

/** Who has to act: the author of the release, the owner of the cluster, or the operator of the platform. */
export type Blames = 'RELEASE' | 'CLUSTER' | 'PLATFORM';

export interface Cause<D> {
  severity: Severity;
  blames: Blames;
  sentence: (data: D) => string;
  advice: string | ((data: D) => string);
  /** Kubernetes has one word for what has several causes: what differs, by `data.kind`. */
  kinds?: Readonly<Record<string, CauseKind>>;
  /** Causes that take turns while nothing has changed, such as a failed pull and the wait before the next: one lasts through the other. Default: its code. */
  group?: string;
  /** Every pod says so while it starts: shown only once it has lasted for the grace. */
  quiet?: true;
}

/** What is different from the cause's own row. */
export interface CauseKind {
  /** For docs/codes.md: how it is told. */
  meaning: string;
  severity?: Severity;
  blames?: Blames;
  advice?: string;
}

/** A code with the data that its sentence needs, as rows have it. */
export interface StoredCause {
  code: string;
  data: Readonly<Record<string, unknown>>;
}

/** The data of a cause that Kubernetes names. */
export interface WordData {
  message: string;
  /** One of the cause's kinds; absent where none fits. */
  kind?: string;
  /** The node, where it is the node that differs from others. */
  node?: string;
  /** How many pods have ended so. */
  count?: number;
  /** The kernel killed the container at its memory limit. */
  outOfMemory?: true;
  /** The target failed for it at its progress deadline. */
  deadline?: Late;
}

export interface Late {
  seconds: number;
  /** The state of the rollout at that time, as a clause. */
  what: string;
}

export const late = ({ seconds, what }: Late): string => `No progress for ${seconds} s: ${what}.`;
