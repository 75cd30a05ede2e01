/** Pods of a ReplicaSet that have ended (phase Failed). The ReplicaSet makes others in their place, so that one alone says nothing; what remains of them does not go away. */
import { causes } from '../causes.ts';
import type { Blame } from '../failure.ts';
import { part, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';
import { asSentence, faultOf } from './diagnosis.ts';

/** So many pods, and the next one is likely to be refused too. */
const MANY_REJECTIONS = 3;
/** The kubelet's words for a pod that it does not take, before it says so in the message (`pkg/kubelet/lifecycle`). */
const rejections = /^(?:OutOf.+|UnexpectedAdmissionError|Node(?:Affinity|Name|Ports)|TopologyAffinityError|SysctlForbidden|PodOS\w+)$/;

interface Ended {
  pod: string;
  node: string | null;
  /** Milliseconds since 1970. */
  created: number;
  reason: string;
  message: string;
  isRejected: boolean;
}

/**
 * Why pods of a ReplicaSet end, if that goes on: those count that were created after the last one that a kubelet took.
 *
 * @param taken when the newest pod was created that runs or has run, in milliseconds since 1970; null = none
 * @param clusterNow milliseconds since 1970 by the cluster's clock
 */
export function endedPods(failed: readonly Raw[], taken: number | null, clusterNow: number): Blame | null {
  const since = failed.map(endedOf).filter((one) => taken === null || one.created > taken);
  const rejected = since.filter((one) => one.isRejected);
  if (rejected.length >= MANY_REJECTIONS) return blameOf(rejected, clusterNow);
  const others = since.filter((one) => !one.isRejected);
  return others.length === 0 ? null : blameOf(others, clusterNow);
}

function endedOf(pod: Raw): Ended {
  const status = part(pod, 'status');
  const reason = text(status, 'reason') ?? '';
  const message = asSentence(text(status, 'message') ?? 'The pod has failed');
  const isRejected = rejections.test(reason) || message.startsWith('Pod was rejected');
  return {
    pod: text(part(pod, 'metadata'), 'name') ?? '',
    node: text(part(pod, 'spec'), 'nodeName'),
    created: time(part(pod, 'metadata'), 'creationTimestamp') ?? 0,
    ...worded(reason, message, isRejected),
    isRejected,
  };
}

/** A word that the table does not have is part of the message. */
function worded(reason: string, message: string, isRejected: boolean): Pick<Ended, 'reason' | 'message'> {
  if (Object.hasOwn(causes, reason) || /^OutOf./.test(reason)) return { reason, message };
  return { reason: isRejected ? 'PodRejected' : 'PodEnded', message: reason === '' ? message : `${reason}: ${message}` };
}

function blameOf(ended: readonly Ended[], clusterNow: number): Blame {
  const newest = ended.reduce((last, one) => (one.created > last.created ? one : last));
  const { reason, message, node, pod, created } = newest;
  const details = { count: ended.length, ...(node === null ? {} : { node }) };
  const found = { reason, message, container: null, exitCode: null, restarts: 0, log: null, details, at: created };
  return { pod, fault: faultOf(found, clusterNow) };
}
