/** Watches a cluster of the model and judges what happens to its pods. It shares nothing with what decides about them. */
import type { ModelCluster } from './cluster.ts';

/** How many pods may be missing from N, and how many the ReplicaSets may ask for above N. */
export interface Promised {
  missing: number;
  above: number;
}

export class Recorder {
  readonly breaches: string[] = [];
  /** What others have done to N or to pods is not ours: nothing is judged any more. */
  foreign = false;
  /** The Ready pods that there were when something was decided. */
  private floor: number;
  /** Pods that were lost since by no controller's doing. */
  private lost = 0;

  constructor(
    private readonly cluster: ModelCluster,
    private readonly promised: () => Promised,
  ) {
    this.floor = Number.POSITIVE_INFINITY;
    cluster.onDeletion = (pod) => (pod.ready ? this.checkReady() : undefined);
    cluster.onLoss = () => (this.lost += 1);
  }

  /** Something has been decided on what is Ready now. `besides`: the controllers are still at what was decided before, and some pods were lost since. */
  decided(besides: boolean): void {
    if (besides && this.lost > 0) return;
    this.floor = this.cluster.readyPods.length;
    this.lost = 0;
  }

  /** A: a Ready pod was deleted; what is left must not be fewer than N - missing, or, where fewer were Ready at the decision, than those; less what was lost since. */
  private checkReady(): void {
    const { deployment, readyPods } = this.cluster;
    if (deployment === null || this.foreign) return;
    const least = Math.min(deployment.replicas - this.promised().missing, this.floor) - this.lost;
    if (readyPods.length < least) this.breach(`A: ${readyPods.length} Ready, at least ${least} must be`);
  }

  /** S: the ReplicaSets together ask for no more than N and the surge. */
  checkSurge(): void {
    const { deployment, wanted } = this.cluster;
    if (deployment === null || this.foreign) return;
    const most = deployment.replicas + this.promised().above;
    if (wanted > most) this.breach(`S: ${wanted} pods asked for, at most ${most} may be`);
  }

  private breach(what: string): void {
    const { replicas, surge, unavailable } = this.cluster.deployment ?? { replicas: 0, surge: '', unavailable: '' };
    this.breaches.push(`${what}; N = ${replicas}, (${surge}, ${unavailable}), ${this.describeSets()}`);
  }

  describeSets(): string {
    const ready = (uid: string): number => this.cluster.readyPods.filter((pod) => pod.owner === uid).length;
    return this.cluster.sets.all.map((set) => `${set.template}: ${set.replicas} (${ready(set.uid)} Ready)`).join(', ');
  }
}
