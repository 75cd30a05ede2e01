/** Why a target failed: a cause, and where. Everything in it may be shown to the tenant. */
import { LABELS } from '../../workloads/core/objects.ts';
import type { UnreadyEdit } from './before.ts';
import type { Blames, Late, Severity, StoredCause, WordData } from './cause.ts';
import { adviceOf, causeSentence, judgementOf, wordOf } from './causes.ts';
import type { Legacy, CauseData, Listed, OurCause } from './causes.ts';
import type { Difference } from './live/edits.ts';

/** What a pod's status says is wrong, as the kubelet or scheduler words it. */
export interface PodFault {
  reason: string;
  message: string;
  container: string | null;
  exitCode: number | null;
  restarts: number;
  /** Which run of the container has the most useful log; null if none has run. */
  log: 'CURRENT' | 'PREVIOUS' | null;
  /** By the table of causes. */
  severity: Exclude<Severity, 'NONE'>;
  /** What the table and its sentence need besides. */
  details?: Pick<WordData, 'kind' | 'node' | 'count'>;
  /** Milliseconds since it came about, by the cluster's clock and at the most; 0 where the cluster does not say. */
  ageMilliseconds: number;
}

/** A pod (null: the ReplicaSet, whose pods are refused) with what is wrong with it. */
export interface Blame {
  pod: string | null;
  fault: PodFault;
}

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

/** Without the list of differences: it is long, and the failure itself has it. */
export function causeIn({ code, data, pod, container }: Failure): FoundCause {
  const { differences: _listed, differenceCount: _counted, ...rest } = data;
  return { code, data: rest, pod, container };
}

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
  severity: Exclude<Severity, 'NONE'>;
  blames: Blames;
}

export function presentFailure(failure: Failure): ShownFailure {
  const reason = failureReason(failure);
  return {
    ...failure,
    reason,
    message: causeSentence(failure),
    advice: adviceOf(failure),
    severity: shownSeverity(judgementOf({ code: reason, data: failure.data }).severity),
    blames: blamesOf(failure),
  };
}

/** The code under which a failure is known to people. */
export function failureReason({ code, data }: StoredCause): string {
  return code === 'LEGACY' && typeof data['reason'] === 'string' ? data['reason'] : code;
}

/** "CrashLoopBackOff (pod web-1, container web): back-off." */
export function describeFailure(failure: FoundCause): string {
  const place = placeOf(failure);
  return `${failureReason(failure)}${place === '' ? '' : ` (${place})`}: ${causeSentence(failure)}`;
}

/** "pod web-1, container web", empty for what was found at none. */
export function placeOf({ pod, container }: FoundCause): string {
  return pod === null ? '' : `pod ${pod}${container === null ? '' : `, container ${container}`}`;
}

/** What only needs another look is shown as what may pass. */
export const shownSeverity = (severity: Severity): ShownFailure['severity'] => (severity === 'NONE' ? 'SLOW' : severity);

function blamesOf(failure: Failure): Blames {
  const cause = failure.data['cause'] as Partial<StoredCause> | null | undefined;
  const { code = failureReason(failure), data = failure.data } = cause ?? {};
  return judgementOf({ code, data }).blames;
}

type AtCluster = { cluster: string };

/** The failure of a cause without a pod. */
export function failureAt<C extends OurCause>(place: AtCluster, code: C, data: CauseData<C>): Failure {
  return { code, data: { ...data }, cluster: place.cluster, pod: null, container: null, exitCode: null, logTail: null };
}

/** What is found at a pod (or ReplicaSet), as a cause. */
export function foundAt({ pod, fault }: Blame): FoundCause {
  return { code: wordOf(fault.reason), data: { ...wordData(fault) }, pod, container: fault.container };
}

/** A pod's (or ReplicaSet's) fault as the target's failure; `logTail` null if no container has run. */
export function podFailure(place: AtCluster, blame: Blame, logTail: string | null): Failure {
  return { ...foundAt(blame), cluster: place.cluster, exitCode: blame.fault.exitCode, logTail };
}

function wordData({ message, exitCode, details }: PodFault): WordData {
  const outOfMemory = exitCode === 137 && message.includes('OOMKilled');
  return { message, ...details, ...(outOfMemory ? { outOfMemory: true as const } : {}) };
}

/** The failure of a passed deadline; the message and advice are those of the blocking fault. */
export function deadlineFailure(
  place: AtCluster,
  { seconds, what, before = null }: Late & { before?: UnreadyEdit | null },
  blame: Blame | null,
  logTail: string | null,
): Failure {
  const late = { seconds, what, ...(before === null ? {} : { before }) };
  if (blame === null) return failureAt(place, 'PROGRESS_DEADLINE', { ...late, cause: null });
  const failure = podFailure(place, blame, logTail);
  if (failure.code === 'Unschedulable') return { ...failure, data: { ...failure.data, deadline: { seconds, what } } };
  const { code, data } = failureAt(place, 'PROGRESS_DEADLINE', { ...late, cause: { code: failure.code, data: wordData(blame.fault) } });
  return { ...failure, code, data };
}

export const notOurs = (place: AtCluster, name: string): Failure => failureAt(place, 'NOT_OURS', { name });

/** An object by its name. `object`: its kind; a Deployment has none. */
export interface NamedObject {
  object?: string;
  name: string;
}

export const labelRemoved = (place: AtCluster, named: NamedObject, id: string): Failure =>
  failureAt(place, 'LABEL_REMOVED', { ...named, label: LABELS.workloadId, id });

export const replaced = (place: AtCluster, name: string): Failure => failureAt(place, 'REPLACED', { name });

export const deleted = (place: AtCluster, name: string): Failure => failureAt(place, 'DELETED', { name });

/** The uid of a target's Deployment; null after others deleted or replaced it, so that a retry creates a new one instead of failing for the same reason. */
export function standingUid({ uid, failure }: { uid: string | null; failure: Failure | null }): string | null {
  const reason = failure && failureReason(failure);
  return reason === 'DELETED' || reason === 'REPLACED' ? null : uid;
}

/** How many differences a failure lists. */
export const MOST_DIFFERENCES = 50;

/** Differences as the data of a failure: the first ones, and how many there are. None leaves no trace. */
export function listed(differences: readonly Difference[]): Listed {
  if (differences.length === 0) return {};
  return { differences: differences.slice(0, MOST_DIFFERENCES), differenceCount: differences.length };
}

/** The differences that a failure lists. Those of an earlier version, and most causes, have none. */
export function differencesIn({ data }: StoredCause): Required<Listed> {
  const { differences = [], differenceCount = differences.length } = data as Listed;
  return { differences, differenceCount };
}

/** The pod template of a Deployment, or the object. `manager`: who is blamed where no difference has an owner. */
export function edited(place: AtCluster, named: NamedObject, manager: string | null, differences: readonly Difference[] = []): Failure {
  const owner = differences.find((difference) => difference.manager !== null)?.manager ?? manager;
  return failureAt(place, 'EDITED', { ...named, manager: owner, ...listed(differences) });
}

export const gateOverridden = (place: AtCluster, data: CauseData<'GATE_OVERRIDDEN'>): Failure => failureAt(place, 'GATE_OVERRIDDEN', data);

export const scaledWhileHeld = (place: AtCluster, detail: string): Failure => failureAt(place, 'SCALED_WHILE_HELD', { detail });

export const replicaSetDeleted = (place: AtCluster, name: string, release: number): Failure =>
  failureAt(place, 'REPLICA_SET_DELETED', { name, release });

export const scaledByOthers = (place: AtCluster, live: number, wanted: number): Failure =>
  failureAt(place, 'SCALED_BY_OTHERS', { live, wanted });

export const nothingToScale = (place: AtCluster, name: string): Failure => failureAt(place, 'NOTHING_RUNS', { name });

/** `message` and `advice` as the cluster's client words them. */
export const unreachableFailure = (place: AtCluster, message: string, advice: string): Failure =>
  failureAt(place, 'UNREACHABLE', { message, advice });

export const internalFailure = (place: AtCluster): Failure => failureAt(place, 'INTERNAL_ERROR', {});
