import { canonicalJson } from '../../platform/canonical-json.ts';

/** A placement that is wanted. */
export interface Wanted {
  clusterId: string;
  namespace: string;
  values: object;
  /** Pods; null = the release's number. */
  replicas: number | null;
}

/** A known placement, wanted or not. */
export interface Standing {
  id: string;
  clusterId: string;
  namespace: string;
  wanted: boolean;
  values: unknown;
  replicas: number | null;
}

export interface PlacementChanges<W extends Wanted> {
  add: W[];
  /** Known placements and their new values. */
  change: { id: string; wanted: true; values?: W['values']; replicas?: number | null }[];
  /** No longer wanted. */
  remove: string[];
}

const placeOf = (at: { clusterId: string; namespace: string }): string => `${at.clusterId}/${at.namespace}`;

/**
 * The changes from the known to the wanted placements. A placement is identified by (cluster, namespace), so that it stays the same when the list is sent
 * again.
 *
 * @param replaces true = values and numbers come from the list; false = the places come from a rule, which has neither, so they stay
 */
export function placementChanges<W extends Wanted>(
  standing: readonly Standing[],
  wanted: readonly W[],
  replaces: boolean,
): PlacementChanges<W> {
  const known = new Map(standing.map((placement) => [placeOf(placement), placement]));
  const kept = new Set(wanted.map(placeOf));
  return {
    add: wanted.filter((each) => !known.has(placeOf(each))),
    change: wanted.flatMap((each) => {
      const found = known.get(placeOf(each));
      if (!found || isAsWanted(found, each, replaces)) return [];
      return [{ id: found.id, wanted: true as const, ...(replaces ? { values: each.values, replicas: each.replicas } : {}) }];
    }),
    remove: standing.filter((placement) => placement.wanted && !kept.has(placeOf(placement))).map((placement) => placement.id),
  };
}

function isAsWanted(found: Standing, each: Wanted, replaces: boolean): boolean {
  if (!found.wanted || !replaces) return found.wanted;
  return found.replicas === each.replicas && canonicalJson(found.values) === canonicalJson(each.values);
}
