import type { Client, KubernetesObject, WatchEvent } from '../control-plane/client.ts';

/** What runs of one revision (the pods' label `revision`). */
export interface Side {
  /** Pods that are not terminating. */
  pods: number;
  /** Those of them that are Ready. */
  ready: number;
  /** What the ReplicaSet is asked for. */
  wanted: number;
}

/** All of a workload at one moment. */
export interface Sample {
  sides: Record<string, Side>;
  ready: number;
  /** The sum of `spec.replicas` over the ReplicaSets. */
  wanted: number;
}

const none: Side = { pods: 0, ready: 0, wanted: 0 };

/** Watches a namespace's pods and ReplicaSets with a client of its own, and keeps every moment that it sees. */
export class Recorder {
  readonly samples: Sample[] = [];
  /** The uids of all pods that were ever seen, by revision. */
  readonly podUids = new Map<string, Set<string>>();
  private readonly pods = new Map<string, KubernetesObject>();
  private readonly sets = new Map<string, KubernetesObject>();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];
  private waiters: (() => void)[] = [];
  private failed: unknown = null;

  constructor(admin: Client, namespace: string) {
    this.running.push(this.follow(admin.watch(`/api/v1/namespaces/${namespace}/pods`, this.stopping.signal), this.pods));
    this.running.push(this.follow(admin.watch(`/apis/apps/v1/namespaces/${namespace}/replicasets`, this.stopping.signal), this.sets));
  }

  side(sample: Sample, revision: string): Side {
    return sample.sides[revision] ?? none;
  }

  get last(): Sample {
    return this.samples.at(-1) ?? { sides: {}, ready: 0, wanted: 0 };
  }

  /** The least that was Ready, and the most that was asked for, from this moment on. */
  mark(): { leastReady: () => number; mostWanted: () => number; most: (revision: string) => number } {
    const from = Math.max(0, this.samples.length - 1);
    const since = (): Sample[] => this.samples.slice(from);
    return {
      leastReady: () => Math.min(...since().map((sample) => sample.ready)),
      mostWanted: () => Math.max(...since().map((sample) => sample.wanted)),
      most: (revision) => Math.max(...since().map((sample) => this.side(sample, revision).wanted)),
    };
  }

  /** Waits until exactly these many pods of each revision named run, are Ready where `ready` says so, are what their ReplicaSet is asked for, and no others run. */
  async reach(
    expected: Record<string, number>,
    options: { ready?: Record<string, number>; timeoutMilliseconds?: number } = {},
  ): Promise<Sample> {
    return this.until(
      (sample) =>
        Object.keys({ ...sample.sides, ...expected }).every((revision) => {
          const side = this.side(sample, revision);
          const count = expected[revision] ?? 0;
          return side.pods === count && side.wanted === count && side.ready === (options.ready?.[revision] ?? count);
        }),
      JSON.stringify(expected),
      options.timeoutMilliseconds,
    );
  }

  async until(holds: (sample: Sample) => boolean, wanted: string, timeoutMilliseconds = 30_000): Promise<Sample> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.wake();
    }, timeoutMilliseconds);
    try {
      while (!holds(this.last)) {
        if (this.failed !== null) throw this.failed instanceof Error ? this.failed : new Error('the recorder has failed');
        if (late) throw new Error(`wanted ${wanted}, and after ${timeoutMilliseconds} ms there is ${JSON.stringify(this.last)}`);
        await new Promise<void>((resolve) => this.waiters.push(resolve));
      }
      return this.last;
    } finally {
      clearTimeout(timer);
    }
  }

  replicaSet(revision: string): KubernetesObject | undefined {
    return [...this.sets.values()].find((set) => revisionOf(set) === revision);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async follow(events: AsyncIterable<WatchEvent>, store: Map<string, KubernetesObject>): Promise<void> {
    try {
      for await (const { type, object } of events) {
        const uid = object.metadata.uid ?? '';
        if (type === 'DELETED') store.delete(uid);
        else store.set(uid, object);
        if (store === this.pods) this.noteUid(object);
        this.samples.push(this.sample());
        this.wake();
      }
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.failed = error;
      this.wake();
    }
  }

  private noteUid(pod: KubernetesObject): void {
    const revision = revisionOf(pod);
    this.podUids.set(revision, (this.podUids.get(revision) ?? new Set()).add(pod.metadata.uid ?? ''));
  }

  private sample(): Sample {
    const sides: Record<string, Side> = {};
    const sideOf = (object: KubernetesObject): Side => (sides[revisionOf(object)] ??= { ...none });
    for (const set of this.sets.values()) sideOf(set).wanted += set['spec'].replicas as number;
    for (const pod of this.pods.values()) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      sideOf(pod).pods += 1;
      if (isReady(pod)) sideOf(pod).ready += 1;
    }
    const all = Object.values(sides);
    return { sides, ready: all.reduce((sum, side) => sum + side.ready, 0), wanted: all.reduce((sum, side) => sum + side.wanted, 0) };
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

function revisionOf(object: KubernetesObject): string {
  return object.metadata.labels?.['revision'] ?? 'none';
}

export function isReady(pod: KubernetesObject): boolean {
  const conditions = (pod['status']?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
