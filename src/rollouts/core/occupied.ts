/** What of a workload may be in its clusters, as the rows have it. */
import type { TargetPhase } from '../../generated/prisma/enums.ts';

/** A placement: whether a release is live there, and how the last target that wrote there stands; null = none has. */
export interface Occupancy {
  live: boolean;
  last: { phase: TargetPhase; isRemoval: boolean; isFirst: boolean } | null;
}

/**
 * A placement may have objects of ours if a release is live there, or if the last target that wrote there neither removed everything (it ran to nothing and
 * succeeded) nor went back to nothing.
 */
export function isOccupied({ live, last }: Occupancy): boolean {
  if (live || last === null) return live;
  const gone = (last.isRemoval && last.phase === 'SUCCEEDED') || (last.isFirst && last.phase === 'ROLLED_BACK');
  return !gone;
}
