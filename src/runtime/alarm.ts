/** Wakes one loop. Of several rings the earliest counts, and all rings while the loop is busy cause one ring afterwards. */
export class Alarm {
  private dueAt = Infinity;
  private timer: NodeJS.Timeout | null = null;
  private waiting: (() => void) | null = null;

  /** Rings after this many milliseconds, unless an earlier ring is set. */
  ring(inMilliseconds = 0): void {
    const at = performance.now() + Math.max(0, inMilliseconds);
    if (at >= this.dueAt) return;
    this.dueAt = at;
    if (this.waiting) this.arm();
  }

  /** Resolves at the next ring and consumes it. One caller at a time. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.arm();
    });
  }

  private arm(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const wait = this.dueAt - performance.now();
    if (wait <= 0) return this.go();
    // setTimeout treats delays over 31 bits as 1 ms. Waking once a day costs nothing.
    if (wait !== Infinity) this.timer = setTimeout(() => this.arm(), Math.min(wait, 86_400_000));
  }

  private go(): void {
    const resolve = this.waiting;
    this.waiting = null;
    this.dueAt = Infinity;
    resolve?.();
  }
}

/** Delay before retry number `attempt` (1 = the first): doubles from `first` to `most` milliseconds, half of it random, so that retries are spread. */
export function backoff(attempt: number, first: number, most: number, random: () => number = Math.random): number {
  const full = Math.min(most, first * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (random() * full) / 2;
}
