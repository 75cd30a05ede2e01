import type { WorkKind } from './kinds.ts';

/** Duration of a lease without renewal, and the interval of renewals. */
export const LEASE_SECONDS = 8;
export const RENEWAL_MILLISECONDS = 2_000;
/** A lease is treated as expired this much earlier than in the database, to allow for the round trip of a renewal. */
const MARGIN_MILLISECONDS = 500;

/** The row of `work` that a lease is on. */
export interface LeasedRow {
  kind: WorkKind;
  tenantId: string;
  id: string;
  clusterId: string | null;
  /** The fence: no two claims of any row have the same. Part of the condition of each commit under the lease. */
  token: string;
}

/** Holds all leases of this worker. */
export interface LeaseKeeper {
  forget(lease: Lease): void;
  release(leases: readonly Lease[], dueAt: Date | null): Promise<boolean>;
  nudgesDelivered(): Promise<void>;
}

/** A lease on a row until it expires, is lost or is released. */
export class Lease implements LeasedRow {
  readonly kind: WorkKind;
  readonly tenantId: string;
  readonly id: string;
  readonly clusterId: string | null;
  readonly token: string;
  private readonly lost = new AbortController();
  private validUntil: number;
  private ending: NodeJS.Timeout | null = null;
  private resting = false;

  constructor(
    private readonly keeper: LeaseKeeper,
    row: LeasedRow,
    /** Our monotonic time before the claiming statement was sent. */
    claimedAt: number,
    /** Called when it begins to rest, and so leaves a slot to another row. */
    private readonly onRest: () => void = () => undefined,
  ) {
    this.kind = row.kind;
    this.tenantId = row.tenantId;
    this.id = row.id;
    this.clusterId = row.clusterId;
    this.token = row.token;
    this.validUntil = claimedAt + LEASE_SECONDS * 1000 - MARGIN_MILLISECONDS;
    this.loseAtEnd();
  }

  /** Aborted when the lease expires, is lost or is released. Requests to clusters under it end with it. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** False while the row is only watched: it takes up no slot. */
  get moving(): boolean {
    return !this.resting;
  }

  set moving(moving: boolean) {
    if (moving === this.moving) return;
    this.resting = !moving;
    if (this.resting) this.onRest();
  }

  /** Whether the lease is certainly still held. A process that slept or was blocked past its end detects it here, before its next write. */
  stillOurs(): boolean {
    if (!this.lost.signal.aborted && performance.now() >= this.validUntil) this.lose();
    return !this.lost.signal.aborted;
  }

  /** Records a successful renewal that was sent at `sentAt` (our monotonic time). */
  renewed(sentAt: number): void {
    this.validUntil = Math.max(this.validUntil, sentAt + LEASE_SECONDS * 1000 - MARGIN_MILLISECONDS);
    this.loseAtEnd();
  }

  /** Stops all work under this lease. */
  lose(): void {
    this.keeper.forget(this);
    if (this.ending) clearTimeout(this.ending);
    this.lost.abort();
  }

  /** Releases the row, next due at `dueAt` (null = at the next nudge). Returns true if a nudge came in the meantime, so that it is due already. */
  async release(dueAt: Date | null): Promise<boolean> {
    return this.keeper.release([this], dueAt);
  }

  /** Resolves when all nudges taken out of rows have been delivered. */
  nudgesDelivered(): Promise<void> {
    return this.keeper.nudgesDelivered();
  }

  /** Aborts at expiry, because code that waits for a cluster does not check the clock. */
  private loseAtEnd(): void {
    if (this.ending) clearTimeout(this.ending);
    if (!this.stillOurs()) return;
    this.ending = setTimeout(() => this.loseAtEnd(), this.validUntil - performance.now()).unref();
  }
}

/** The lease is lost, so the work stops here; another worker continues. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}
