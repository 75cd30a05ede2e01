/** Scheduler and kubelets of a cluster: schedules pods, starts their containers, fails those that should fail, and removes deleted pods. */
import type { Cluster } from '../../cluster.ts';
import { timestamp } from '../../clock.ts';
import type { Container, ContainerStatus, Pod } from '../../objects.ts';
import { resources } from '../../resources.ts';
import type { Change } from '../../store/store.ts';
import { recordEvent } from '../events.ts';
import { isTerminating } from '../pod-state.ts';
import { writePodStatus } from '../writes.ts';
import { behaviourAnnotation, fateOf, isRejected, isSidecar, obstacleOf } from './fates.ts';
import type { Fate } from './fates.ts';
import { Scheduler } from './scheduler.ts';
import { Settled } from './settled.ts';
import { backingOff, completed, crashed, podStatus, rejected, restarted, running, waiting } from './statuses.ts';
import type { Containers } from './statuses.ts';

/** The state of one pod: exactly one next step. */
interface Run {
  namespace: string;
  name: string;
  /** Milliseconds from creation to Ready. */
  takes: number;
  begun: number;
  cancel: () => void;
}

const component = 'kubelet';
const none = (): void => undefined;

export class Kubelet {
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #runs = new Map<string, Run>();
  readonly #settled: Settled;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#scheduler = new Scheduler(cluster);
    this.#settled = new Settled(cluster);
  }

  stop(): void {
    for (const run of this.#runs.values()) run.cancel();
    this.#runs.clear();
  }

  onPod({ type, current, previous }: Change): void {
    const pod = current.object as Pod;
    const { uid } = pod.metadata;
    if (type === 'DELETED') {
      this.#runs.get(uid)?.cancel();
      this.#runs.delete(uid);
      this.#settled.delete(uid);
      this.#scheduler.forget(pod);
    } else if (type === 'ADDED') this.#begin(pod);
    else if (isTerminating(pod) && !previous?.object.metadata.deletionTimestamp) this.#terminate(pod);
    else if (
      !isTerminating(pod) &&
      previous?.object.metadata.annotations?.[behaviourAnnotation] !== pod.metadata.annotations?.[behaviourAnnotation]
    )
      this.#again(pod);
  }

  /** Retries waiting pods after a change of something for which they may wait. */
  reconsider(): void {
    for (const { namespace, name } of [...this.#runs.values()]) {
      const pod = this.#cluster.store.get(resources.pods, namespace, name)?.object as Pod | undefined;
      if (pod?.spec.nodeName && pod.status.containerStatuses && !isTerminating(pod)) this.#again(pod);
    }
    for (const pod of this.#settled.changed()) this.#again(pod);
  }

  #begin(pod: Pod): void {
    const { clock, random, options } = this.#cluster;
    const [least, most] = options.podStartMilliseconds;
    const run = {
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      takes: random.between(least, most),
      begun: clock.now(),
      cancel: none,
    };
    this.#runs.set(pod.metadata.uid, run);
    this.#next(run, random.between(5, 30), () => this.#place(run));
  }

  /** Changes the behaviour of a running or waiting pod. */
  #again(pod: Pod): void {
    this.#runs.get(pod.metadata.uid)?.cancel();
    this.#settled.delete(pod.metadata.uid);
    if (!pod.spec.nodeName) return this.#begin(pod);
    const { clock, random } = this.#cluster;
    const run = {
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      takes: random.between(100, 400),
      begun: clock.now(),
      cancel: none,
    };
    this.#runs.set(pod.metadata.uid, run);
    this.#next(run, random.between(50, 200), () => this.#startInit(run, 0));
  }

  #next(run: Run, milliseconds: number, work: () => void): void {
    run.cancel = this.#cluster.clock.after(milliseconds, work);
  }

  #pod(run: Run): Pod | undefined {
    const pod = this.#cluster.store.get(resources.pods, run.namespace, run.name)?.object as Pod | undefined;
    return pod && !isTerminating(pod) ? pod : undefined;
  }

  #now(): string {
    return timestamp(this.#cluster.clock.now());
  }

  /** Milliseconds until this share (0..1) of the pod's start has passed. */
  #until(run: Run, part: number): number {
    return Math.max(0, run.begun + run.takes * part - this.#cluster.clock.now());
  }

  #place(run: Run): void {
    const pod = this.#pod(run);
    if (!pod) return;
    if (!this.#scheduler.place(pod)) return this.#next(run, 5000, () => this.#place(run));
    this.#next(run, this.#cluster.random.between(10, 40), () => this.#create(run));
  }

  #create(run: Run): void {
    const pod = this.#pod(run);
    if (!pod) return;
    if (isRejected(this.#cluster, pod)) return this.#next(run, this.#cluster.random.between(150, 300), () => this.#reject(run));
    const obstacle = obstacleOf(this.#cluster, pod);
    if (obstacle) recordEvent(this.#cluster, pod, 'Warning', obstacle.reason, obstacle.message, component);
    const first = pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
    if (!pod.status.containerStatuses) {
      const waits = (list: readonly Container[] | undefined): ContainerStatus[] =>
        (list ?? []).map((one) => waiting(pod, one, undefined, first));
      this.#write(
        { ...pod, status: this.#cluster.addressed(pod, this.#now()) },
        { init: waits(pod.spec.initContainers), main: waits(pod.spec.containers) },
      );
    }
    if (obstacle) this.#next(run, 2000, () => this.#create(run));
    else if (pod.spec.initContainers?.length) this.#next(run, this.#until(run, 0.2), () => this.#startInit(run, 0));
    else this.#next(run, this.#until(run, hasReadinessProbe(pod) ? 0.6 : 1), () => this.#startMain(run));
  }

  /** The pod ends before it has begun; its ReplicaSet makes another one. */
  #reject(run: Run): void {
    const pod = this.#pod(run);
    if (!pod) return;
    const status = rejected(pod, this.#now());
    recordEvent(this.#cluster, pod, 'Warning', status.reason, status.message, component);
    writePodStatus(this.#cluster, pod, status);
    this.#runs.delete(pod.metadata.uid);
  }

  #startInit(run: Run, index: number): void {
    const pod = this.#pod(run);
    if (!pod) return;
    const list = pod.spec.initContainers ?? [];
    const container = list[index];
    if (!container) return this.#next(run, this.#until(run, hasReadinessProbe(pod) ? 0.75 : 1), () => this.#startMain(run));
    const first = list.findIndex((one) => !isSidecar(one)) === index;
    const fate = fateOf(this.#cluster, pod, container, { init: true, first });
    if (fate.kind === 'hangs') return this.#hang(run, container);
    if (fate.kind !== 'runs') return this.#fail(run, [{ container, fate, init: true }]);
    this.#change(pod, container.name, (status) => running(pod, container, status, isSidecar(container), this.#now()));
    if (isSidecar(container)) return this.#next(run, this.#cluster.random.between(5, 20), () => this.#startInit(run, index + 1));
    this.#next(run, this.#until(run, 0.2 + (0.4 * (index + 1)) / list.length), () => {
      const then = this.#pod(run);
      if (!then) return;
      this.#change(then, container.name, (status) => completed(then, container, status, this.#now()));
      this.#startInit(run, index + 1);
    });
  }

  /** Looked at again when what a pod waits for may have changed. */
  #hang(run: Run, container: Container): void {
    const pod = this.#pod(run);
    if (!pod) return;
    this.#change(pod, container.name, (status) => ({
      ...running(pod, container, status, false, this.#now()),
      started: !isSidecar(container),
    }));
    run.cancel = none;
  }

  #startMain(run: Run): void {
    const pod = this.#pod(run);
    if (!pod) return;
    const fates = pod.spec.containers.map((container, index) => ({
      container,
      fate: fateOf(this.#cluster, pod, container, { init: false, first: index === 0 }),
      init: false,
    }));
    const probed = hasReadinessProbe(pod);
    const main = fates.map(({ container, fate }) => {
      const previous = pod.status.containerStatuses?.find(({ name }) => name === container.name);
      if (fate.kind === 'not-pulled' || fate.kind === 'not-created')
        return previous ?? waiting(pod, container, undefined, 'ContainerCreating');
      return running(pod, container, previous, fate.kind === 'runs' && !(probed && container['readinessProbe']), this.#now());
    });
    const began = this.#write(pod, { init: pod.status.initContainerStatuses ?? [], main });
    const failing = fates.filter(({ fate }) => fate.kind !== 'runs' && fate.kind !== 'never-ready');
    if (failing.length > 0) return this.#fail(run, failing);
    if (probed) return this.#next(run, this.#until(run, 1), () => this.#becomeReady(run));
    recordEvent(this.#cluster, began, 'Normal', 'Started', 'Container started', component);
    this.#settle(began);
  }

  #becomeReady(run: Run): void {
    const pod = this.#pod(run);
    if (!pod) return;
    const main = pod.spec.containers.map((container, index) => {
      const status = pod.status.containerStatuses?.find(({ name }) => name === container.name);
      return running(
        pod,
        container,
        status,
        fateOf(this.#cluster, pod, container, { init: false, first: index === 0 }).kind === 'runs',
        this.#now(),
      );
    });
    this.#settle(this.#write(pod, { init: pod.status.initContainerStatuses ?? [], main }));
  }

  #settle(pod: Pod): void {
    const unready = pod.status.containerStatuses?.find(({ ready }) => !ready);
    if (unready)
      recordEvent(
        this.#cluster,
        pod,
        'Warning',
        'Unhealthy',
        'Readiness probe failed: HTTP probe failed with statuscode: 503',
        component,
        `spec.containers{${unready.name}}`,
      );
    this.#runs.delete(pod.metadata.uid);
    this.#settled.add(pod);
  }

  #fail(run: Run, failing: readonly { container: Container; fate: Fate; init: boolean }[], round = 0): void {
    const pod = this.#pod(run);
    if (!pod) return;
    let at = pod;
    for (const { container, fate, init } of failing) {
      const path = `spec.${init ? 'initContainers' : 'containers'}{${container.name}}`;
      if (fate.kind === 'not-pulled') {
        recordEvent(this.#cluster, at, 'Normal', 'Pulling', `Pulling image "${container.image}"`, component, path);
        recordEvent(this.#cluster, at, 'Warning', 'Failed', `Failed to pull image "${container.image}": ${fate.message}`, component, path);
        at = this.#change(at, container.name, (status) => waiting(at, container, status, 'ErrImagePull', fate.message));
      } else if (fate.kind === 'not-created') {
        recordEvent(this.#cluster, at, 'Warning', 'Failed', `Error: ${fate.message}`, component, path);
        at = this.#change(at, container.name, (status) => waiting(at, container, status, fate.reason, fate.message));
      } else if (fate.kind === 'crashes') at = this.#change(at, container.name, (status) => crashed(at, container, status, this.#now()));
    }
    this.#next(run, this.#cluster.random.between(300, 700), () => this.#backOff(run, failing, round));
  }

  /** Failed pulls and crashed containers wait and are then retried. */
  #backOff(run: Run, failing: readonly { container: Container; fate: Fate; init: boolean }[], round: number): void {
    const pod = this.#pod(run);
    if (!pod) return;
    let at = pod;
    for (const { container, fate, init } of failing) {
      const path = `spec.${init ? 'initContainers' : 'containers'}{${container.name}}`;
      if (fate.kind === 'not-pulled') {
        recordEvent(this.#cluster, at, 'Normal', 'BackOff', `Back-off pulling image "${container.image}"`, component, path);
        at = this.#change(at, container.name, (status) =>
          waiting(at, container, status, 'ImagePullBackOff', `Back-off pulling image "${container.image}": ErrImagePull: ${fate.message}`),
        );
      } else if (fate.kind === 'crashes') {
        recordEvent(
          this.#cluster,
          at,
          'Warning',
          'BackOff',
          `Back-off restarting failed container ${container.name} in pod ${at.metadata.name}`,
          component,
          path,
        );
        at = this.#change(at, container.name, (status) => backingOff(at, container, status, round));
      }
    }
    const wait = Math.min(this.#cluster.options.backoffMilliseconds * 2 ** round, 30_000);
    this.#next(run, wait, () => this.#retry(run, failing, round));
  }

  #retry(run: Run, failing: readonly { container: Container; fate: Fate; init: boolean }[], round: number): void {
    const pod = this.#pod(run);
    if (!pod) return;
    const list = pod.spec.initContainers ?? [];
    const still = failing.filter(({ container, init }) => {
      const first = init
        ? list.findIndex((one) => !isSidecar(one)) === list.indexOf(container)
        : pod.spec.containers[0]?.name === container.name;
      return !['runs', 'never-ready'].includes(fateOf(this.#cluster, pod, container, { init, first }).kind);
    });
    if (still.length < failing.length) return this.#again(pod);
    let at = pod;
    for (const { container, fate } of still)
      if (fate.kind === 'crashes') at = this.#change(at, container.name, (status) => restarted(at, container, status, this.#now()));
    this.#next(run, 150, () => this.#fail(run, still, round + 1));
  }

  #change(pod: Pod, name: string, change: (status: ContainerStatus) => ContainerStatus): Pod {
    const replace = (list: readonly ContainerStatus[] | undefined): ContainerStatus[] =>
      (list ?? []).map((status) => (status.name === name ? change(status) : status));
    return this.#write(pod, { init: replace(pod.status.initContainerStatuses), main: replace(pod.status.containerStatuses) });
  }

  #write(pod: Pod, containers: Containers): Pod {
    return writePodStatus(this.#cluster, pod, podStatus(pod, containers, this.#now())) as Pod;
  }

  /** A terminating pod stays for a moment, at most its grace period, and is then removed. */
  #terminate(pod: Pod): void {
    const { random, store, clock } = this.#cluster;
    const { uid, namespace = '', name, deletionGracePeriodSeconds = 30 } = pod.metadata;
    this.#runs.get(uid)?.cancel();
    const [least, most] = this.#cluster.options.podStopMilliseconds;
    const stays = Math.min(random.between(least, most), deletionGracePeriodSeconds * 1000);
    const remove = (): void => {
      const live = store.get(resources.pods, namespace, name)?.object;
      if (live?.metadata.uid !== uid || live.metadata.finalizers?.length) return;
      store.remove(resources.pods, namespace, name);
    };
    this.#runs.set(uid, { namespace, name, takes: stays, begun: clock.now(), cancel: clock.after(stays, remove) });
  }
}

const hasReadinessProbe = ({ spec }: Pod): boolean => spec.containers.some((container) => container['readinessProbe'] !== undefined);
