/** Changes the faults of a cluster and applies their immediate effects. */
import type { Cluster } from '../cluster.ts';
import type { FaultSettings } from './faults.ts';

/** Merges settings into the current ones; null removes one. */
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

/** Delivers held-back data, and resets the connections of unanswered requests. */
function heal(cluster: Cluster): void {
  for (const watch of [...cluster.watches]) watch.thaw();
  for (const response of [...cluster.unanswered]) response.socket?.destroy();
  cluster.unanswered.clear();
}

/** Drops the recent changes, so that no watch can resume from an earlier version. Running watches receive a 410. */
export function expireWatches(cluster: Cluster): void {
  cluster.store.compact();
  for (const watch of [...cluster.watches]) watch.expire();
}

/** Closes the connections of all watches. */
export function dropWatches(cluster: Cluster): void {
  for (const watch of [...cluster.watches]) watch.cut();
}
