/**
 * The causes of failure: per code, when it fails a target, whom it blames, its sentence and its advice.
 *
 * Rows keep the code and its data; sentences and advice are made here when a failure is shown. A code never changes its meaning, and its data only grows.
 * Codes in CamelCase are Kubernetes' own words, codes in UPPER_CASE are ours or the kinds of error of a cluster's API.
 */
import { errorAdvice } from '../../clusters/core/error-kinds.ts';
import type { KubernetesErrorKind } from '../../clusters/core/error-kinds.ts';
import { sentenceFrom } from './raw.ts';

/**
 * When it fails a target. FATAL: at once, since waiting does not help. transient: once it has stood for so many seconds without a break. SLOW: at the progress
 * deadline. NONE: never; it is enough to observe once more.
 */
export type Severity = 'FATAL' | { transient: number } | 'SLOW' | 'NONE';

/** Who has to act: the author of the release, the owner of the cluster, or the operator of the platform. */
export type Blames = 'RELEASE' | 'CLUSTER' | 'PLATFORM';

export interface Cause<D> {
  severity: Severity;
  /** With fewer restarts of the container it is SLOW. */
  fromRestarts?: number;
  blames: Blames;
  sentence: (data: D) => string;
  advice: string | ((data: D) => string);
}

/** A code with the data that its sentence needs, as rows have it. */
export interface StoredCause {
  code: string;
  data: Readonly<Record<string, unknown>>;
}

/** The data of a cause that Kubernetes names. */
export interface WordData {
  message: string;
  /** The kernel killed the container at its memory limit. */
  outOfMemory?: true;
  /** The target failed for it at its progress deadline. */
  deadline?: Late;
}

interface Late {
  seconds: number;
  /** The state of the rollout at that time, as a clause. */
  what: string;
}

interface Named {
  name: string;
}

/** An error of a cluster's API. */
export interface ApiErrorData {
  message: string;
  /** Set where the error is more specific than its kind. */
  advice?: string;
}

const GENERAL = "Check the pod's events (kubectl describe pod) and correct the template or the cluster.";
const PULL = 'Check that the image name and tag exist and that the namespace has the pull secret for this registry.';
const OUT_OF_MEMORY = 'Raise the memory limit of the container or make it use less: the kernel killed it because it exceeded the limit.';

const late = ({ seconds, what }: Late): string => `No progress for ${seconds} s: ${what}.`;

function word(severity: Severity, blames: Blames, advice: string): Cause<WordData> {
  return { severity, blames, sentence: ({ message }) => message, advice: ({ outOfMemory }) => (outOfMemory ? OUT_OF_MEMORY : advice) };
}

function apiError(kind: KubernetesErrorKind, severity: Severity, blames: Blames): Cause<ApiErrorData> {
  return { severity, blames, sentence: ({ message }) => message, advice: ({ advice }) => advice ?? errorAdvice[kind] };
}

/** The kubelet's, the scheduler's and the controllers' words. */
const words = {
  ErrImagePull: word('FATAL', 'RELEASE', PULL),
  ImagePullBackOff: word('FATAL', 'RELEASE', PULL),
  ErrImageNeverPull: word(
    'FATAL',
    'RELEASE',
    'The image is not on the node and imagePullPolicy is Never: allow pulling or load the image onto the nodes.',
  ),
  InvalidImageName: word('FATAL', 'RELEASE', 'Correct the image reference in the template or in the values: Kubernetes cannot parse it.'),
  CreateContainerConfigError: word(
    'FATAL',
    'RELEASE',
    'Create the ConfigMap, Secret or key that the container refers to, or correct the reference.',
  ),
  CreateContainerError: word(
    'SLOW',
    'RELEASE',
    'Read the message: the container runtime refuses to create the container, often for its command or a mount.',
  ),
  RunContainerError: word('SLOW', 'RELEASE', GENERAL),
  /** Fewer restarts may be a dependency that is not there yet. */
  CrashLoopBackOff: {
    ...word('FATAL', 'RELEASE', 'Read the log below: the container exits repeatedly after its start.'),
    fromRestarts: 3,
  },
  InitContainerFailed: word('FATAL', 'RELEASE', 'Read the log below: the init container failed, so that the application is never started.'),
  Error: word('SLOW', 'RELEASE', GENERAL),
  OOMKilled: word('SLOW', 'RELEASE', OUT_OF_MEMORY),
  Unschedulable: {
    ...word(
      'SLOW',
      'CLUSTER',
      'Add nodes, lower the resource requests, or relax node selectors, affinity and taints: no node accepts the pod.',
    ),
    sentence: ({ message, deadline }: WordData) => (deadline ? `${late(deadline)} Unschedulable: ${message}` : message),
  },
  NotReady: word('SLOW', 'RELEASE', "Check the container's readiness probe and its log: it runs but never becomes Ready."),
  ContainersNotReady: word('SLOW', 'RELEASE', "Check the container's probes, volumes and image: it was not started or is not Ready."),
  FailedCreate: word(
    'FATAL',
    'CLUSTER',
    'Raise the quota, or correct what the admission policy refuses: the cluster does not create the pods.',
  ),
  ReplicaSetCreateError: word('FATAL', 'CLUSTER', 'Read the message: the cluster refuses to create the ReplicaSet.'),
} satisfies Record<string, Cause<WordData>>;

/** Any other word of Kubernetes. */
export const generalCause = word('SLOW', 'RELEASE', GENERAL);

/** Errors of a cluster's API. FATAL if a retry would fail the same way; SLOW if the error may pass by itself. */
const apiErrors = {
  FORBIDDEN: {
    ...apiError('FORBIDDEN', 'FATAL', 'CLUSTER'),
    sentence: (data: ApiErrorData | { missing: readonly string[]; namespace: string }) =>
      'missing' in data ? `The credential may not ${data.missing.join(', ')} in namespace ${data.namespace}.` : data.message,
  },
  FIELD_CONFLICT: {
    ...apiError('FIELD_CONFLICT', 'FATAL', 'CLUSTER'),
    sentence: ({ message, fields = [] }: ApiErrorData & { fields?: readonly { field: string; manager: string | null }[] }) => {
      const owned = fields.map(({ field, manager }) => `${field}${manager === null ? '' : ` belongs to ${manager}`}`);
      return owned.length === 0 ? message : `Other managers own fields that would change: ${owned.join(', ')}.`;
    },
  },
  EXISTS: apiError('EXISTS', 'FATAL', 'CLUSTER'),
  INVALID: apiError('INVALID', 'FATAL', 'RELEASE'),
  QUOTA_EXCEEDED: apiError('QUOTA_EXCEEDED', 'FATAL', 'CLUSTER'),
  ADMISSION_DENIED: apiError('ADMISSION_DENIED', 'FATAL', 'CLUSTER'),
  NAMESPACE_MISSING: apiError('NAMESPACE_MISSING', 'FATAL', 'CLUSTER'),
  /** Of a write. What happens if the cluster stays unreachable is up to `onUnreachable`. */
  UNREACHABLE: apiError('UNREACHABLE', 'SLOW', 'CLUSTER'),
  UNKNOWN_CA: apiError('UNKNOWN_CA', 'SLOW', 'CLUSTER'),
  UNAUTHENTICATED: apiError('UNAUTHENTICATED', 'SLOW', 'CLUSTER'),
  NOT_FOUND: apiError('NOT_FOUND', 'SLOW', 'CLUSTER'),
  THROTTLED: apiError('THROTTLED', 'SLOW', 'CLUSTER'),
  SERVER: apiError('SERVER', 'SLOW', 'CLUSTER'),
  CONFLICT: apiError('CONFLICT', 'NONE', 'CLUSTER'),
  EXPIRED: apiError('EXPIRED', 'NONE', 'CLUSTER'),
} satisfies Record<KubernetesErrorKind, Cause<never>>;

/** Causes that the decisions find in the observation. */
const own = {
  /** Blames whom the blocking cause blames; the cluster if there is none. */
  PROGRESS_DEADLINE: {
    severity: 'SLOW',
    blames: 'CLUSTER',
    sentence: ({ cause, ...deadline }: Late & { cause: { code: string; data: WordData } | null }) =>
      cause === null ? late(deadline) : `${late(deadline)} ${cause.code}: ${cause.data.message}`,
    advice: ({ cause }: { cause: { code: string; data: WordData } | null }): string =>
      cause === null
        ? 'Check the Deployment and its ReplicaSets (kubectl describe): the cluster did not create the requested pods.'
        : adviceOf({ code: cause.code, data: { ...cause.data } }),
  },
  NOT_OURS: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `The Deployment ${name} exists but does not have this workload's id: someone else created it.`,
    advice: 'Adopt it, remove it, or use another name or namespace for the workload: objects of others are not changed.',
  },
  REPLACED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `The Deployment ${name} was deleted and recreated by someone else during the rollout.`,
    advice: 'Find out what creates it (GitOps, a script), stop that, and retry: it is not adopted silently.',
  },
  DELETED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `The Deployment ${name} was deleted by someone else during the rollout.`,
    advice: 'Find out who deleted it, then retry: the rollout does not recreate it by itself.',
  },
  EDITED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name, manager }: Named & { manager: string }) =>
      `The pod template of Deployment ${name} was edited by ${manager} since it was applied.`,
    advice: ({ manager }: { manager: string }) => `Make the change in the template instead; a rollback overwrites the edits of ${manager}.`,
  },
  SCALED_WHILE_HELD: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ detail }: { detail: string }) =>
      `The number of pods was changed while the canary was held, and the split no longer fits the plan: ${detail}.`,
    advice: 'Retry with a plan that has room for it, allow a surge, or keep autoscaling from going that low during a canary.',
  },
  SCALED_BY_OTHERS: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ live, wanted }: { live: number; wanted: number }) =>
      `The number of pods was set to ${live} by somebody else after ${wanted} had been asked for.`,
    advice: 'Find out who sets it (a HorizontalPodAutoscaler, a script, a person) and change the number there.',
  },
  NOTHING_RUNS: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `There is no Deployment ${name} to scale.`,
    advice: 'Roll out a release there first.',
  },
  INTERNAL_ERROR: {
    severity: 'FATAL',
    blames: 'PLATFORM',
    sentence: (_data: Record<string, never>) => 'Slipway failed to decide about this target. What runs in the cluster stands as it is.',
    advice:
      "This is a fault of Slipway, not of the cluster or the template: report it with the error in the worker's log, then retry or roll back.",
  },
} satisfies Record<string, Cause<never>>;

const legacyCauses = {
  /** A failure of a row from before the codes, with its sentence. */
  LEGACY: {
    severity: 'FATAL',
    blames: 'RELEASE',
    sentence: ({ message }: Legacy) => message,
    advice: ({ advice }: Legacy) => advice,
  },
} satisfies Record<string, Cause<never>>;

export interface Legacy {
  reason: string;
  message: string;
  advice: string;
}

const ours = { ...apiErrors, ...own, ...legacyCauses };

/** Every row, for the generated page and the tests. */
export const causes: Readonly<Record<string, Cause<never>>> = { ...words, ...ours };

/** Codes that the product itself uses: one that is not in the table does not compile. */
export type OurCause = keyof typeof ours;
export type CauseData<C extends OurCause> = Parameters<(typeof ours)[C]['sentence']>[0];

export function causeOf(code: string): Cause<never> {
  return Object.hasOwn(causes, code) ? causes[code]! : generalCause;
}

/** A cluster's word as a code. One that equals a code of ours becomes `Unknown`, because its data would be read as ours. */
export function wordOf(reason: string): string {
  return Object.hasOwn(ours, reason) ? 'Unknown' : reason;
}

/** Whether a word of Kubernetes fails a target at once or at the deadline. */
export function severityOfWord(reason: string, restarts = 0): 'FATAL' | 'SLOW' {
  const { severity, fromRestarts = 0 } = causeOf(wordOf(reason));
  return severity === 'FATAL' && restarts >= fromRestarts ? 'FATAL' : 'SLOW';
}

/** The sentence of a cause. A code of a newer version is shown with its message, or as it is. */
export function causeSentence({ code, data }: StoredCause): string {
  const fallback = typeof data['message'] === 'string' ? data['message'] : code;
  return Object.hasOwn(causes, code) ? sentenceFrom(causeOf(code).sentence, data, fallback) : fallback;
}

export function adviceOf({ code, data }: StoredCause): string {
  const { advice } = causeOf(code);
  return typeof advice === 'string' ? advice : sentenceFrom(advice, data, '');
}
