/** The failures that the core itself finds. */
import { wordOf } from './causes.ts';
import type { CauseData, OurCause, Said } from './causes.ts';
import { failureReason } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Blame } from './targets/health.ts';
import type { TargetState } from './observation.ts';

type Place = Pick<TargetState, 'cluster'>;

/** The failure of a cause without a pod. */
export function failed<C extends OurCause>(place: Place, code: C, data: CauseData<C>): Failure {
  return { code, data: { ...data }, cluster: place.cluster, pod: null, container: null, exitCode: null, logTail: null };
}

/** What is wrong with a pod (or ReplicaSet) as the target's failure; `logTail` null where no container ran. */
export function failureOf(place: Place, { pod, trouble }: Blame, logTail: string | null): Failure {
  const { container, exitCode } = trouble;
  return { code: wordOf(trouble.reason), data: { ...said(trouble) }, cluster: place.cluster, pod, container, exitCode, logTail };
}

function said({ message, exitCode }: Blame['trouble']): Said {
  return exitCode === 137 && message.includes('OOMKilled') ? { message, outOfMemory: true } : { message };
}

/** The deadline passed; what stood in the way keeps its own word in the message and its advice. */
export function pastDeadline(place: Place, seconds: number, what: string, blame: Blame | null, logTail: string | null): Failure {
  if (blame === null) return failed(place, 'PROGRESS_DEADLINE', { seconds, what, cause: null });
  const failure = failureOf(place, blame, logTail);
  if (failure.code === 'Unschedulable') return { ...failure, data: { ...failure.data, deadline: { seconds, what } } };
  const late = failed(place, 'PROGRESS_DEADLINE', { seconds, what, cause: { code: failure.code, data: said(blame.trouble) } });
  return { ...failure, code: late.code, data: late.data };
}

export const notOurs = (place: Place, name: string): Failure => failed(place, 'NOT_OURS', { name });

export const replaced = (place: Place, name: string): Failure => failed(place, 'REPLACED', { name });

export const deleted = (place: Place, name: string): Failure => failed(place, 'DELETED', { name });

/** The uid of a target's Deployment; null where somebody has taken that away, so that a next try makes it again and does not miss it again. */
export function standingUid({ uid, failure }: Pick<TargetState, 'uid' | 'failure'>): string | null {
  const reason = failure && failureReason(failure);
  return reason === 'DELETED' || reason === 'REPLACED' ? null : uid;
}

export const edited = (place: Place, name: string, manager: string): Failure => failed(place, 'EDITED', { name, manager });

export const scaledWhileHeld = (place: Place, detail: string): Failure => failed(place, 'SCALED_WHILE_HELD', { detail });

export const scaledByOthers = (place: Place, live: number, wanted: number): Failure => failed(place, 'SCALED_BY_OTHERS', { live, wanted });

export const nothingToScale = (place: Place, name: string): Failure => failed(place, 'NOTHING_RUNS', { name });

/** `message` and `advice` as the cluster's client words them. */
export const unreachable = (place: Place, message: string, advice: string): Failure => failed(place, 'UNREACHABLE', { message, advice });

export const internal = (place: Place): Failure => failed(place, 'INTERNAL_ERROR', {});
