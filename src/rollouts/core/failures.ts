/** The failures that the core itself finds, each with one sentence of advice. */
import type { Failure } from './failure.ts';
import type { Blame } from './target/health.ts';
import type { TargetState } from './observation.ts';

/** Advice by Kubernetes' word; a word that is not here gets `general`. */
const byReason: Readonly<Record<string, string>> = {
  ErrImagePull: 'Check that the image name and tag exist and that the namespace has the pull secret for this registry.',
  ImagePullBackOff: 'Check that the image name and tag exist and that the namespace has the pull secret for this registry.',
  ErrImageNeverPull: 'The image is not on the node and imagePullPolicy is Never: allow pulling or load the image onto the nodes.',
  InvalidImageName: 'Correct the image reference in the template or in the values: Kubernetes cannot parse it.',
  CreateContainerConfigError: 'Create the ConfigMap, Secret or key that the container refers to, or correct the reference.',
  CreateContainerError: 'Read the message: the container runtime refuses to create the container, often for its command or a mount.',
  CrashLoopBackOff: 'Read the log below: the container starts and exits again and again.',
  InitContainerFailed: 'Read the log below: the init container failed, so that the application is never started.',
  OOMKilled: 'Raise the memory limit of the container or make it use less: the kernel killed it because it exceeded the limit.',
  Unschedulable: 'Add nodes, lower the resource requests, or relax node selectors, affinity and taints: no node accepts the pod.',
  NotReady: "Check the container's readiness probe and its log: it runs but never becomes Ready.",
  ContainersNotReady: "Check the container's probes, volumes and image: it was not started or is not Ready.",
  FailedCreate: 'Raise the quota, or correct what the admission policy refuses: the cluster does not create the pods.',
  ReplicaSetCreateError: 'Read the message: the cluster refuses to create the ReplicaSet.',
};

const general = "Check the pod's events (kubectl describe pod) and correct the template or the cluster.";

type Place = Pick<TargetState, 'cluster'>;

/** A pod's (or ReplicaSet's) trouble as the target's failure; `logTail` null where no container ran. */
export function failureOf(place: Place, { pod, trouble }: Blame, logTail: string | null): Failure {
  const killed = trouble.exitCode === 137 && trouble.message.includes('OOMKilled');
  return {
    reason: trouble.reason,
    message: trouble.message,
    cluster: place.cluster,
    pod,
    container: trouble.container,
    exitCode: trouble.exitCode,
    logTail,
    advice: (killed ? byReason['OOMKilled'] : byReason[trouble.reason]) ?? general,
  };
}

function own(reason: string, place: Place, message: string, advice: string): Failure {
  return { reason, message, cluster: place.cluster, pod: null, container: null, exitCode: null, logTail: null, advice };
}

/** The deadline passed; what stood in the way keeps its own word in the message and its advice. */
export function pastDeadline(place: Place, seconds: number, what: string, blame: Blame | null, logTail: string | null): Failure {
  const late = `No progress for ${seconds} s: ${what}.`;
  if (blame === null) {
    return own(
      'PROGRESS_DEADLINE',
      place,
      late,
      'Check the Deployment and its ReplicaSets (kubectl describe): the cluster did not create the requested pods.',
    );
  }
  const failure = failureOf(place, blame, logTail);
  const word = blame.trouble.reason === 'Unschedulable' ? 'Unschedulable' : 'PROGRESS_DEADLINE';
  return { ...failure, reason: word, message: `${late} ${blame.trouble.reason}: ${blame.trouble.message}` };
}

export const notOurs = (place: Place, name: string): Failure =>
  own(
    'NOT_OURS',
    place,
    `The Deployment ${name} exists but does not have this workload's id: someone else created it.`,
    'Adopt it, remove it, or use another name or namespace for the workload: objects of others are not changed.',
  );

export const replaced = (place: Place, name: string): Failure =>
  own(
    'REPLACED',
    place,
    `The Deployment ${name} was deleted and recreated by someone else during the rollout.`,
    'Find out what creates it (GitOps, a script), stop that, and retry: it is not adopted silently.',
  );

export const deleted = (place: Place, name: string): Failure =>
  own(
    'DELETED',
    place,
    `The Deployment ${name} was deleted by someone else during the rollout.`,
    'Find out who deleted it, then retry: the rollout does not recreate it by itself.',
  );

/** The uid of a target's Deployment; null where somebody has taken that away, so that a next try makes it again and does not miss it again. */
export const standingUid = ({ uid, failure }: Pick<TargetState, 'uid' | 'failure'>): string | null =>
  failure?.reason === 'DELETED' || failure?.reason === 'REPLACED' ? null : uid;

export const edited = (place: Place, name: string, manager: string): Failure =>
  own(
    'EDITED',
    place,
    `The pod template of Deployment ${name} was edited by ${manager} since it was applied.`,
    `Make the change in the template instead; a rollback overwrites the edits of ${manager}.`,
  );

export const scaledWhileHeld = (place: Place, detail: string): Failure =>
  own(
    'SCALED_WHILE_HELD',
    place,
    `The number of pods was changed while the canary was held, and the split no longer fits the plan: ${detail}.`,
    'Retry with a plan that has room for it, allow a surge, or keep autoscaling from going that low during a canary.',
  );

export const scaledByOthers = (place: Place, live: number, wanted: number): Failure =>
  own(
    'SCALED_BY_OTHERS',
    place,
    `The number of pods was set to ${live} by somebody else after ${wanted} had been asked for.`,
    'Find out who sets it (a HorizontalPodAutoscaler, a script, a person) and change the number there.',
  );

export const nothingToScale = (place: Place, name: string): Failure =>
  own('NOTHING_RUNS', place, `There is no Deployment ${name} to scale.`, 'Roll out a release there first.');

export const unreachable = (place: Place, message: string, advice: string): Failure => own('UNREACHABLE', place, message, advice);

export const internal = (place: Place): Failure =>
  own(
    'INTERNAL_ERROR',
    place,
    'Slipway failed to decide about this target. What runs in the cluster stands as it is.',
    "This is a fault of Slipway, not of the cluster or the template: report it with the error in the worker's log, then retry or roll back.",
  );
