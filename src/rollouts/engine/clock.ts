/**
 * The database's clock: the last time it returned, plus our monotonic time since. Wall clocks of machines differ and jump, so leases and deadlines use the
 * database's clock only.
 */
export class DatabaseClock {
  private told: { at: number; heardAt: number } | null = null;

  /** Records a statement's result of `now()`. */
  hear(now: Date): void {
    this.told = { at: now.getTime(), heardAt: performance.now() };
  }

  now(): Date {
    if (!this.told) throw new Error("the database's time is not known yet");
    return new Date(this.told.at + performance.now() - this.told.heardAt);
  }
}
