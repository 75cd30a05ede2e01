import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import type { Cluster } from './cluster.model.ts';
import { ClusterService } from './cluster.service.ts';

/** A check answers within 10 s, its own reads and the way back included. */
const PATIENCE_MILLISECONDS = 9_500;
const REREAD_MILLISECONDS = 500;

/** `/check`: a worker of the region does it, and this waits for its result in the row. The API itself never connects to a cluster. */
@Injectable()
export class CheckWait implements BeforeApplicationShutdown {
  private readonly stopping = new AbortController();

  constructor(
    private readonly clusters: ClusterService,
    private readonly announce: Announce,
  ) {}

  beforeApplicationShutdown(): void {
    this.stopping.abort();
  }

  /** The cluster after the check; if no worker did it in time, the cluster as it was, with the reason. */
  async check(reference: string, patienceMilliseconds = PATIENCE_MILLISECONDS): Promise<Cluster> {
    const { id, askedAt } = await this.clusters.requestCheck(reference);
    const until = performance.now() + patienceMilliseconds;
    while (performance.now() < until && !this.stopping.signal.aborted) {
      const cluster = await this.clusters.get(id);
      if (cluster.checkedAt !== null && cluster.checkedAt >= askedAt) return cluster;
      await this.news(id, Math.min(REREAD_MILLISECONDS, until - performance.now()));
    }
    await this.clusters.noteUnserved(id, askedAt);
    return this.clusters.get(id);
  }

  /** Resolves at the next announcement about the cluster, or after the given time. */
  private news(id: string, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.stopping.signal.removeEventListener('abort', end);
        unsubscribe();
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, milliseconds));
      const unsubscribe = this.announce.subscribe((message) => {
        if (message.kind === 'cluster' && message.id === id) end();
      });
      this.stopping.signal.addEventListener('abort', end);
    });
  }
}
