import type { Lease } from './lease.ts';
import type { Share } from './reconciler.ts';
import { Rerun } from './rerun.ts';

/** A claim as it is bounded by what is served already. */
export interface Wanted {
  limit: number;
  /** What is served and moves. */
  moving: readonly Lease[];
  /** Tenants of which no more rows may be held. */
  sated: readonly string[];
  /** To be called when one of the new leases begins to rest. */
  onRest: () => void;
}

export interface ClaimsOptions {
  /** Claims due rows, with regard to those that are served already. */
  claim: (wanted: Wanted) => Promise<Lease[]>;
  /** Serves one claimed row until its lease ends. */
  serve: (lease: Lease) => Promise<void>;
  /**
   * How many rows are served at once without those that rest, how many in all, and how many are claimed in one statement. What rests and moves again is not held
   * back: it may exceed the slots.
   */
  slots: number;
  held: number;
  batch: number;
  share: Share;
  report: (error: unknown) => void;
}

/** Claims due rows and serves many at once. A row that waits does not block others. */
export class Claims {
  private readonly claiming = new Rerun(() => this.claim());
  private readonly running = new Map<Lease, Promise<void>>();
  /** Slots or shares are used up, so there may be due rows that wait for one. */
  private crowded = false;

  constructor(private readonly options: ClaimsOptions) {}

  /** Claims due rows. A call during a claim causes one more claim. */
  wake(): Promise<void> {
    return this.claiming.ask();
  }

  /** Resolves when no row is being served. */
  async ended(): Promise<void> {
    await this.claiming.idle();
    await Promise.all(this.running.values());
  }

  private async claim(): Promise<void> {
    const { slots, held, batch, claim } = this.options;
    for (;;) {
      const moving = [...this.running.keys()].filter((lease) => lease.moving);
      const limit = Math.min(batch, slots - moving.length, held - this.running.size);
      this.crowded = limit <= 0;
      if (this.crowded) return;
      const leases = await claim({ limit, moving, sated: this.satedTenants(), onRest: () => this.slotFreed() });
      for (const lease of leases) this.start(lease);
      this.crowded = this.usesUpAShare([...moving, ...leases]);
      if (leases.length < limit) return;
    }
  }

  private satedTenants(): string[] {
    const { held } = this.options.share;
    if (held === null) return [];
    const tenants = Map.groupBy(this.running.keys(), (lease) => lease.tenantId);
    return [...tenants].filter(([, leases]) => leases.length >= held).map(([tenant]) => tenant);
  }

  private usesUpAShare(moving: readonly Lease[]): boolean {
    const { tenant, cluster } = this.options.share;
    const tenants = Map.groupBy(moving, (lease) => lease.tenantId);
    const clusters = Map.groupBy(moving, (lease) => lease.clusterId);
    clusters.delete(null);
    const used = (share: number | null, groups: Map<unknown, unknown[]>): boolean =>
      share !== null && [...groups.values()].some((group) => group.length >= share);
    return used(tenant, tenants) || used(cluster, clusters) || this.satedTenants().length > 0;
  }

  private start(lease: Lease): void {
    const { serve, report } = this.options;
    const run = serve(lease)
      .catch(report)
      .finally(() => {
        this.running.delete(lease);
        this.slotFreed();
      });
    this.running.set(lease, run);
  }

  private slotFreed(): void {
    if (this.crowded) void this.wake().catch(this.options.report);
  }
}
