import { isAway } from '../db/database-errors.ts';

/** Messages of Redis clients, and of our own timeout, for an unreachable queue. */
const AWAY_TEXT = /^(Connection is closed|Stream isn't writeable|Command timed out|the queue did not answer in time)/;

/** Called with the reason when something becomes unreachable, and with null when it is reachable again. */
export type OnReach = (away: string | null) => void;

/** Tracks reachability and reports only changes; errors while unreachable are not reported again. */
export class Reach {
  private away = false;
  private readonly tell: OnReach;

  constructor(tell: OnReach) {
    this.tell = tell;
  }

  get isAway(): boolean {
    return this.away;
  }

  /** Records an error that means unreachable. Returns false for any other error. */
  lost(error: Error): boolean {
    if (!isAway(error) && !AWAY_TEXT.test(error.message)) return false;
    if (!this.away) {
      this.away = true;
      this.tell(error.message || String((error as NodeJS.ErrnoException).code));
    }
    return true;
  }

  /** Records that it has answered. */
  found(): void {
    if (!this.away) return;
    this.away = false;
    this.tell(null);
  }
}
