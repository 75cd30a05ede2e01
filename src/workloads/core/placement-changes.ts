/** A placement that exists, as far as it matters here. */
export interface Standing {
  id: string;
  clusterId: string;
  namespace: string;
  wanted: boolean;
  /** What runs there; null = nothing was ever applied. */
  applied: unknown;
}

/** A placement that is wanted. */
export interface Wanted {
  clusterId: string;
  namespace: string;
  values: object;
  /** Pods; null = the release's number. */
  replicas: number | null;
}

export interface PlacementChanges<W extends Wanted> {
  add: W[];
  /** Kept, with what it is changed to. */
  change: { id: string; wanted: true; values?: W['values']; replicas?: number | null }[];
  /** Something runs there: the next rollout removes it. */
  remove: string[];
  /** Nothing ever ran there: forgotten at once. */
  drop: string[];
}

/**
 * What to do so that the placements are the wanted ones. A placement is known by its place, (cluster, namespace), so that what runs there stays known when the list is sent again.
 *
 * @param replaces true = values and numbers are those of the list; false = the places come from a rule, which says nothing about them: they stay.
 */
export function placementChanges<W extends Wanted>(standing: readonly Standing[], wanted: readonly W[], replaces: boolean): PlacementChanges<W> {
  const place = (at: { clusterId: string; namespace: string }): string => `${at.clusterId}/${at.namespace}`;
  const byPlace = new Map(standing.map((placement) => [place(placement), placement]));
  const kept = new Set(wanted.map(place));
  const gone = standing.filter((placement) => !kept.has(place(placement)));
  return {
    add: wanted.filter((each) => !byPlace.has(place(each))),
    change: wanted.flatMap((each) => {
      const found = byPlace.get(place(each));
      return found ? [{ id: found.id, wanted: true as const, ...(replaces ? { values: each.values, replicas: each.replicas } : {}) }] : [];
    }),
    remove: gone.filter((placement) => placement.applied !== null && placement.wanted).map((placement) => placement.id),
    drop: gone.filter((placement) => placement.applied === null).map((placement) => placement.id),
  };
}
