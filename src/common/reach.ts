import { isAway } from './database-errors.ts';

/** What the clients of Redis, and our own patience, say of a connection that is not there. */
const AWAY_TEXT = /^(Connection is closed|Stream isn't writeable|Command timed out|the queue did not answer in time)/;

/** Told the reason when something cannot be reached any more, null when it can be again. */
export type OnReach = (away: string | null) => void;

/** Whether something can be reached, and told only when that changes: what fails while it is away fails because it is away. */
export class Reach {
  private away = false;
  private readonly tell: OnReach;

  constructor(tell: OnReach) {
    this.tell = tell;
  }

  get isAway(): boolean {
    return this.away;
  }

  /** Takes in an error that says that it is away: false for any other. */
  lost(error: Error): boolean {
    if (!isAway(error) && !AWAY_TEXT.test(error.message)) return false;
    if (!this.away) {
      this.away = true;
      this.tell(error.message || String((error as NodeJS.ErrnoException).code));
    }
    return true;
  }

  /** It has answered. */
  found(): void {
    if (!this.away) return;
    this.away = false;
    this.tell(null);
  }
}
