/**
 * From a pod's raw status to what is wrong with it. Reasons are Kubernetes' own words (kubelet: `pkg/kubelet/images`, `pkg/kubelet/kuberuntime`; scheduler:
 * `Unschedulable`), and where it has none ours; what follows from each is in the table of causes.
 */
import { judgementOf, wordOf } from '../causes.ts';
import { shownSeverity } from '../failure.ts';
import type { PodFault } from '../failure.ts';
import { number, part, parts, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';
import { pullKind } from './words.ts';

/** How every container starts: nothing is wrong with that. */
const ordinaryWaits = new Set(['ContainerCreating', 'PodInitializing']);

/** Words about a pull: their message says what kind of failure it is. */
export const pullReasons: ReadonlySet<string> = new Set(['ErrImagePull', 'ImagePullBackOff']);

/** With fewer, a container that ends may still wait for something. */
const MANY_RESTARTS = 3;

/** What is wrong, and since when by the cluster's clock; null if unknown. */
type Found = Omit<PodFault, 'ageMilliseconds' | 'severity'> & { at: number | null };

const ranks: Record<PodFault['severity'], number> = { FATAL: 0, TRANSIENT: 1, SLOW: 2 };

/**
 * The worst that is wrong with a pod that is neither Ready nor terminating; null if nothing is. Init containers come before containers, which wait for them,
 * FATAL before TRANSIENT before SLOW, and what is named by Kubernetes before what is only not Ready. Total for any JSON.
 *
 * @param clusterNow milliseconds since 1970 by the cluster's clock
 */
export function podFaultOf(pod: Raw, clusterNow: number): PodFault | null {
  const [first, ...rest] = foundIn(pod).map((found) => faultOf(found, clusterNow));
  if (first === undefined) return null;
  return rest.reduce((worst, other) => (ranks[other.severity] < ranks[worst.severity] ? other : worst), first);
}

/** With its severity by the table, and its age. */
export function faultOf({ at, ...found }: Found, clusterNow: number): PodFault {
  const { severity } = judgementOf({ code: wordOf(found.reason), data: { ...found.details } });
  return { ...found, severity: shownSeverity(severity), ageMilliseconds: at === null ? 0 : Math.max(0, clusterNow - at) };
}

function foundIn(pod: Raw): Found[] {
  const status = part(pod, 'status');
  const never = text(part(pod, 'spec'), 'restartPolicy') === 'Never';
  const times = timesOf(pod);
  const inits = parts(status, 'initContainerStatuses');
  const named = [
    ...inits.map((one) => initFault(one, never || restartPolicy(pod, one) === 'Never', times)),
    ...parts(status, 'containerStatuses').map((one) => containerFault(one, times)),
    unscheduled(status),
  ].filter((found) => found !== null);
  if (named.length > 0) return named;
  const quiet = inits.map((one) => unfinishedInit(one, restartPolicy(pod, one) === 'Always')).find((found) => found !== null);
  return [quiet ?? notReadyFault(pod, times)].filter((found) => found !== null);
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

/** An init container may have a restart policy of its own (Kubernetes 1.34 and later; native sidecars have `Always`). */
function restartPolicy(pod: Raw, status: Raw): string | null {
  const spec = parts(part(pod, 'spec'), 'initContainers').find((container) => container['name'] === status['name']);
  return text(spec, 'restartPolicy');
}

function initFault(container: Raw, never: boolean, times: PodTimes): Found | null {
  const ended = part(part(container, 'state'), 'terminated');
  const exitCode = number(ended, 'exitCode');
  if (never && exitCode !== null && exitCode !== 0) return { ...terminated(container, ended), reason: 'InitContainerFailed' };
  return containerFault(container, times);
}

function containerFault(container: Raw, times: PodTimes): Found | null {
  const state = part(container, 'state');
  const ended = part(state, 'terminated');
  if (number(ended, 'exitCode') !== null) return number(ended, 'exitCode') === 0 ? null : terminated(container, ended);
  const waiting = part(state, 'waiting');
  const reason = text(waiting, 'reason');
  if (reason === null || ordinaryWaits.has(reason)) return null;
  return waitingFault(container, reason, text(waiting, 'message') ?? '', times);
}

function waitingFault(container: Raw, reason: string, message: string, times: PodTimes): Found {
  const last = part(part(container, 'lastState'), 'terminated');
  const { restarts, exitCode } = runsOf(container);
  const ended = exitCode === null ? '' : ` Its last run ended with exit code ${exitCode} (${text(last, 'reason') ?? 'Error'}).`;
  const kind = waitingKind(reason, message, restarts);
  return {
    reason,
    message: asSentence(message) + ended,
    container: text(container, 'name'),
    exitCode,
    restarts,
    log: exitCode === null ? null : 'PREVIOUS',
    ...(kind === undefined ? {} : { details: { kind } }),
    at: exitCode === null ? waitingSince(reason, times) : time(last, 'finishedAt'),
  };
}

function waitingKind(reason: string, message: string, restarts: number): string | undefined {
  if (pullReasons.has(reason)) return pullKind(message);
  return reason === 'CrashLoopBackOff' && restarts < MANY_RESTARTS ? 'FEW_RESTARTS' : undefined;
}

/** A back-off may concern a pull at any time since the pod was created. */
function waitingSince(reason: string, { created, reported }: PodTimes): number | null {
  return reason === 'ImagePullBackOff' ? created : reported;
}

function terminated(container: Raw, ended: Raw): Found {
  return {
    reason: text(ended, 'reason') ?? 'Error',
    message: asSentence(text(ended, 'message') ?? `The container ended with exit code ${number(ended, 'exitCode') ?? 'unknown'}`),
    container: text(container, 'name'),
    exitCode: number(ended, 'exitCode'),
    restarts: number(container, 'restartCount') ?? 0,
    log: 'CURRENT',
    at: time(ended, 'finishedAt'),
  };
}

function unscheduled(status: Raw): Found | null {
  const scheduled = condition(status, 'PodScheduled');
  if (text(scheduled, 'status') !== 'False') return null;
  const reason = text(scheduled, 'reason') ?? 'Unschedulable';
  return { ...nowhere, reason, message: asSentence(text(scheduled, 'message') ?? 'No node takes the pod') };
}

/** An init container that runs, and for which the others wait: it has not ended, or as a sidecar not started. */
function unfinishedInit(container: Raw, isSidecar: boolean): Found | null {
  if (!isRunning(container) || (isSidecar && (container['started'] === true || container['ready'] === true))) return null;
  const name = text(container, 'name') ?? '';
  const message = isSidecar
    ? `The sidecar ${name} runs and has not started: its startup probe has not succeeded.`
    : `The init container ${name} runs and has not ended.`;
  return { ...runningFault(container), reason: isSidecar ? 'SidecarNotStarted' : 'InitContainerRunning', message };
}

/** Everything runs and yet the pod is not Ready: its probes, or a readiness gate. Or nothing runs, and the kubelet does not say why. */
function notReadyFault(pod: Raw, { created }: PodTimes): Found | null {
  const status = part(pod, 'status');
  const ready = condition(status, 'Ready');
  if (text(ready, 'status') === 'True') return null;
  const sidecars = parts(status, 'initContainerStatuses').filter((one) => restartPolicy(pod, one) === 'Always');
  const unready = [...parts(status, 'containerStatuses'), ...sidecars].find((one) => one['ready'] !== true && isRunning(one));
  const message = asSentence(text(ready, 'message') ?? 'The pod has not become Ready');
  const at = time(ready, 'lastTransitionTime') ?? created;
  if (unready === undefined) return { ...nowhere, reason: text(ready, 'reason') ?? 'NotReady', message, at };
  return { ...runningFault(unready), reason: 'NotReady', message, at };
}

/** Of a container that runs: the run before has the more useful log, if there was one. */
function runningFault(container: Raw): Found {
  const runs = runsOf(container);
  const at = time(part(part(container, 'state'), 'running'), 'startedAt');
  return { ...nowhere, container: text(container, 'name'), ...runs, log: runs.exitCode === null ? 'CURRENT' : 'PREVIOUS', at };
}

function runsOf(container: Raw): Pick<PodFault, 'restarts' | 'exitCode'> {
  const last = part(part(container, 'lastState'), 'terminated');
  return { restarts: number(container, 'restartCount') ?? 0, exitCode: number(last, 'exitCode') };
}

const isRunning = (container: Raw): boolean => Object.keys(part(part(container, 'state'), 'running')).length > 0;

export const nowhere: Found = { reason: '', message: '', container: null, exitCode: null, restarts: 0, log: null, at: null };

/** The names of a pod's containers whose image is on its node: they run, or have run. */
export function pulledContainers(pod: Raw): string[] {
  const status = part(pod, 'status');
  const all = [...parts(status, 'initContainerStatuses'), ...parts(status, 'containerStatuses')];
  const hasRun = (one: Raw): boolean => 'terminated' in part(one, 'state') || 'terminated' in part(one, 'lastState');
  return all.filter((one) => isRunning(one) || hasRun(one)).flatMap((one) => text(one, 'name') ?? []);
}

/** The condition of that type, empty where there is none. */
export function condition(status: Raw, type: string): Raw {
  return parts(status, 'conditions').find((one) => one['type'] === type) ?? {};
}

export function asSentence(message: string): string {
  const trimmed = message.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
