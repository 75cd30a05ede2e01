/** Time as the simulator sees it; tests may drive it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `work` once after some milliseconds; the returned function cancels it. */
  after(milliseconds: number, work: () => void): () => void;
}

/** The longest delay of a platform timer (24.8 days). Longer ones are never started. */
const longestDelay = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, work) {
    if (milliseconds > longestDelay) return () => undefined;
    const timer = setTimeout(work, Math.max(0, milliseconds));
    return () => clearTimeout(timer);
  },
};

/** A time in Kubernetes' format: whole seconds. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** The same with microseconds, for the few fields that have them. */
export function microTimestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}
