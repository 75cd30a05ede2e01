import type { DatabaseClock } from './clock.ts';
import type { LeaseRows, Swept } from './work-rows.ts';

const EVERY_MILLISECONDS = 1_000;

export interface SweepListener {
  /** Called with the kinds of which rows are due that this worker may claim. */
  onDue(kinds: readonly string[]): void;
  /** Called once a second, even if nothing is due. */
  onTick(): Promise<void>;
  onError(error: unknown): void;
}

/** Finds due rows once a second, with one statement, so that a lost nudge costs at most a second. The same statement reads the database's time. */
export class Sweep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly rows: Pick<LeaseRows, 'sweep'>,
    private readonly clock: DatabaseClock,
    private readonly swept: () => Swept,
    private readonly listener: SweepListener,
  ) {}

  /** Sweeps for the first time, and then once a second. */
  async start(): Promise<void> {
    await this.sweep();
    this.plan();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
  }

  private plan(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.running = Promise.all([this.sweep(), this.listener.onTick()])
        .then(
          () => undefined,
          (error: unknown) => this.listener.onError(error),
        )
        .finally(() => this.plan());
    }, EVERY_MILLISECONDS);
  }

  private async sweep(): Promise<void> {
    const { now, kinds } = await this.rows.sweep(this.swept());
    this.clock.record(now);
    if (kinds.length > 0) this.listener.onDue(kinds);
  }
}
