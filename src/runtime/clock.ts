/**
 * The database's clock: the last time that it returned, plus our monotonic time since. Wall clocks of machines differ and jump, so leases and deadlines use the
 * database's clock only.
 */
export class DatabaseClock {
  private known: { at: number; recordedAt: number } | null = null;

  /** Records a statement's result of `now()`. */
  record(now: Date): void {
    this.known = { at: now.getTime(), recordedAt: performance.now() };
  }

  now(): Date {
    if (!this.known) throw new Error("the database's time is not known yet");
    return new Date(this.known.at + performance.now() - this.known.recordedAt);
  }
}
