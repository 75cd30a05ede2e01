/** Changing what is wrong with a cluster, and what follows from it at once. */
import type { Cluster } from '../cluster.ts';
import type { FaultSettings } from './faults.ts';

/** Merges settings into the present ones; null takes one back. */
export function changeFaults(cluster: Cluster, settings: FaultSettings | { [name: string]: unknown }): void {
  const before = cluster.faults.partitioned;
  cluster.faults.set({ ...settings });
  const now = cluster.faults.partitioned;
  if (!before && now) partition(cluster);
  if (before && !now) heal(cluster);
  cluster.reconsider();
}

export function clearFaults(cluster: Cluster): void {
  changeFaults(cluster, Object.fromEntries(Object.keys(cluster.faults.settings).map((name) => [name, null])));
}

/** Streams that exist stay open and silent. */
function partition(cluster: Cluster): void {
  for (const watch of cluster.watches) watch.freeze();
}

/** What was on its way arrives; requests that were never answered find their connection reset. */
function heal(cluster: Cluster): void {
  for (const watch of [...cluster.watches]) watch.thaw();
  for (const response of [...cluster.unanswered]) response.socket?.destroy();
  cluster.unanswered.clear();
}

/** Forgets the recent changes: running watches go on, but none can be resumed from before now; each running one is told so. */
export function expireWatches(cluster: Cluster): void {
  cluster.store.compact();
  for (const watch of [...cluster.watches]) watch.expire();
}

/** Cuts the connections of all watches. */
export function dropWatches(cluster: Cluster): void {
  for (const watch of [...cluster.watches]) watch.cut();
}
