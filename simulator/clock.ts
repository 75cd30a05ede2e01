/** Time as the simulator sees it; tests may drive it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `work` once after some milliseconds; the returned function cancels it. */
  after(milliseconds: number, work: () => void): () => void;
}

/** The longest delay that a timer of the platform can take; longer ones are not started at all, nobody lives to see them. */
const longestDelay = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, work) {
    if (milliseconds > longestDelay) return () => undefined;
    const timer = setTimeout(work, Math.max(0, milliseconds));
    return () => clearTimeout(timer);
  },
};

/** A point in time as Kubernetes writes it: whole seconds. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** The same with microseconds, for the few fields that have them. */
export function microTimestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}
