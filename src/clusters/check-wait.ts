import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Announce } from '../common/announce.ts';
import type { Cluster } from './cluster.model.ts';
import { ClusterService } from './cluster.service.ts';

const PATIENCE_MILLISECONDS = 10_000;
const REREAD_MILLISECONDS = 500;

/** `/check`: a worker of the region does it, and this waits for the row to say so. The API itself never speaks with a cluster. */
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

  /** The cluster as the check found it; as it was, with the reason, where nobody came for it in time. */
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

  /** Resolves when something is announced of the cluster, or after the time. */
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
