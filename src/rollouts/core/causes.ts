/**
 * The causes of failure: per code, when it fails a target, whom it blames, its sentence and its advice.
 *
 * Rows keep the code and its data; sentences and advice are made here when a failure is shown. A code never changes its meaning, and its data only grows.
 * Codes in CamelCase are Kubernetes' own words, codes in UPPER_CASE are ours or the kinds of error of a cluster's API.
 */
import { errorAdvice } from '../../clusters/core/error-kinds.ts';
import type { KubernetesErrorKind } from '../../clusters/core/error-kinds.ts';
import { overwriteText, unreadyText } from './before.ts';
import type { UnreadyEdit } from './before.ts';
import { late } from './cause.ts';
import type { Blames, Cause, CauseKind, Late, Severity, StoredCause, WordData } from './cause.ts';
import { podSecurityKind, words, wordRow } from './cause-words.ts';
import type { Difference } from './live/edits.ts';
import { sentenceFrom } from './raw.ts';

interface Named {
  name: string;
}

/** `object`: its kind; absent of a Deployment. */
interface NamedObject extends Named {
  object?: string;
}

/** What differs from ours; absent where it was not listed. */
export interface Listed {
  /** The first ones by path. */
  differences?: readonly Difference[];
  /** How many there are in all. */
  differenceCount?: number;
}

/** An error of a cluster's API. */
export interface ApiErrorData {
  message: string;
  /** Set where the error is more specific than its kind. */
  advice?: string;
  /** One of the cause's kinds; absent where none fits. */
  kind?: string;
}

function apiError(kind: KubernetesErrorKind, severity: Severity, blames: Blames): Cause<ApiErrorData> {
  return { severity, blames, sentence: ({ message }) => message, advice: ({ advice }) => advice ?? errorAdvice[kind] };
}

interface FieldConflict extends ApiErrorData, Listed {
  fields?: readonly { field: string; manager: string | null }[];
  /** "Service web"; absent in rows of earlier versions. */
  object?: string;
}

/** How to begin again after what stopped a rollout is over. */
const AGAIN = 'retry if the rollout went back; if it is paused, abort it and deploy again';

/** The ways out for what others have changed, of which each leads to an end. */
const takeOverAdvice = (otherwise: string): string =>
  `${otherwise}; or overwrite it by a retry with takeOver: true (POST /v1/rollouts/{id}/retry). A deployment or restart with takeOver: true and a rollback (POST /v1/workloads/{workload}/rollback, with toRelease) overwrite it, too.`;

/** Errors of a cluster's API. FATAL if a retry would fail the same way; TRANSIENT and SLOW if the error may pass by itself: the request is retried meanwhile. */
const apiErrors = {
  FORBIDDEN: {
    ...apiError('FORBIDDEN', 'TRANSIENT', 'CLUSTER'),
    sentence: (data: ApiErrorData | { missing: readonly string[]; namespace: string }) =>
      'missing' in data ? `The credential may not ${data.missing.join(', ')} in namespace ${data.namespace}.` : data.message,
  },
  FIELD_CONFLICT: {
    ...apiError('FIELD_CONFLICT', 'FATAL', 'CLUSTER'),
    sentence: ({ message, object, fields = [] }: FieldConflict) => {
      const owned = fields.map(({ field, manager }) => `${field}${manager === null ? '' : ` belongs to ${manager}`}`);
      return owned.length === 0
        ? message
        : `Other managers own fields${object === undefined ? '' : ` of ${object}`} that would change: ${owned.join(', ')}.`;
    },
    advice: takeOverAdvice('Remove these fields from what the other manager applies and retry'),
  },
  EXISTS: apiError('EXISTS', 'FATAL', 'CLUSTER'),
  INVALID: apiError('INVALID', 'FATAL', 'RELEASE'),
  QUOTA_EXCEEDED: apiError('QUOTA_EXCEEDED', 'SLOW', 'CLUSTER'),
  ADMISSION_DENIED: { ...apiError('ADMISSION_DENIED', 'FATAL', 'CLUSTER'), kinds: podSecurityKind },
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

/** `before`: what is gone back to, where it is an edit that was not Ready. */
interface Deadline extends Late {
  cause: { code: string; data: WordData } | null;
  before?: UnreadyEdit;
}

interface GateOverridden extends Named {
  manager: string | null;
  times: number;
  fields: readonly ChangedField[];
}

/** A field that the answer to a write has with another value. */
interface ChangedField {
  path: string;
  written: string;
  live: string;
}

const kept = ({ path, live }: Difference): string => `${path} stays ${live ?? 'unset'}`;
const changedField = ({ path, written, live }: ChangedField): string => `${path} is ${live} and not ${written}`;

/** Causes that the decisions find in the observation. */
const own = {
  /** Blames whom the blocking cause blames; the cluster if there is none. */
  PROGRESS_DEADLINE: {
    severity: 'SLOW',
    blames: 'CLUSTER',
    sentence: ({ cause, before, ...deadline }: Deadline) => {
      const ran = before === undefined ? '' : ` What ran before the rollout is ${unreadyText(before)}.`;
      const blocking = cause === null ? '' : ` ${cause.code}: ${causeSentence({ code: cause.code, data: { ...cause.data } })}`;
      return `${late(deadline)}${ran}${blocking}`;
    },
    advice: ({ cause, before }: Deadline): string => {
      if (before !== undefined) return `What is gone back to was not Ready before: ${overwriteText(before)}.`;
      return cause === null
        ? 'Check the Deployment and its ReplicaSets (kubectl describe): the cluster did not create the requested pods.'
        : adviceOf({ code: cause.code, data: { ...cause.data } });
    },
  },
  NOT_OURS: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `The Deployment ${name} exists but does not have this workload's id: someone else created it.`,
    advice: 'Use another name or namespace for the workload, or delete it if nobody needs it: objects of others are not changed.',
  },
  LABEL_REMOVED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ object = 'Deployment', name, label }: NamedObject & { label: string; id: string }) =>
      `Somebody has removed or changed the label ${label} of ${object} ${name}: without it, it is not known to be this workload's.`,
    advice: ({ object = 'Deployment', name, label, id }: NamedObject & { label: string; id: string }) =>
      `Put it back (kubectl label --overwrite ${object.toLowerCase()} ${name} ${label}=${id}) and retry.`,
  },
  REPLACED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name }: Named) => `The Deployment ${name} was deleted and recreated by someone else during the rollout.`,
    advice:
      'Find out what creates it (GitOps, a script), stop that, delete what it has created, and retry: objects of others are not changed.',
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
    /** `manager` null: something was removed, which leaves no trace of who did it. */
    sentence: ({ object, name, manager }: NamedObject & Listed & { manager: string | null }) =>
      `${object === undefined ? `The pod template of Deployment ${name}` : `${object} ${name}`} was edited by ${manager ?? 'somebody'} since it was applied.`,
    advice: takeOverAdvice('Make the change in the template and deploy that'),
  },
  /** `message`: the cluster's; null where it ignores the change instead, in these fields. */
  IMMUTABLE: {
    severity: 'FATAL',
    blames: 'RELEASE',
    sentence: ({ object, name, message, differences = [] }: Required<NamedObject> & Listed & { message: string | null }) =>
      `The cluster creates ${object} ${name} as this release has it, but does not change the one that exists: ${message ?? `${differences.map(kept).join(', ')}.`}`,
    advice: ({ object, name }: Required<NamedObject>) =>
      `Keep these fields in the template as they were; or delete the object (kubectl delete ${object.toLowerCase()} ${name}) and retry: it is created anew, and is missing until then.`,
  },
  /** `manager` null: admission changed what was written, in these fields. */
  GATE_OVERRIDDEN: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name, manager, times, fields }: GateOverridden) =>
      manager === null
        ? `An admission policy of the cluster changes what is written to Deployment ${name} (${fields.map(changedField).join(', ')}), so that pods cannot be held.`
        : `${manager} changed minReadySeconds or the strategy of Deployment ${name}, by which pods are held, ${times === 1 ? 'once' : `${times} times`} within 5 minutes.`,
    advice: ({ manager }: GateOverridden) =>
      manager === null
        ? 'Exempt the Deployment from the policy that sets these fields, or roll out with strategy ROLLING, which holds no pods.'
        : `Find out why ${manager} writes these fields (GitOps, a script, a person) and stop that; then ${AGAIN}.`,
  },
  SCALED_WHILE_HELD: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ detail }: { detail: string }) =>
      `The number of pods was changed while the canary was held, and the split no longer fits the plan: ${detail}.`,
    advice:
      'Abort the rollout if it is paused, and deploy again with a strategy that has room for it or allows a surge; or keep autoscaling from going that low during a canary.',
  },
  REPLICA_SET_DELETED: {
    severity: 'FATAL',
    blames: 'CLUSTER',
    sentence: ({ name, release }: Named & { release: number }) =>
      `The ReplicaSet of ${name} that ran release ${release} before was deleted by somebody during the rollout, with its pods.`,
    advice: `Find out who deletes ReplicaSets and stop that: what goes back makes its pods anew. Then ${AGAIN}.`,
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

/** Whether a code is an error of a cluster's API. */
export const isApiError = (code: string): boolean => Object.hasOwn(apiErrors, code);

/** The table's row of a code. A word of Kubernetes that is not in it, or a code of a newer version, has the general one. */
export function causeOf(code: string): Cause<never> {
  return Object.hasOwn(causes, code) ? causes[code]! : wordRow(code);
}

/** When it fails a target, and whom it blames: its row's, but for what its kind says otherwise. */
export function judgementOf({ code, data }: StoredCause): { severity: Severity; blames: Blames } {
  const cause = causeOf(code);
  const kind = kindOf(cause, data);
  return { severity: kind?.severity ?? cause.severity, blames: kind?.blames ?? cause.blames };
}

function kindOf({ kinds }: Cause<never>, { kind }: StoredCause['data']): CauseKind | undefined {
  return typeof kind === 'string' && kinds !== undefined && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
}

/** A cluster's word as a code. One that equals a code of ours becomes `Unknown`, because its data would be read as ours. */
export function wordOf(reason: string): string {
  return Object.hasOwn(ours, reason) ? 'Unknown' : reason;
}

/** The sentence of a cause. A code of a newer version is shown with its message, or as it is. */
export function causeSentence({ code, data }: StoredCause): string {
  const fallback = typeof data['message'] === 'string' ? data['message'] : code;
  return sentenceFrom(causeOf(code).sentence, data, fallback);
}

export function adviceOf({ code, data }: StoredCause): string {
  const cause = causeOf(code);
  const advice = kindOf(cause, data)?.advice ?? cause.advice;
  return typeof advice === 'string' ? advice : sentenceFrom(advice, data, '');
}
