/** The rows that one worker at a time looks after. */
export type LeasedTable = 'placements' | 'rollouts' | 'clusters';

/** How long a lease lasts without being renewed, and how often it is renewed. */
export const LEASE_SECONDS = 10;
export const RENEWAL_MILLISECONDS = 3_000;
/** We stop believing in a lease this much before the database does, for what a renewal's way there and back may hide. */
const MARGIN_MILLISECONDS = 500;

/** Keeps all leases of this worker. */
export interface LeaseKeeper {
  forget(lease: Lease): void;
  release(leases: readonly Lease[], dueAt: Date | null): Promise<boolean>;
  allTold(): Promise<void>;
}

/** A row that is ours until the lease runs out, is lost or is given up. The token is the fence: it rises with every claim and stands in each commit's condition. */
export class Lease {
  private readonly lost = new AbortController();
  private validUntil: number;
  private ending: NodeJS.Timeout | null = null;

  constructor(
    private readonly keeper: LeaseKeeper,
    readonly table: LeasedTable,
    readonly tenantId: string,
    readonly id: string,
    readonly token: string,
    /** Our monotonic time before the statement that claimed it was sent. */
    claimedAt: number,
  ) {
    this.validUntil = claimedAt + LEASE_SECONDS * 1000 - MARGIN_MILLISECONDS;
    this.loseAtEnd();
  }

  /** Aborted when the lease runs out, is lost or is given up; what is asked of a cluster under it ends with it. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** Whether the lease certainly still holds. A process that slept or was blocked past its end finds out here, before its next write. */
  stillOurs(): boolean {
    if (!this.lost.signal.aborted && performance.now() >= this.validUntil) this.lose();
    return !this.lost.signal.aborted;
  }

  /** A renewal that was sent at `sentAt` (our monotonic time) went through. */
  renewed(sentAt: number): void {
    this.validUntil = Math.max(this.validUntil, sentAt + LEASE_SECONDS * 1000 - MARGIN_MILLISECONDS);
    this.loseAtEnd();
  }

  /** Stops whoever works under this lease. */
  lose(): void {
    this.keeper.forget(this);
    if (this.ending) clearTimeout(this.ending);
    this.lost.abort();
  }

  /** Gives the row back, to be due again at `dueAt` (null = when somebody asks). True where a nudge came in the meantime: it is due already. */
  async release(dueAt: Date | null): Promise<boolean> {
    return this.keeper.release([this], dueAt);
  }

  /** Resolves when every nudge of it that is on its way has been told. */
  allTold(): Promise<void> {
    return this.keeper.allTold();
  }

  /** Whoever waits for a cluster under this lease does not look at the clock. */
  private loseAtEnd(): void {
    if (this.ending) clearTimeout(this.ending);
    if (!this.stillOurs()) return;
    this.ending = setTimeout(() => this.loseAtEnd(), this.validUntil - performance.now()).unref();
  }
}

/** Thrown where work stops because its lease is gone: somebody else goes on. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}
