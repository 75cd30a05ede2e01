/**
 * The database's clock, as far as it is known here: the last time that it told, plus what our own monotonic clock has counted since. Machines' wall clocks
 * differ and leap; leases and deadlines go by one clock, and that is the database's.
 */
export class DatabaseClock {
  private told: { at: number; heardAt: number } | null = null;

  /** Takes what a statement answered for `now()`. */
  hear(now: Date): void {
    this.told = { at: now.getTime(), heardAt: performance.now() };
  }

  now(): Date {
    if (!this.told) throw new Error('the database has not told its time yet');
    return new Date(this.told.at + performance.now() - this.told.heardAt);
  }
}
