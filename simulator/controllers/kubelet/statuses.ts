/** Container statuses and pod conditions as a kubelet writes them. */
import { hash } from '../../random.ts';
import type { Condition, Container, ContainerStatus, Fields, Pod, PodStatus } from '../../objects.ts';
import { isSidecar } from './fates.ts';

const idOf = (text: string): string => hash(text).toString(16).padStart(8, '0').repeat(8);

function status(pod: Pod, container: Container, previous: ContainerStatus | undefined, more: Partial<ContainerStatus>): ContainerStatus {
  const image = container.image ?? '';
  const restartCount = more.restartCount ?? previous?.restartCount ?? 0;
  const begun = more.state?.['waiting'] === undefined;
  return {
    name: container.name,
    image,
    imageID: begun ? `docker.io/library/image@sha256:${idOf(image)}` : (previous?.imageID ?? ''),
    ...(begun ? { containerID: `containerd://${idOf(`${pod.metadata.uid}/${container.name}/${restartCount}`)}` } : {}),
    ready: false,
    started: false,
    restartCount,
    state: {},
    lastState: previous?.lastState ?? {},
    ...more,
  };
}

export const waiting = (
  pod: Pod,
  container: Container,
  previous: ContainerStatus | undefined,
  reason: string,
  message?: string,
): ContainerStatus => status(pod, container, previous, { state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } });

export const running = (
  pod: Pod,
  container: Container,
  previous: ContainerStatus | undefined,
  ready: boolean,
  now: string,
): ContainerStatus => {
  const startedAt = (previous?.state['running'] as Fields | undefined)?.['startedAt'] ?? now;
  return status(pod, container, previous, { state: { running: { startedAt } }, ready, started: true });
};

const terminated = (exitCode: number, startedAt: unknown, now: string): Fields => ({
  terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: startedAt ?? now, finishedAt: now },
});

export const completed = (pod: Pod, container: Container, previous: ContainerStatus | undefined, now: string): ContainerStatus =>
  status(pod, container, previous, {
    state: terminated(0, (previous?.state['running'] as Fields | undefined)?.['startedAt'], now),
    ready: true,
  });

/** A container that has just ended with code 1 for the (restartCount + 1)th time. */
export const crashed = (pod: Pod, container: Container, previous: ContainerStatus | undefined, now: string): ContainerStatus =>
  status(pod, container, previous, { state: terminated(1, (previous?.state['running'] as Fields | undefined)?.['startedAt'], now) });

/** A kubelet's delays between restarts of one container. */
const backoffs = ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s'];

/** The same container while the kubelet waits before its restart. */
export function backingOff(pod: Pod, container: Container, previous: ContainerStatus, round: number): ContainerStatus {
  const { name, namespace, uid } = pod.metadata;
  const message = `back-off ${backoffs[round] ?? '5m0s'} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`;
  const lastState = previous.state['terminated'] ? previous.state : (previous.lastState ?? {});
  return { ...status(pod, container, previous, { state: { waiting: { reason: 'CrashLoopBackOff', message } } }), lastState };
}

/** The same container after its restart. */
export function restarted(pod: Pod, container: Container, previous: ContainerStatus, now: string): ContainerStatus {
  const lastState = previous.state['terminated'] ? previous.state : (previous.lastState ?? {});
  const next = status(pod, container, previous, {
    state: { running: { startedAt: now } },
    started: true,
    restartCount: previous.restartCount + 1,
  });
  return { ...next, lastState };
}

export interface Containers {
  init: ContainerStatus[];
  main: ContainerStatus[];
}

function isInitialized(pod: Pod, init: readonly ContainerStatus[]): boolean {
  return (pod.spec.initContainers ?? []).every((container, index) => {
    const state = init[index]?.state ?? {};
    return isSidecar(container) ? state['running'] !== undefined : (state['terminated'] as Fields | undefined)?.['exitCode'] === 0;
  });
}

const names = (list: readonly ContainerStatus[]): string => list.map(({ name }) => name).join(' ');

/** The status of a pod with these containers. Unchanged conditions keep their transition times. */
export function podStatus(pod: Pod, containers: Containers, now: string): PodStatus {
  const { init, main } = containers;
  const set = (conditions: Condition[], type: string, problem: { reason: string; message: string } | undefined): void => {
    const before = pod.status.conditions?.find((one) => one.type === type);
    const state = problem ? 'False' : 'True';
    conditions.push({
      type,
      status: state,
      ...(problem ?? {}),
      lastProbeTime: null,
      lastTransitionTime: before?.status === state ? before.lastTransitionTime : now,
      observedGeneration: pod.metadata.generation,
    });
  };
  const initialized = isInitialized(pod, init);
  const sidecars = init.filter((_, index) => isSidecar(pod.spec.initContainers?.[index] ?? ({} as Container)));
  const unready = [...main, ...sidecars].filter(({ ready }) => !ready);
  const incomplete = init.filter(({ state, ready }) => !ready && (state['terminated'] as Fields | undefined)?.['exitCode'] !== 0);
  const notReady =
    unready.length > 0 ? { reason: 'ContainersNotReady', message: `containers with unready status: [${names(unready)}]` } : undefined;
  const conditions: Condition[] = [];
  set(conditions, 'PodReadyToStartContainers', undefined);
  set(
    conditions,
    'Initialized',
    initialized ? undefined : { reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${names(incomplete)}]` },
  );
  set(conditions, 'Ready', notReady);
  set(conditions, 'ContainersReady', notReady);
  set(conditions, 'PodScheduled', undefined);
  const begun =
    initialized &&
    main.every(
      ({ state, lastState, restartCount }) => state['waiting'] === undefined || restartCount > 0 || lastState?.['terminated'] !== undefined,
    );
  return {
    ...pod.status,
    phase: begun ? 'Running' : 'Pending',
    observedGeneration: pod.metadata.generation,
    conditions,
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
  };
}

/** A pod that its kubelet does not take. */
export const rejected = (pod: Pod, now: string): PodStatus & { reason: string; message: string } => ({
  ...pod.status,
  phase: 'Failed',
  reason: 'UnexpectedAdmissionError',
  message: 'Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices, which is unexpected',
  startTime: now,
});
