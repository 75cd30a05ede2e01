/** Counts of pods for the API; no decision depends on them. */
export interface PlacementCounts {
  desired: number;
  ready: number;
  /** Pods of the newest template. */
  updated: number;
}

/** With the two sides of a target in progress. */
export interface SideCounts extends PlacementCounts {
  new: number;
  old: number;
}
