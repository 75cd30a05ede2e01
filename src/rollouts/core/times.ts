/** Times of a target's clock. */
import type { TargetObservation } from './observation.ts';

/** The earliest of the times that are known, null where none is. */
export function soonest(...times: (Date | null)[]): Date | null {
  const known = times.filter((time) => time !== null).map((time) => time.getTime());
  return known.length === 0 ? null : new Date(Math.min(...known));
}

/** From when the deadline counts, as if the clock had never stood still. */
export function runningSince({ now, target, placement }: TargetObservation): Date | null {
  if (target.enteredAt === null) return null;
  const from = Math.max(target.enteredAt.getTime(), placement.progressAt?.getTime() ?? 0);
  const stopped = target.stoppedAt === null ? 0 : Math.max(0, now.getTime() - Math.max(from, target.stoppedAt.getTime()));
  return new Date(from + stopped);
}
