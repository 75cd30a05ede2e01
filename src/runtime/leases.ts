import type { SystemQueries } from '../platform/db/database.ts';
import { Lease, LEASE_SECONDS, RENEWAL_MILLISECONDS } from './lease.ts';
import type { LeaseKeeper } from './lease.ts';
import type { Share } from './reconciler.ts';
import type { WorkKind } from './kinds.ts';
import { HAS_NUDGE, lockedRows, releasing, THE_SAME } from './work-sql.ts';

/** What is claimed: due rows of a kind, in these regions (null = any). */
export interface Claim {
  kind: WorkKind;
  regions: readonly string[] | null;
  limit: number;
  share: Share;
  /** The rows that are served and move already: they count against the shares. */
  moving: readonly Lease[];
  /** Tenants that have as many rows as they may: nothing more of theirs is claimed. */
  sated?: readonly string[];
  /** Called when one of the leases begins to rest. */
  onRest?: () => void;
}

interface ClaimedRow {
  tenant_id: string;
  id: string;
  cluster_id: string | null;
  lease_token: string;
}

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
    private readonly system: SystemQueries,
    /** A connection that nothing else uses, so that renewals never queue behind other work. */
    private readonly renewals: SystemQueries,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Claims due rows, fairly: each tenant's first row before any tenant's second, those that it has already included, and none beyond its share. */
  async claim(claim: Claim): Promise<Lease[]> {
    if (this.closed || claim.limit <= 0) return [];
    const claiming = this.claimNow(claim).finally(() => this.claims.delete(claiming));
    this.claims.add(claiming);
    return claiming;
  }

  private async claimNow({ kind, regions, limit, share, moving, sated = [], onRest }: Claim): Promise<Lease[]> {
    const claimedAt = performance.now();
    const tenants = countsOf(moving, (lease) => lease.tenantId);
    const clusters = countsOf(moving, (lease) => lease.clusterId);
    const rows = await this.system.query<ClaimedRow>(CLAIM, [
      this.owner,
      kind,
      limit,
      regions,
      [...tenants.keys()],
      [...tenants.values()],
      [...clusters.keys()],
      [...clusters.values()],
      share.tenant,
      share.cluster,
      sated,
    ]);
    const leases = rows.map(
      ({ tenant_id, id, cluster_id, lease_token }) =>
        new Lease(this, { kind, tenantId: tenant_id, id, clusterId: cluster_id, token: lease_token }, claimedAt, onRest),
    );
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
      return (await this.system.query<{ due: boolean }>(RELEASE, [tokens, dueAt])).some((row) => row.due);
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
      const rows = await this.system.query<{ token: string }>(NUDGED, [leases.map((lease) => lease.token)]);
      const taken = new Set(rows.map((row) => row.token));
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
    const found = await this.system.query<{ kind: string; token: string }>(UNKNOWN, [this.owner, known]);
    // What was claimed meanwhile is known by the time that its claim has ended.
    await Promise.allSettled(this.claims);
    const tokens = new Set(this.all().map((lease) => lease.token));
    const orphans = found.filter(({ token }) => !tokens.has(token));
    if (orphans.length > 0) await this.system.query(RELEASE, [orphans.map(({ token }) => token), AT_ONCE]);
    return countsOf(orphans, (orphan) => orphan.kind);
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
    const rows = await this.renewals.query<{ token: string; renewed: boolean }>(RENEW, [leases.map((lease) => lease.token)]);
    const answers = new Map(rows.map((row) => [row.token, row.renewed]));
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

function countsOf<T>(items: readonly T[], keyOf: (item: T) => string | null): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** A row is due at its time, if it is not leased. */
export const DUE = 'w.due_at <= now() AND (w.lease_until IS NULL OR w.lease_until <= now())';
const UNTIL = `now() + interval '${LEASE_SECONDS} seconds'`;

/**
 * $5 to $8: how many rows of each tenant and of each cluster move already; $9 and $10: how many may. Rows beyond a cluster's share do not count as their tenant's:
 * its other clusters must not wait for them. $11: tenants that hold as many rows as they may.
 */
const CLAIM = `
  WITH tenants AS (SELECT * FROM unnest($5::uuid[], $6::int[]) AS t (id, moving)),
  clusters AS (SELECT * FROM unnest($7::uuid[], $8::int[]) AS c (id, moving)),
  due AS (
    SELECT w.tenant_id, w.id, w.due_at,
      coalesce(c.moving, 0) + row_number() OVER (PARTITION BY w.tenant_id, w.cluster_id ORDER BY w.due_at) AS turn
    FROM work w LEFT JOIN clusters c ON c.id = w.cluster_id
    WHERE w.kind = $2 AND ${DUE} AND ($4::uuid[] IS NULL OR w.region_id = ANY($4::uuid[])) AND w.tenant_id <> ALL($11::uuid[])
  ), ranked AS (
    SELECT due.*, coalesce(t.moving, 0) + row_number() OVER (PARTITION BY due.tenant_id ORDER BY due.due_at) AS rank
    FROM due LEFT JOIN tenants t ON t.id = due.tenant_id WHERE $10::int IS NULL OR due.turn <= $10::int
  ), chosen AS (
    SELECT w.tenant_id, w.kind, w.id FROM work w JOIN ranked r ON w.tenant_id = r.tenant_id AND w.kind = $2 AND w.id = r.id
    WHERE ${DUE} AND ($9::int IS NULL OR r.rank <= $9::int)
    ORDER BY r.rank, r.due_at LIMIT $3 FOR NO KEY UPDATE OF w SKIP LOCKED
  )
  UPDATE work w SET lease_owner = $1, lease_token = nextval('work_lease_tokens'), lease_until = ${UNTIL}, due_at = ${UNTIL}
  FROM chosen WHERE w.tenant_id = chosen.tenant_id AND w.kind = chosen.kind AND w.id = chosen.id
  RETURNING w.tenant_id, w.id, w.cluster_id, w.lease_token`;

const lockedTokens = (condition: string, others: 'WAIT' | 'SKIP LOCKED'): string =>
  lockedRows(`w.lease_token = ANY($1::bigint[]) AND ${condition}`, others);

const RELEASE = releasing({ rows: 'w.lease_token = ANY($1::bigint[]) AND w.lease_owner IS NOT NULL', dueAt: '$2::timestamptz' });

const NUDGED = `
  WITH o AS MATERIALIZED (${lockedTokens('w.due_at <= now() AND w.lease_until > now()', 'SKIP LOCKED')})
  UPDATE work w SET due_at = w.lease_until FROM o WHERE ${THE_SAME} RETURNING w.lease_token AS token`;

const RENEW = `
  WITH o AS MATERIALIZED (${lockedTokens('w.lease_until > now()', 'SKIP LOCKED')}),
  renewed AS (
    UPDATE work w SET lease_until = ${UNTIL}, due_at = CASE WHEN ${HAS_NUDGE} THEN w.due_at ELSE ${UNTIL} END
    FROM o WHERE ${THE_SAME} RETURNING w.lease_token)
  SELECT w.lease_token AS token, w.lease_token IN (SELECT lease_token FROM renewed) AS renewed
  FROM work w WHERE w.lease_token = ANY($1::bigint[]) AND w.lease_until > now()`;

const UNKNOWN = `
  SELECT w.kind, w.lease_token AS token FROM work w WHERE w.lease_owner = $1 AND w.lease_until > now() AND w.lease_token <> ALL($2::bigint[])`;
