import { EventEmitter } from 'node:events';
import { BUDGETS } from '../core/budgets.ts';
import type { KubernetesError } from './errors.ts';
import { ByteBudget, ObjectStore } from './store.ts';
import type { ReconnectRequests, KubernetesClient, PlacementSnapshot, PlacementWatch, Selectors, WatchEvent } from './types.ts';

export const workloadIdLabel = 'slipway.dev/workload-id';

/** The state of one list-watch. */
interface Stream {
  store: ObjectStore;
  synced: boolean;
  unreachable: { since: Date; error: KubernetesError } | null;
}

type StreamName = 'deployments' | 'replicaSets' | 'pods';

const kinds: Record<StreamName, string> = { deployments: 'Deployment', replicaSets: 'ReplicaSet', pods: 'Pod' };

export interface WatchedPlacement {
  namespace: string;
  /** Its name is that of the Deployment. */
  workload: string;
  workloadId: string;
}

/** The Deployment has its name also where somebody has removed its labels; what belongs to it has them from its pod template. */
function selectorsOf(name: StreamName, { workload, workloadId }: WatchedPlacement): Selectors {
  if (name === 'deployments') return { fieldSelector: `metadata.name=${workload}` };
  return { labelSelector: `${workloadIdLabel}=${workloadId}` };
}

/** A date from the monotonic clock, which never moves back. */
function monotonicDate(): Date {
  return new Date(performance.timeOrigin + performance.now());
}

/**
 * Caches one placement's Deployment, ReplicaSets and pods by watching them. Calls `onChange` after each change, and when a stream breaks or is restored; never
 * before this function has returned.
 *
 * @param stores the budget that the placement's objects count towards besides its own
 */
export function watchPlacement(
  client: Pick<KubernetesClient, 'listWatch'>,
  placement: WatchedPlacement,
  onChange: () => void,
  stores: ByteBudget | null = null,
): PlacementWatch {
  return new Watch(client, placement, onChange, placementBudget(stores));
}

class Watch implements PlacementWatch {
  readonly synced: Promise<void>;
  private readonly streams: Record<StreamName, Stream>;
  private readonly stopping = new AbortController();
  private readonly reconnects: ReconnectRequests = new EventEmitter();
  private whileAnswering = new AbortController();
  private readonly running: Promise<unknown>;
  private clusterDate: { date: Date; heardAt: number } | null = null;
  private settleSynced: () => void;
  private reportedAt = 0;
  private reporting: NodeJS.Timeout | undefined;

  constructor(
    client: Pick<KubernetesClient, 'listWatch'>,
    placement: WatchedPlacement,
    private readonly onChange: () => void,
    budget: ByteBudget,
  ) {
    this.streams = { deployments: newStream(budget), replicaSets: newStream(budget), pods: newStream(budget) };
    this.synced = new Promise((resolve) => (this.settleSynced = resolve));
    const names: StreamName[] = ['deployments', 'replicaSets', 'pods'];
    this.running = Promise.all(names.map((name) => this.follow(client, placement, name)));
  }

  snapshot(): PlacementSnapshot {
    const { deployments, replicaSets, pods } = this.streams;
    return {
      synced: this.isSynced(),
      unreachable: this.firstError(),
      deployments: deployments.store.objects,
      replicaSets: replicaSets.store.objects,
      pods: pods.store.objects,
      clusterNow: this.clusterDate && new Date(this.clusterDate.date.getTime() + performance.now() - this.clusterDate.heardAt),
    };
  }

  get answering(): AbortSignal {
    return this.whileAnswering.signal;
  }

  reconnect(): void {
    this.reconnects.emit('reconnect');
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.reporting);
    this.settleSynced();
    await this.running;
    for (const stream of Object.values(this.streams)) forget(stream);
  }

  private async follow(client: Pick<KubernetesClient, 'listWatch'>, placement: WatchedPlacement, name: StreamName): Promise<void> {
    const ref = {
      apiVersion: name === 'pods' ? 'v1' : 'apps/v1',
      kind: kinds[name],
      namespace: placement.namespace,
      ...selectorsOf(name, placement),
    };
    const { signal } = this.stopping;
    const { store } = this.streams[name];
    for await (const event of client.listWatch(ref, { signal, reconnects: this.reconnects, store })) {
      if (signal.aborted) return;
      if (!this.take(this.streams[name], event)) continue;
      this.judge();
      if (this.isSynced()) this.settleSynced();
      if ('object' in event) this.reportSoon();
      else this.report();
    }
  }

  /** Immediately for a small placement. Rate-limited by its size, so that constant changes among thousands of objects do not keep the worker busy. */
  private reportSoon(): void {
    const size = Object.values(this.streams).reduce((sum, { store }) => sum + store.size, 0);
    const wait = this.reportedAt + size * BUDGETS.reportMilliseconds - performance.now();
    if (wait <= 0) this.report();
    else this.reporting ??= setTimeout(() => this.report(), wait);
  }

  private report(): void {
    clearTimeout(this.reporting);
    this.reporting = undefined;
    this.reportedAt = performance.now();
    this.onChange();
  }

  /** Whether the event changed what a snapshot shows. */
  private take(stream: Stream, event: WatchEvent): boolean {
    if (event.type === 'UNREACHABLE') {
      if (event.error.overBudget) forget(stream);
      stream.unreachable = { since: stream.unreachable?.since ?? monotonicDate(), error: event.error };
      return true;
    }
    const stoodStill = stream.unreachable !== null;
    stream.unreachable = null;
    if (event.type === 'ALIVE') return stoodStill;
    if (event.type === 'RESYNC') {
      stream.synced = true;
      this.clusterDate = { date: event.date, heardAt: performance.now() };
    }
    return true;
  }

  /** Aborts the requests in flight when the cluster is unreachable. One that refuses a request is not. */
  private judge(): void {
    const isUnreachable = Object.values(this.streams).some(({ unreachable }) => unreachable?.error.kind === 'UNREACHABLE');
    if (isUnreachable) this.whileAnswering.abort();
    else if (this.answering.aborted) this.whileAnswering = new AbortController();
  }

  private isSynced(): boolean {
    return Object.values(this.streams).every((stream) => stream.synced);
  }

  private firstError(): PlacementSnapshot['unreachable'] {
    const errors = Object.values(this.streams).flatMap((stream) => stream.unreachable ?? []);
    return errors.toSorted((a, b) => a.since.getTime() - b.since.getTime())[0] ?? null;
  }
}

function newStream(budget: ByteBudget): Stream {
  return { store: new ObjectStore(budget), synced: false, unreachable: null };
}

/** Frees memory for the other watches of this worker. The stream is unsynced until the next list. */
function forget(stream: Stream): void {
  stream.store.clear();
  stream.synced = false;
}

function placementBudget(within: ByteBudget | null): ByteBudget {
  return new ByteBudget(BUDGETS.placementStoreBytes, 'of this placement', fewerObjects, within);
}

/** The budget of all watches of one cluster, within the worker's. */
export function clusterStores(worker: ByteBudget): ByteBudget {
  return new ByteBudget(BUDGETS.clusterStoreBytes, 'of this cluster', fewerObjects, worker);
}

/** The budget of all watches of one worker. */
export function workerStores(): ByteBudget {
  const advice = "Run more workers in this region, or check what the region's clusters send.";
  return new ByteBudget(BUDGETS.workerStoreBytes, 'on this worker', advice);
}

const fewerObjects =
  "Reduce the number or the size of the pods and ReplicaSets with the workload's label, or check what the API server sends.";
