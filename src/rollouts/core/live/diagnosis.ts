/**
 * From a pod's raw status to what is wrong with it. Reasons are Kubernetes' own words (kubelet: `pkg/kubelet/images`, `pkg/kubelet/kuberuntime`; scheduler:
 * `Unschedulable`); which of them are FATAL is in the table of causes.
 */
import { severityOfWord } from '../causes.ts';
import type { PodFault } from '../failure.ts';
import { number, part, parts, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';

/** How every container starts: nothing is wrong with that. */
const ordinaryWaits = new Set(['ContainerCreating', 'PodInitializing']);

/** What is wrong, and since when by the cluster's clock; null if unknown. */
type Found = Omit<PodFault, 'ageMilliseconds'> & { at: number | null };

/**
 * The worst that is wrong with a pod that is neither Ready nor terminating; null if nothing is. Init containers come before containers, which wait for them,
 * and FATAL before SLOW. Total for any JSON.
 *
 * @param clusterNow milliseconds since 1970 by the cluster's clock
 */
export function podFaultOf(pod: Raw, clusterNow: number): PodFault | null {
  const found = worstOf(pod);
  if (found === null) return null;
  const { at, ...fault } = found;
  return { ...fault, ageMilliseconds: at === null ? 0 : Math.max(0, clusterNow - at) };
}

function worstOf(pod: Raw): Found | null {
  const status = part(pod, 'status');
  const never = text(part(pod, 'spec'), 'restartPolicy') === 'Never';
  const times = timesOf(pod);
  const found = [
    ...parts(status, 'initContainerStatuses').map((one) => initFault(one, never || neverRestarts(pod, one), times)),
    ...parts(status, 'containerStatuses').map((one) => containerFault(one, times)),
    unschedulable(status),
  ].filter((fault) => fault !== null);
  return found.find((fault) => fault.severity === 'FATAL') ?? found[0] ?? notReadyFault(status);
}

interface PodTimes {
  created: number | null;
  /** When its status last changed. A waiting reason dates from then, since the kubelet rewrites it with every attempt. */
  reported: number | null;
}

function timesOf(pod: Raw): PodTimes {
  const metadata = part(pod, 'metadata');
  const created = time(metadata, 'creationTimestamp');
  const statuses = parts(metadata, 'managedFields').filter((entry) => entry['subresource'] === 'status');
  const reported = statuses.flatMap((entry) => time(entry, 'time') ?? []);
  return { created, reported: reported.length === 0 ? created : Math.max(...reported) };
}

/** A container may have a restart policy of its own (Kubernetes 1.34 and later; native sidecars have `Always`). */
function neverRestarts(pod: Raw, status: Raw): boolean {
  const spec = parts(part(pod, 'spec'), 'initContainers').find((container) => container['name'] === status['name']);
  return text(spec, 'restartPolicy') === 'Never';
}

function initFault(container: Raw, never: boolean, times: PodTimes): Found | null {
  const ended = part(part(container, 'state'), 'terminated');
  const exitCode = number(ended, 'exitCode');
  if (never && exitCode !== null && exitCode !== 0) {
    const reason = 'InitContainerFailed';
    return { ...terminated(container, ended, 'CURRENT'), reason, severity: severityOfWord(reason) };
  }
  return containerFault(container, times);
}

function containerFault(container: Raw, times: PodTimes): Found | null {
  const state = part(container, 'state');
  const ended = part(state, 'terminated');
  if (number(ended, 'exitCode') !== null) return number(ended, 'exitCode') === 0 ? null : terminated(container, ended, 'CURRENT');
  const waiting = part(state, 'waiting');
  const reason = text(waiting, 'reason');
  if (reason === null || ordinaryWaits.has(reason)) return null;
  return waitingFault(container, reason, text(waiting, 'message') ?? '', times);
}

function waitingFault(container: Raw, reason: string, message: string, times: PodTimes): Found {
  const last = part(part(container, 'lastState'), 'terminated');
  const restarts = number(container, 'restartCount') ?? 0;
  const exitCode = number(last, 'exitCode');
  const ended = exitCode === null ? '' : ` Its last run ended with exit code ${exitCode} (${text(last, 'reason') ?? 'Error'}).`;
  return {
    reason,
    message: asSentence(message) + ended,
    container: text(container, 'name'),
    exitCode,
    restarts,
    log: exitCode === null ? null : 'PREVIOUS',
    severity: severityOfWord(reason, restarts),
    at: exitCode === null ? waitingSince(reason, times) : time(last, 'finishedAt'),
  };
}

/** A back-off may concern a pull at any time since the pod was created. */
function waitingSince(reason: string, { created, reported }: PodTimes): number | null {
  return reason === 'ImagePullBackOff' ? created : reported;
}

function terminated(container: Raw, ended: Raw, log: 'CURRENT'): Found {
  return {
    reason: text(ended, 'reason') ?? 'Error',
    message: asSentence(text(ended, 'message') ?? `The container ended with exit code ${number(ended, 'exitCode') ?? 'unknown'}`),
    container: text(container, 'name'),
    exitCode: number(ended, 'exitCode'),
    restarts: number(container, 'restartCount') ?? 0,
    log,
    severity: 'SLOW',
    at: time(ended, 'finishedAt'),
  };
}

function unschedulable(status: Raw): Found | null {
  const scheduled = condition(status, 'PodScheduled');
  if (text(scheduled, 'status') !== 'False') return null;
  const reason = text(scheduled, 'reason') ?? 'Unschedulable';
  return { ...quiet, reason, message: asSentence(text(scheduled, 'message') ?? 'No node takes the pod') };
}

/** Everything runs and yet the pod is not Ready: its probes, or a readiness gate. */
function notReadyFault(status: Raw): Found | null {
  if (text(condition(status, 'Ready'), 'status') === 'True') return null;
  const containers = parts(status, 'containerStatuses');
  const unready = containers.find(
    (container) => container['ready'] !== true && Object.keys(part(part(container, 'state'), 'running')).length > 0,
  );
  const ready = condition(status, 'Ready');
  const message = asSentence(text(ready, 'message') ?? 'The pod has not become Ready');
  const container = text(unready, 'name');
  if (unready === undefined) return { ...quiet, reason: text(ready, 'reason') ?? 'NotReady', message };
  const restarts = number(unready, 'restartCount') ?? 0;
  const exitCode = number(part(part(unready, 'lastState'), 'terminated'), 'exitCode');
  const log = exitCode === null ? 'CURRENT' : 'PREVIOUS';
  return { ...quiet, reason: 'NotReady', message, container, exitCode, restarts, log };
}

const quiet: Found = { reason: '', message: '', container: null, exitCode: null, restarts: 0, log: null, severity: 'SLOW', at: null };

/** The condition of that type, empty where there is none. */
export function condition(status: Raw, type: string): Raw {
  return parts(status, 'conditions').find((one) => one['type'] === type) ?? {};
}

function asSentence(message: string): string {
  const trimmed = message.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
