/** A clock that only moves when it is told to, so that "and there it stays" is an assertion and not a wait. */
import type { Clock } from '../../../simulator/clock.ts';

export class ManualClock implements Clock {
  #now = Date.parse('2026-01-05T10:00:00Z');
  #timers: { at: number; work: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, work: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, milliseconds), work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass; everything that falls due in it happens, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#timers.reduce<{ at: number; work: () => void } | undefined>(
        (least, timer) => (least && least.at <= timer.at ? least : timer),
        undefined,
      );
      if (!next || next.at > end) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.work();
    }
    this.#now = end;
  }

  /** Timers that wait; none must be left in a cluster where nothing happens. */
  get waiting(): number {
    return this.#timers.length;
  }
}
