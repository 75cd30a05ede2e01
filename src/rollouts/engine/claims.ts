import type { Lease } from './lease.ts';
import { Rerun } from './rerun.ts';

export interface ClaimsOptions {
  /** Claims up to so many rows that are due. */
  claim: (limit: number) => Promise<Lease[]>;
  /** Everything that is done with one of them. */
  lookAfter: (lease: Lease) => Promise<void>;
  /** How many are looked after at once, and how many are claimed in one statement. */
  capacity: number;
  batch: number;
  report: (error: unknown) => void;
}

/** Claims what is due and looks after it, many at once: one that waits for something holds up no other. */
export class Claims {
  private readonly claiming = new Rerun(() => this.claim());
  private readonly running = new Set<Promise<void>>();
  /** There may be more than there was room for. */
  private full = false;

  constructor(private readonly options: ClaimsOptions) {}

  /** Claims what is due; whoever asks while it is at it is served by one more look. */
  wake(): Promise<void> {
    return this.claiming.ask();
  }

  /** Resolves when nothing is looked after any more. */
  async ended(): Promise<void> {
    await this.claiming.idle();
    await Promise.all(this.running);
  }

  private async claim(): Promise<void> {
    const { capacity, batch, claim } = this.options;
    for (;;) {
      const limit = Math.min(batch, capacity - this.running.size);
      this.full = limit === 0;
      if (this.full) return;
      const leases = await claim(limit);
      for (const lease of leases) this.start(lease);
      if (leases.length < limit) return;
    }
  }

  private start(lease: Lease): void {
    const { lookAfter, report } = this.options;
    const run = lookAfter(lease)
      .catch(report)
      .finally(() => {
        this.running.delete(run);
        if (this.full) void this.wake().catch(report);
      });
    this.running.add(run);
  }
}
