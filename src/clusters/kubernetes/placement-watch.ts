import { EventEmitter } from 'node:events';
import type { KubernetesError } from './errors.ts';
import type { Doubts, KubernetesClient, KubernetesObject, ManagedFields, PlacementSnapshot, PlacementWatch, WatchEvent } from './types.ts';

export const workloadIdLabel = 'slipway.dev/workload-id';

/** What one list-watch has told so far. */
interface Stream {
  objects: Map<string, KubernetesObject>;
  synced: boolean;
  unreachable: { since: Date; error: KubernetesError } | null;
}

type StreamName = 'deployments' | 'replicaSets' | 'pods';

const kinds: Record<StreamName, string> = { deployments: 'Deployment', replicaSets: 'ReplicaSet', pods: 'Pod' };

/** Our own clock as a date that no adjustment of the machine's time moves back. */
function monotonicDate(): Date {
  return new Date(performance.timeOrigin + performance.now());
}

/**
 * Keeps one placement's Deployment, ReplicaSets and pods at hand by watching them. `onChange` is called after each change, and when a stream breaks or stands
 * again; never before this function has returned.
 */
export function watchPlacement(
  client: Pick<KubernetesClient, 'listWatch'>,
  placement: { namespace: string; workloadId: string },
  onChange: () => void,
): PlacementWatch {
  return new Watch(client, placement, onChange);
}

class Watch implements PlacementWatch {
  readonly synced: Promise<void>;
  private readonly streams: Record<StreamName, Stream> = { deployments: newStream(), replicaSets: newStream(), pods: newStream() };
  private readonly stopping = new AbortController();
  private readonly doubts: Doubts = new EventEmitter();
  private whileAnswering = new AbortController();
  private readonly running: Promise<unknown>;
  private clusterDate: { date: Date; heardAt: number } | null = null;
  private settleSynced: () => void;

  constructor(
    client: Pick<KubernetesClient, 'listWatch'>,
    placement: { namespace: string; workloadId: string },
    private readonly onChange: () => void,
  ) {
    this.synced = new Promise((resolve) => (this.settleSynced = resolve));
    const names: StreamName[] = ['deployments', 'replicaSets', 'pods'];
    this.running = Promise.all(names.map((name) => this.follow(client, placement, name)));
  }

  snapshot(): PlacementSnapshot {
    const { deployments, replicaSets, pods } = this.streams;
    return {
      synced: this.isSynced(),
      unreachable: this.firstTrouble(),
      deployments: [...deployments.objects.values()],
      replicaSets: [...replicaSets.objects.values()],
      pods: [...pods.objects.values()],
      clusterNow: this.clusterDate && new Date(this.clusterDate.date.getTime() + performance.now() - this.clusterDate.heardAt),
    };
  }

  get answering(): AbortSignal {
    return this.whileAnswering.signal;
  }

  doubt(): void {
    this.doubts.emit('doubt');
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.settleSynced();
    await this.running;
  }

  private async follow(
    client: Pick<KubernetesClient, 'listWatch'>,
    placement: { namespace: string; workloadId: string },
    name: StreamName,
  ): Promise<void> {
    const ref = {
      apiVersion: name === 'pods' ? 'v1' : 'apps/v1',
      kind: kinds[name],
      namespace: placement.namespace,
      labelSelector: `${workloadIdLabel}=${placement.workloadId}`,
    };
    const { signal } = this.stopping;
    for await (const event of client.listWatch(ref, { signal, doubts: this.doubts })) {
      if (signal.aborted) return;
      if (!this.take(this.streams[name], event, name !== 'deployments')) continue;
      this.judge();
      if (this.isSynced()) this.settleSynced();
      this.onChange();
    }
  }

  /** Whether the event changed what a snapshot shows. */
  private take(stream: Stream, event: WatchEvent, trim: boolean): boolean {
    if (event.type === 'UNREACHABLE') {
      stream.unreachable = { since: stream.unreachable?.since ?? monotonicDate(), error: event.error };
      return true;
    }
    const stoodStill = stream.unreachable !== null;
    stream.unreachable = null;
    if (event.type === 'ALIVE') return stoodStill;
    if (event.type === 'RESYNC') {
      stream.objects = new Map(event.objects.map((object) => [keyOf(object), trim ? trimmed(object) : object]));
      stream.synced = true;
      this.clusterDate = { date: event.date, heardAt: performance.now() };
    } else if (event.type === 'DELETED') {
      stream.objects.delete(keyOf(event.object));
    } else {
      stream.objects.set(keyOf(event.object), trim ? trimmed(event.object) : event.object);
    }
    return true;
  }

  /** A cluster that refuses something does answer, and may answer something else well. */
  private judge(): void {
    const away = Object.values(this.streams).some(({ unreachable }) => unreachable?.error.kind === 'UNREACHABLE');
    if (away) this.whileAnswering.abort();
    else if (this.answering.aborted) this.whileAnswering = new AbortController();
  }

  private isSynced(): boolean {
    return Object.values(this.streams).every((stream) => stream.synced);
  }

  private firstTrouble(): PlacementSnapshot['unreachable'] {
    const troubles = Object.values(this.streams).flatMap((stream) => stream.unreachable ?? []);
    return troubles.toSorted((a, b) => a.since.getTime() - b.since.getTime())[0] ?? null;
  }
}

function newStream(): Stream {
  return { objects: new Map(), synced: false, unreachable: null };
}

/** An object made again under its name is another object, and both may be there for a moment. */
function keyOf(object: KubernetesObject): string {
  return object.metadata.uid ?? object.metadata.name;
}

/** Who owns which field matters on the Deployment alone; elsewhere it is half of what an object weighs. When its status was written is kept. */
function trimmed(object: KubernetesObject): KubernetesObject {
  const { managedFields, ...metadata } = object.metadata;
  // What a cluster sends may be anything.
  const entries: (ManagedFields | null)[] = Array.isArray(managedFields) ? managedFields : [];
  const written = entries.flatMap((entry) => (entry?.subresource === 'status' ? [entry] : []));
  return { ...object, metadata: { ...metadata, managedFields: written.map(({ fieldsV1: _, ...entry }) => entry) } };
}
