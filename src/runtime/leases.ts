import { Lease, RENEWAL_MILLISECONDS } from './lease.ts';
import type { LeaseKeeper } from './lease.ts';
import type { Claim, LeaseRows } from './work-rows.ts';

/**
 * The leases of this worker. A row is claimed when it is due and not leased. While it is held, its `due_at` is the end of its lease: an earlier one is a nudge, and the
 * rows of a dead worker become due by themselves. All times are the database's.
 */
export class Leases implements LeaseKeeper {
  private readonly held = new Map<string, Lease>();
  private readonly claims = new Set<Promise<Lease[]>>();
  private readonly delivering = new Set<Promise<void>>();
  /** Tokens of leases whose release has been sent and not been answered. */
  private readonly releasing = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private renewing: Promise<void> | null = null;
  private closed = false;

  constructor(
    /** Unique to this process. */
    private readonly owner: string,
    private readonly rows: Pick<LeaseRows, 'claim' | 'release' | 'takeNudges' | 'unknown'>,
    /** On a connection that nothing else uses, so that renewals never queue behind other work. */
    private readonly renewals: Pick<LeaseRows, 'renew'>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Claims due rows. `onRest`: called when one of the leases begins to rest. */
  async claim(claim: Claim & { onRest?: () => void }): Promise<Lease[]> {
    if (this.closed || claim.limit <= 0) return [];
    const claiming = this.claimNow(claim).finally(() => this.claims.delete(claiming));
    this.claims.add(claiming);
    return claiming;
  }

  private async claimNow({ onRest, ...claim }: Claim & { onRest?: () => void }): Promise<Lease[]> {
    const claimedAt = performance.now();
    const leases = (await this.rows.claim(this.owner, claim)).map((row) => new Lease(this, row, claimedAt, onRest));
    for (const lease of leases) if (lease.stillOurs()) this.held.set(keyOf(lease), lease);
    // `close()` awaits this claim and releases its leases.
    if (this.closed) return [];
    if (leases.length > 0) this.keepRenewing();
    return leases;
  }

  /** The lease on this row, if this worker holds it. */
  find(kind: string, tenantId: string, id: string): Lease | null {
    return this.held.get(keyOf({ kind, tenantId, id })) ?? null;
  }

  all(): Lease[] {
    return [...this.held.values()];
  }

  /** Releases rows in one statement. Keeps a nudge that came in the meantime; returns whether there was one. A row that is not due again is deleted. */
  async release(leases: readonly Lease[], dueAt: Date | null): Promise<boolean> {
    for (const lease of leases) lease.lose();
    if (leases.length === 0) return false;
    const tokens = leases.map((lease) => lease.token);
    for (const token of tokens) this.releasing.add(token);
    try {
      return await this.rows.release(tokens, dueAt);
    } finally {
      for (const token of tokens) this.releasing.delete(token);
    }
  }

  /** Takes the nudges out of held rows of these kinds and delivers each once. */
  async deliverNudges(kinds: readonly string[], deliver: (lease: Lease) => void): Promise<void> {
    const leases = this.all().filter((lease) => kinds.includes(lease.kind));
    if (leases.length === 0) return;
    const delivery = this.takeNudges(leases, deliver).finally(() => this.delivering.delete(delivery));
    this.delivering.add(delivery);
    await delivery;
  }

  private async takeNudges(leases: readonly Lease[], deliver: (lease: Lease) => void): Promise<void> {
    try {
      const taken = new Set(await this.rows.takeNudges(leases.map((lease) => lease.token)));
      leases.filter((lease) => taken.has(lease.token)).forEach(deliver);
    } catch (error) {
      // Unknown whether any were taken, so deliver to all holders.
      leases.forEach(deliver);
      throw error;
    }
  }

  /** Resolves when every nudge taken out of its row has been delivered. Releasing a row before that would lose its nudge. */
  async nudgesDelivered(): Promise<void> {
    while (this.delivering.size > 0) await Promise.allSettled(this.delivering);
  }

  /**
   * Releases leases that the database has for this worker and that the worker does not know of: of a claim that was committed although its connection broke.
   * Without this, their rows would wait until the leases expire.
   *
   * @returns how many there were, by kind
   */
  async releaseOrphans(): Promise<Map<string, number>> {
    const known = [...this.all().map((lease) => lease.token), ...this.releasing];
    const found = await this.rows.unknown(this.owner, known);
    // What was claimed meanwhile is known by the time that its claim has ended.
    await Promise.allSettled(this.claims);
    const tokens = new Set(this.all().map((lease) => lease.token));
    const orphans = found.filter(({ token }) => !tokens.has(token));
    if (orphans.length > 0)
      await this.rows.release(
        orphans.map(({ token }) => token),
        AT_ONCE,
      );
    return new Map([...Map.groupBy(orphans, ({ kind }) => kind)].map(([kind, those]) => [kind, those.length]));
  }

  /** Releases all leases, so that other workers can claim the rows immediately, and claims no more. Returns the leases that were held. */
  async close(): Promise<Lease[]> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    const held = await this.releaseAll();
    // A claim in flight would otherwise hold its rows, unserved, until the leases expire.
    await Promise.allSettled([...this.claims, this.renewing]);
    return [...held, ...(await this.releaseAll())];
  }

  private async releaseAll(): Promise<Lease[]> {
    const held = this.all();
    await this.release(held, AT_ONCE);
    return held;
  }

  forget(lease: Lease): void {
    if (this.held.get(keyOf(lease)) === lease) this.held.delete(keyOf(lease));
  }

  private keepRenewing(): void {
    if (this.timer || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.renewing ??= this.renew()
        .catch(this.onError)
        .finally(() => {
          this.renewing = null;
          if (this.held.size > 0) this.keepRenewing();
        });
    }, RENEWAL_MILLISECONDS);
  }

  /**
   * Renews all leases in one statement. A locked row is skipped, because waiting would delay all others, and is renewed the next time. A row missing from the
   * result is lost.
   */
  private async renew(): Promise<void> {
    const leases = this.all().filter((lease) => lease.stillOurs());
    if (leases.length === 0) return;
    const sentAt = performance.now();
    const answers = await this.renewals.renew(leases.map((lease) => lease.token));
    for (const lease of leases) {
      const renewed = answers.get(lease.token);
      if (renewed) lease.renewed(sentAt);
      else if (renewed === undefined) lease.lose();
    }
  }
}

/** Any past time: the statement makes a released row due now at the earliest. */
const AT_ONCE = new Date(0);

const keyOf = ({ kind, tenantId, id }: { kind: string; tenantId: string; id: string }): string => `${kind} ${tenantId} ${id}`;
