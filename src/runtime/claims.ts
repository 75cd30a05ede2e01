import type { Lease } from './lease.ts';
import { Rerun } from './rerun.ts';

export interface ClaimsOptions {
  /** Claims up to this many due rows. */
  claim: (limit: number) => Promise<Lease[]>;
  /** Serves one claimed row until its lease ends. */
  serve: (lease: Lease) => Promise<void>;
  /** How many rows are served at once, and how many are claimed in one statement. */
  capacity: number;
  batch: number;
  report: (error: unknown) => void;
}

/** Claims due rows and serves many at once. A row that waits does not block others. */
export class Claims {
  private readonly claiming = new Rerun(() => this.claim());
  private readonly running = new Set<Promise<void>>();
  /** There was no room for another claim, so more rows may be due. */
  private full = false;

  constructor(private readonly options: ClaimsOptions) {}

  /** Claims due rows. A call during a claim causes one more claim. */
  wake(): Promise<void> {
    return this.claiming.ask();
  }

  /** Resolves when no row is being served. */
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
    const { serve, report } = this.options;
    const run = serve(lease)
      .catch(report)
      .finally(() => {
        this.running.delete(run);
        if (this.full) void this.wake().catch(report);
      });
    this.running.add(run);
  }
}
