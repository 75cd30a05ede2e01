import type { SystemQueries } from '../platform/db/database.ts';
import { Lease, LEASE_SECONDS, RENEWAL_MILLISECONDS } from './lease.ts';
import type { LeasedTable, LeaseKeeper } from './lease.ts';

interface LeaseRow {
  tenant_id: string;
  id: string;
  lease_token: string;
}

interface RenewalRow {
  kind: LeasedTable;
  tenant_id: string;
  id: string;
  renewed: boolean;
}

/**
 * The leases of this worker. A row is claimed when it is due. While it is held, its `due_at` is the end of its lease, so that claims and sweeps check only `due_at`:
 * a nudge sets it to now, and the rows of a dead worker become due by themselves. All times are the database's.
 */
export class Leases implements LeaseKeeper {
  private readonly held = new Map<string, Lease>();
  private readonly claims = new Set<Promise<Lease[]>>();
  private readonly delivering = new Set<Promise<void>>();
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

  /** Claims up to `limit` due rows, fairly: each tenant's first row before any tenant's second. `regions`: ids, for tables with a region; null = any. */
  async claim(table: LeasedTable, regions: readonly string[] | null, limit: number): Promise<Lease[]> {
    if (this.closed || limit <= 0) return [];
    const claim = this.claimNow(table, regions, limit).finally(() => this.claims.delete(claim));
    this.claims.add(claim);
    return claim;
  }

  private async claimNow(table: LeasedTable, regions: readonly string[] | null, limit: number): Promise<Lease[]> {
    const claimedAt = performance.now();
    const rows = await this.system.query<LeaseRow>(claimStatement(table, regions !== null), [
      this.owner,
      limit,
      ...(regions === null ? [] : [regions]),
    ]);
    const leases = rows.map((row) => new Lease(this, table, row.tenant_id, row.id, row.lease_token, claimedAt));
    for (const lease of leases) if (lease.stillOurs()) this.held.set(leaseKey(lease), lease);
    // `close()` awaits this claim and releases its leases.
    if (this.closed) return [];
    if (leases.length > 0) this.keepRenewing();
    return leases;
  }

  /** Releases rows, in one statement per table. Keeps a nudge that came in the meantime; returns whether there was one. */
  async release(leases: readonly Lease[], dueAt: Date | null): Promise<boolean> {
    for (const lease of leases) lease.lose();
    const tables = [...Map.groupBy(leases, (lease) => lease.table)];
    const released = await Promise.all(
      tables.map(([table, group]) =>
        this.system.query<{ due: boolean | null }>(releaseStatement(table), [this.owner, ...columnsOf(group), dueAt]),
      ),
    );
    return released.flat().some((row) => row.due);
  }

  /** Takes the nudges out of the held rows and delivers each once. */
  async deliverNudges(table: LeasedTable, deliver: (lease: Lease) => void): Promise<void> {
    const leases = [...this.held.values()].filter((lease) => lease.table === table);
    if (leases.length === 0) return;
    const delivery = this.takeNudges(table, leases, deliver).finally(() => this.delivering.delete(delivery));
    this.delivering.add(delivery);
    await delivery;
  }

  private async takeNudges(table: LeasedTable, leases: readonly Lease[], deliver: (lease: Lease) => void): Promise<void> {
    try {
      const rows = await this.system.query<LeaseRow>(nudgedStatement(table), [this.owner, ...columnsOf(leases)]);
      const taken = new Set(rows.map((row) => rowKey(table, row)));
      leases.filter((lease) => taken.has(leaseKey(lease))).forEach(deliver);
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
    const held = [...this.held.values()];
    await this.release(held, AT_ONCE);
    return held;
  }

  forget(lease: Lease): void {
    if (this.held.get(leaseKey(lease)) === lease) this.held.delete(leaseKey(lease));
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
    const leases = [...this.held.values()].filter((lease) => lease.stillOurs());
    if (leases.length === 0) return;
    const sentAt = performance.now();
    const tables = leases.map((lease) => lease.table);
    const rows = await this.renewals.query<RenewalRow>(RENEW, [this.owner, tables, ...columnsOf(leases)]);
    const answers = new Map(rows.map((row) => [rowKey(row.kind, row), row.renewed]));
    for (const lease of leases) {
      const renewed = answers.get(leaseKey(lease));
      if (renewed) lease.renewed(sentAt);
      else if (renewed === undefined) lease.lose();
    }
  }
}

/** Any past time: the statement makes a released row due now at the earliest. */
const AT_ONCE = new Date(0);

const rowKey = (table: LeasedTable, row: { tenant_id: string; id: string }): string => `${table} ${row.tenant_id} ${row.id}`;
const leaseKey = ({ table, tenantId, id }: Lease): string => rowKey(table, { tenant_id: tenantId, id });

const columnsOf = (leases: readonly Lease[]): [string[], string[], string[]] => [
  leases.map((lease) => lease.tenantId),
  leases.map((lease) => lease.id),
  leases.map((lease) => lease.token),
];

/**
 * Whether a held row has been nudged. Uses the current time, not the statement's start (`now()`): a statement that waited for the row's lock may see a nudge that
 * is newer than its start, and would take it for the end of the lease.
 */
const NUDGED = 't.due_at <= clock_timestamp()';

/** A row is due at its time, if it is not leased. */
export const DUE = 'due_at <= now() AND (lease_until IS NULL OR lease_until <= now())';
const UNTIL = `now() + interval '${LEASE_SECONDS} seconds'`;

function claimStatement(table: LeasedTable, inRegions: boolean): string {
  return `
    WITH due AS (
      SELECT tenant_id, id, due_at, row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS rank
      FROM ${table} WHERE ${DUE} ${inRegions ? 'AND region_id = ANY($3::uuid[])' : ''}
    ), chosen AS (
      SELECT t.tenant_id, t.id FROM ${table} t JOIN due ON due.tenant_id = t.tenant_id AND due.id = t.id
      WHERE t.due_at <= now() AND (t.lease_until IS NULL OR t.lease_until <= now())
      ORDER BY due.rank, due.due_at LIMIT $2 FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE ${table} t SET lease_owner = $1, lease_token = t.lease_token + 1, lease_until = ${UNTIL}, due_at = ${UNTIL}
    FROM chosen WHERE t.tenant_id = chosen.tenant_id AND t.id = chosen.id
    RETURNING t.tenant_id, t.id, t.lease_token`;
}

/** The rows of $2, $3 and $4 (tenant, id, token), locked in the order of their ids, so that two statements cannot deadlock. */
const lockedRows = (table: LeasedTable, wanted: string, condition: string, others: 'WAIT' | 'SKIP LOCKED'): string => `
  SELECT t.tenant_id, t.id FROM ${table} t JOIN ${wanted} w ON t.tenant_id = w.tenant_id AND t.id = w.id AND t.lease_token = w.token
  WHERE t.lease_owner = $1 AND ${condition} ORDER BY t.id FOR NO KEY UPDATE OF t ${others === 'WAIT' ? '' : others}`;

function releaseStatement(table: LeasedTable): string {
  return `
    WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS w (tenant_id, id, token)),
    ours AS (${lockedRows(table, 'wanted', 'true', 'WAIT')})
    UPDATE ${table} t SET lease_owner = NULL, lease_until = NULL, due_at = CASE WHEN ${NUDGED} THEN t.due_at WHEN $5::timestamptz IS NOT NULL THEN greatest($5, clock_timestamp()) END
    FROM ours WHERE t.tenant_id = ours.tenant_id AND t.id = ours.id
    RETURNING ${NUDGED} AS due`;
}

function nudgedStatement(table: LeasedTable): string {
  return `
    WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS w (tenant_id, id, token)),
    ours AS (${lockedRows(table, 'wanted', 't.due_at <= now() AND t.lease_until > now()', 'SKIP LOCKED')})
    UPDATE ${table} t SET due_at = t.lease_until
    FROM ours WHERE t.tenant_id = ours.tenant_id AND t.id = ours.id
    RETURNING t.tenant_id, t.id`;
}

const renewed = (table: LeasedTable): string => `
  ${table}_ours AS (${lockedRows(table, `(SELECT * FROM wanted WHERE kind = '${table}')`, 't.lease_until > now()', 'SKIP LOCKED')}),
  ${table}_renewed AS (
    UPDATE ${table} t SET lease_until = ${UNTIL}, due_at = CASE WHEN ${NUDGED} THEN t.due_at ELSE ${UNTIL} END
    FROM ${table}_ours o WHERE t.tenant_id = o.tenant_id AND t.id = o.id
    RETURNING t.tenant_id, t.id)`;

const held = (table: LeasedTable): string => `
  SELECT w.kind, t.tenant_id, t.id, r.id IS NOT NULL AS renewed
  FROM wanted w JOIN ${table} t ON t.tenant_id = w.tenant_id AND t.id = w.id
  LEFT JOIN ${table}_renewed r ON r.tenant_id = t.tenant_id AND r.id = t.id
  WHERE w.kind = '${table}' AND t.lease_token = w.token AND t.lease_owner = $1 AND t.lease_until > now()`;

const TABLES = ['rollouts', 'clusters', 'placements'] as const satisfies LeasedTable[];

const RENEW = `
  WITH wanted AS (SELECT * FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::bigint[]) AS w (kind, tenant_id, id, token)),
  ${TABLES.map(renewed).join(',')}
  ${TABLES.map(held).join(' UNION ALL ')}`;
