/** What of a workload may be in its clusters, as the rows have it. */
import type { RolloutPhase, TargetPhase } from '../../generated/prisma/enums.ts';

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

/** Numbers of releases of a workload; null = none. */
export interface RunningReleases {
  /** The newest that is live on any placement. */
  live: number | null;
  /** The one that the workload settled on. */
  current: number | null;
  /** Of the last rollout that changes what stands on placements, with its phase. */
  last: { phase: RolloutPhase; release: number | null } | null;
}

/** The newest release that may run anywhere. A FAILED rollout may have left its release on some clusters. */
export function newestRunning({ live, current, last }: RunningReleases): number | null {
  const left = last?.phase === 'FAILED' ? last.release : null;
  const numbers = [live, current, left].filter((number) => number !== null);
  return numbers.length === 0 ? null : Math.max(...numbers);
}
