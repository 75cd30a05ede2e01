/** The reasons of targets: code, typed data and sentence. */
import { beforeText } from './before.ts';
import type { Before } from './before.ts';
import { conditionTypes } from './condition-types.ts';
import { describeFailure } from './failure.ts';
import type { FoundCause } from './failure.ts';

/** What a target waits for, as a part of a sentence. */
export type Standing =
  /** `old`: pods of other revisions, which ran before, or (`back`) leave. `editedBy`: as of `Before`. */
  | { is: 'PODS'; ready: number; pods: number; release: number; old: number; back?: true; editedBy?: string }
  | { is: 'READY'; ready: number; pods: number }
  | { is: 'HELD'; ready: number; pods: number }
  | { is: 'NOT_THERE'; release: number }
  | { is: 'NOT_SEEN' }
  | { is: 'BEING_DELETED' }
  | { is: 'NOT_GONE'; workload: string }
  | { is: 'STILL_LEAVING' }
  /** `NOT_RAISED`: in rows of earlier versions. */
  | { is: 'NOT_RAISED' | 'NOT_HELD' }
  | { is: 'NUMBER_STANDS'; replicas: number }
  | { is: 'WRITE_REFUSED' };

/** What of the controllers' work is not visible yet, in the order in which it comes about; `replicaSet` where it is one of those. */
export type Unsettled = {
  missing: 'SEEN' | 'LOWERED' | 'RAISED' | 'COUNTED' | 'REPORTED';
  replicaSet: string | null;
};

export function describeStanding(standing: Standing): string {
  switch (standing.is) {
    case 'PODS': {
      const old = standing.old === 0 ? '' : `, ${podsText(standing.old)} of what ${standing.back ? 'is to leave' : 'ran before'}`;
      return `${standing.ready} of ${standing.pods} pods run ${beforeText(standing)} and are Ready${old}`;
    }
    case 'READY':
      return `${standing.ready} of ${standing.pods} pods are Ready`;
    case 'HELD':
      return `${standing.ready} of the ${podsText(standing.pods)} that are held are Ready`;
    case 'NOT_THERE':
      return `the Deployment of release ${standing.release} is not there yet`;
    case 'NOT_SEEN':
      return "the cluster's Deployment controller has not seen the last write";
    case 'BEING_DELETED':
      return 'the Deployment is being deleted by somebody else';
    case 'NOT_GONE':
      return `${standing.workload} is not gone yet`;
    case 'STILL_LEAVING':
      return 'pods of scaled-down ReplicaSets are not terminating yet';
    case 'NOT_RAISED':
      return 'one pod more is to be held first';
    case 'NOT_HELD':
      return 'the rollout beside is to hold its pods first';
    case 'NUMBER_STANDS':
      return `the number of pods is still ${standing.replicas}`;
    case 'WRITE_REFUSED':
      return 'the cluster refuses the write';
  }
}

function describeUnsettled({ missing, replicaSet }: Unsettled): string {
  const which = replicaSet === null ? '' : ` ${replicaSet}`;
  switch (missing) {
    case 'SEEN':
      return "the cluster's Deployment controller has not seen the last one";
    case 'LOWERED':
      return `the cluster's Deployment controller has not lowered ReplicaSet${which} yet`;
    case 'RAISED':
      return `the cluster's Deployment controller has not raised ReplicaSet${which} yet`;
    case 'COUNTED':
      return `the status of ReplicaSet${which} does not say yet what its pods are`;
    case 'REPORTED':
      return 'the status of the Deployment does not say yet what its pods are';
  }
}

/** The end of the sentence of a write that was made before the controllers' counts were those of the pods. */
export function lateText(unsettled: Unsettled, seconds: number): string {
  return `Written after ${seconds} s although ${describeUnsettled(unsettled)}: for a moment fewer pods may be Ready.`;
}

/** `n` pods in words. */
function podsText(n: number): string {
  return n === 1 ? '1 pod' : `${n} pods`;
}

/** `above`: one pod stands above N, since this autoscaler may lower N to so many; absent where none does. */
export type HeldSplit = { new: number; pods: number; release: number; above?: { autoscaler: string; least: number } };

function heldText({ new: fresh, pods, release, above }: HeldSplit): string {
  const spare = above === undefined ? '' : ` (with 1 pod more, since autoscaler ${above.autoscaler} may go down to ${above.least})`;
  return `Held at ${fresh} of ${pods} pods on release ${release}${spare}`;
}

/** A change of N while pods are held. `new`: those that were; `fewerReady`: than N, for a moment. */
export type HeldScale = { from: number; to: number; manager: string | null; new: number; release: number; fewerReady: boolean };

const FREEZING = {
  PAUSED: 'Paused',
  FAILED: 'Failed',
  TURNING: 'Before the next write',
  SCALING: 'Before the number of pods is lowered',
};

const forward = {
  CHECKING: ({ cluster, release }: { cluster: string; release: number }) =>
    `Checking permissions, quota and fields on ${cluster} before release ${release} is written.`,
  CREATING: ({ release, pods }: { release: number; pods: number }) => `Creating release ${release} with ${podsText(pods)}.`,
  SAME_TEMPLATE: ({ release }: { release: number }) => `The pods of release ${release} run already: applying the rest of it.`,
  NO_PODS_TO_REPLACE: ({ release }: { release: number }) => `Applying release ${release}: there are no pods to replace.`,
  REPLACING: ({ release, pods }: { release: number; pods: number }) => `Replacing ${podsText(pods)} by release ${release}.`,
  OPENING_GATE: ({ release, pods }: { release: number; pods: number }) =>
    pods === 0
      ? `There are no pods to hold: opening the gate of release ${release}.`
      : `All ${podsText(pods)} run release ${release} and are Ready: opening the gate.`,
  GATE_REOPENED: ({ new: fresh, pods, release }: HeldSplit) => `Going on from ${fresh} of ${pods} pods on release ${release}.`,
  OWN_LIMITS: ({ release }: { release: number }) =>
    `Release ${release} stands: restoring the Deployment's own maxSurge and maxUnavailable.`,
  FINISHING: ({ release }: { release: number }) => `Applying the remaining objects of release ${release} and pruning unreferenced ones.`,
  PODS_READY: ({ ready, pods, release, wanted }: { ready: number; pods: number; release: number; wanted: number | null }) => {
    const stays = wanted === null ? '' : `; the number of pods was set by somebody else and stays (${wanted} were asked for)`;
    return `${ready} of ${pods} pods run release ${release} and are Ready${stays}.`;
  },
  NO_PODS: ({ release }: { release: number }) => `Release ${release} is applied; there are no pods to run it.`,
  STARTING: ({ release, reached, pods }: { release: number; reached: number; pods: number }) =>
    `Starting release ${release} with ${reached} of ${pods} pods.`,
  STARTING_BESIDE: ({ release }: { release: number }) => `Starting 1 pod of release ${release} beside the one that runs.`,
  RAISING: ({ standing, pods, release, reached }: { standing: number; pods: number; release: number; reached: number }) =>
    `${standing} of ${pods} pods run release ${release} and are Ready; raising to ${reached}.`,
  /** `left`: of the surge; absent where none is. */
  DROPPING_SURGE: ({ standing, pods, release, left }: { standing: number; pods: number; release: number; left?: number }) =>
    `${standing} of ${pods} pods run release ${release} and are Ready; removing the surge${left === undefined ? '' : ` but ${podsText(left)}`}.`,
  TAKING_UP: ({ new: fresh, pods, release }: HeldSplit) =>
    `Release ${release} is held here already: going on from ${fresh} of ${pods} pods.`,
  STEP_SKIPPED: ({ share, pods }: { share: string; pods: number }) =>
    `${share} is skipped: ${podsText(pods)} cannot be split without a surge.`,
  HELD_FOR: ({ seconds, ...held }: HeldSplit & { seconds: number }) => `${heldText(held)}, for ${seconds} s.`,
  HELD_FOR_PROMOTION: (held: HeldSplit) => `${heldText(held)}, until it is promoted.`,
  HOLD_OVER: (held: HeldSplit) => `${heldText(held)}: the pause is over; it continues when a slot is free.`,
  HELD_UNWELL: ({ pod, cause, message, ...held }: HeldSplit & { pod: string | null; cause: string; message: string }) =>
    `${heldText(held)}, which is not well${pod === null ? '' : ` (pod ${pod})`}: ${cause}: ${message}`,
  HELD_RECOVERING: (held: HeldSplit) => `${heldText(held)}: its pods become Ready again.`,
  HELD_WELL: (held: HeldSplit) => `${heldText(held)}: its pods are Ready again.`,
  PAUSE_OVER: (_data: Record<string, never>) => 'The pause is over.',
  FREEZING: ({ why, new: fresh, old }: { why: keyof typeof FREEZING; new: number; old: number }) =>
    `${FREEZING[why]}: holding ${fresh} new and ${old} old pods where they are.`,
  GATE_AGAIN: ({ manager }: { manager: string | null }) =>
    manager === null
      ? 'Closing the gate, which has not arrived yet.'
      : `${manager} changed minReadySeconds or the strategy, by which pods are held: closing the gate again.`,
  GATE_AMOUNTS_AGAIN: (_data: Record<string, never>) =>
    'The gate is closed again, and no new pod counts as available: writing maxSurge and maxUnavailable of the step.',
  HELD_SCALED: ({ from, to, manager, new: fresh, release, fewerReady }: HeldScale) => {
    const set = `The number of pods was set from ${from} to ${to} by ${manager ?? 'somebody'} while ${fresh} ${fresh === 1 ? 'was' : 'were'} held on release ${release}`;
    return fewerReady ? `${set}: for as long as a pod takes to start, fewer may be Ready.` : `${set}: the split follows.`;
  },
  SURGE_FIRST: ({ from, to, release }: { from: number; to: number; release: number }) =>
    `Before the number of pods is set from ${from} to ${to}: holding 1 pod more of release ${release}, so that none is missing meanwhile.`,
  NUMBER_FIRST: ({ from, to }: { from: number; to: number }) => `Held until the number of pods is set from ${from} to ${to}.`,
  SCALING: ({ from, to }: { from: number; to: number }) => `Scaling from ${from} to ${podsText(to)}.`,
  SCALED: ({ ready, pods }: { ready: number; pods: number }) => `${ready} of ${pods} pods are Ready.`,
  REMOVING: ({ workload }: { workload: string }) => `Removing ${workload}.`,
  BEING_REMOVED: ({ workload }: { workload: string }) => `${workload} is being deleted: waiting until its pods are gone.`,
  REMOVED: ({ workload }: { workload: string }) => `${workload} is removed.`,
};

const backward = {
  BAD_PODS_BEFORE: ({ release }: { release: number }) =>
    `Before release ${release}: the pods that are not Ready go first, the others serve meanwhile.`,
  NOT_STARTED: (_data: Record<string, never>) => 'Not started.',
  GOING_BACK: ({ left, pods, ...before }: Before & { left: number; pods: number }) =>
    `Going back to ${beforeText(before)}: ${left} of ${pods} pods had left it.`,
  /** `serving`: in rows of earlier versions. */
  BAD_PODS_FIRST: ({ release }: { release: number; serving?: number }) =>
    `Going back to release ${release}: the pods that are not Ready go first, the others serve meanwhile.`,
  BAD_PODS_LEAVING: (_data: Record<string, never>) => 'Waiting: the pods that are not Ready are to be gone first.',
  RECREATING: ({ release }: { release: number }) => `The Deployment is gone: recreating release ${release}.`,
  BACK_STUCK: ({ release, missing }: { release: number; missing: string }) =>
    `Going back to release ${release}: no pod can be created above the number asked for, so up to ${missing} may be missing meanwhile.`,
  /** Rows of earlier versions have it. */
  BACK_RESIZED: ({ release, pods, missing }: { release: number; pods: number; missing: string }) =>
    `Going back to release ${release}: the number of pods is ${pods} now, so up to ${missing} may be missing meanwhile.`,
  BACK_ADJUSTED: ({ release, ready, pods, missing }: { release: number; ready: number; pods: number; missing: string }) =>
    `Going back to release ${release}: ${ready} of ${pods} pods are Ready now, so ${missing === '0' ? 'none' : `up to ${missing}`} may be missing meanwhile.`,
  BACK_OWN_LIMITS: (before: Before) =>
    `R${beforeText(before).slice(1)} is back: restoring the Deployment's own maxSurge and maxUnavailable.`,
  BACK_FINISHING: ({ release }: { release: number }) =>
    `Restoring the remaining objects of release ${release} and pruning unreferenced ones.`,
  /** `notReadyBefore`: how many were not Ready when the rollout began, where some are not now. */
  BACK_READY: ({ ready, pods, notReadyBefore, ...before }: Before & { ready: number; pods: number; notReadyBefore?: number }) =>
    `${ready} of ${pods} pods are back on ${beforeText(before)} and Ready${notReadyBefore === undefined ? '' : `; before the rollout ${notReadyBefore} were not Ready either`}.`,
  SCALING_BACK: ({ from, to }: { from: number; to: number }) => `Going back from ${from} to ${podsText(to)}.`,
  NOTHING_LEFT_TO_SCALE: (_data: Record<string, never>) => 'Nothing of ours is left there to scale.',
  CREATION_UNDONE: (_data: Record<string, never>) => 'Nothing ran here before: what this rollout created is removed.',
};

export const targetReasons = {
  ...forward,
  ...backward,
  TARGET_ENDED: (_data: Record<string, never>) => 'The target is at its end.',
  NOT_LISTED: (_data: Record<string, never>) => 'The cluster has not been listed yet.',
  STANDSTILL: ({ rollout }: { rollout: string | null }) =>
    rollout === null ? 'The rollout is about to end: nothing moves forward.' : `The rollout is ${rollout}: nothing moves forward.`,
  SETTLING: (unsettled: Unsettled) => `Waiting before the next write: ${describeUnsettled(unsettled)}.`,
  WAITING: ({ standing }: { standing: Standing }) => `Waiting: ${describeStanding(standing)}.`,
  WAITING_FOR_POD: ({ pod, cause, message }: { pod: string | null; cause: string; message: string }) =>
    `Waiting for ${pod === null ? 'pods to be created' : `pod ${pod}`}: ${cause}: ${message}`,
  LISTING_EDITS: ({ workload }: { workload: string }) =>
    `Comparing the pod template of Deployment ${workload}, which somebody has changed, with ours.`,
  READING_LOG: ({ pod, container, cause }: { pod: string; container: string; cause: string }) =>
    `Reading the last log lines of pod ${pod}, container ${container} (${cause}).`,
  READING_EVENTS: ({ pod }: { pod: string }) => `Reading the events of pod ${pod}, whose status does not say what keeps it.`,
  RETRYING_WRITE: (cause: FoundCause) => `${describeFailure(cause)} Retrying.`,
  TARGET_FAILED: (cause: FoundCause) => describeFailure(cause),
  CLUSTER_UNREACHABLE: ({ cluster, message }: { cluster: string; message: string }) => `Waiting for ${cluster}: ${message}`,
  CLUSTER_ANSWERS: ({ cluster }: { cluster: string }) => `${cluster} is reachable again.`,
  PAUSED_BY_OWNER: ({ manager }: { manager: string }) => conditionTypes.PAUSED_BY_OWNER.sentence({ manager }),
};
