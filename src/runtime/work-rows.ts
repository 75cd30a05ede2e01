/** The statements about rows of `work`: their only SQL, but for what features put into statements of their own (`leaseHeld`). In each, `w` is the row. */
import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import type { SystemQueries } from '../platform/db/database.ts';
import type { WorkKind } from './kinds.ts';
import { LEASE_SECONDS } from './lease.ts';
import type { LeasedRow } from './lease.ts';
import type { Share } from './reconciler.ts';

/** A row that is due. */
export interface DueRow {
  kind: WorkKind;
  id: string;
  /** null for kinds of scope ANY. */
  regionId: string | null;
  clusterId: string | null;
}

/** What a transaction of a tenant changes. The statements are sent and not awaited: they run before what the transaction sends next. */
@Injectable()
export class WorkRows {
  constructor(private readonly database: Database) {}

  /** Makes rows due now, or at their time if that is earlier. */
  makeDue(tenantId: string, rows: readonly DueRow[]): void {
    const records = rows.map(({ kind, id, regionId, clusterId }) => ({ kind, id, region_id: regionId, cluster_id: clusterId }));
    this.database.send(MAKE_DUE, [tenantId, JSON.stringify(records)]);
  }

  /** Deletes rows. */
  forget(tenantId: string, rows: readonly Pick<DueRow, 'kind' | 'id'>[]): void {
    this.database.send(FORGET, [tenantId, rows.map(({ kind }) => kind), rows.map(({ id }) => id)]);
  }

  /** Releases a lease: see `releasing`. */
  release({ tenantId, kind, id, token }: Pick<LeasedRow, 'tenantId' | 'kind' | 'id' | 'token'>, dueAt: Date | null): void {
    this.database.send(RELEASE, [tenantId, kind, id, token, dueAt]);
  }
}

/** What is claimed: due rows of a kind, in these regions (null = any). */
export interface Claim {
  kind: WorkKind;
  regions: readonly string[] | null;
  limit: number;
  share: Share;
  /** The rows that are served and move already: they count against the shares. */
  moving: readonly Pick<LeasedRow, 'tenantId' | 'clusterId'>[];
  /** Tenants that have as many rows as they may: nothing more of theirs is claimed. */
  sated?: readonly string[];
}

/** What a sweep looks for. */
export interface Swept {
  /** Of all regions. */
  any: readonly string[];
  /** Of the served regions. */
  regional: readonly string[];
  regions: readonly string[];
}

/** What workers do with leases, across tenants. */
export class LeaseRows {
  constructor(private readonly system: SystemQueries) {}

  /** Claims due rows, fairly: each tenant's first row before any tenant's second, those that move already included, and none beyond its share. */
  async claim(owner: string, { kind, regions, limit, share, moving, sated = [] }: Claim): Promise<LeasedRow[]> {
    const tenants = countsOf(moving, (lease) => lease.tenantId);
    const clusters = countsOf(moving, (lease) => lease.clusterId);
    const counts = [tenants, clusters].flatMap((map) => [[...map.keys()], [...map.values()]]);
    const rows = await this.system.query<ClaimedRow>(CLAIM, [owner, kind, limit, regions, ...counts, share.tenant, share.cluster, sated]);
    return rows.map((row) => ({ kind, tenantId: row.tenant_id, id: row.id, clusterId: row.cluster_id, token: row.lease_token }));
  }

  /** Releases leases: see `releasing`. Returns whether any of the rows is due. */
  async release(tokens: readonly string[], dueAt: Date | null): Promise<boolean> {
    return (await this.system.query<{ due: boolean }>(RELEASE_TOKENS, [tokens, dueAt])).some((row) => row.due);
  }

  /** Takes the nudges out of held rows. Returns the tokens of those that had one. */
  async takeNudges(tokens: readonly string[]): Promise<string[]> {
    return (await this.system.query<{ token: string }>(NUDGED, [tokens])).map((row) => row.token);
  }

  /** Renews leases. A row that another transaction has locked is skipped (false). A token that is not in the result is lost. */
  async renew(tokens: readonly string[]): Promise<Map<string, boolean>> {
    const rows = await this.system.query<{ token: string; renewed: boolean }>(RENEW, [tokens]);
    return new Map(rows.map((row) => [row.token, row.renewed]));
  }

  /** The owner's leases but these. */
  unknown(owner: string, known: readonly string[]): Promise<{ kind: string; token: string }[]> {
    return this.system.query(UNKNOWN, [owner, known]);
  }

  /** The database's time, and the kinds of which rows are due that a worker may claim. */
  async sweep({ any, regional, regions }: Swept): Promise<{ now: Date; kinds: string[] }> {
    const [row] = await this.system.query<{ now: Date; kinds: string[] }>(SWEEP, [any, regional, regions]);
    return row!;
  }
}

interface ClaimedRow {
  tenant_id: string;
  id: string;
  cluster_id: string | null;
  lease_token: string;
}

function countsOf<T>(items: readonly T[], keyOf: (item: T) => string | null): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/**
 * Whether a held row has been nudged: its `due_at` is the end of its lease, and an earlier one that has come is a nudge. Uses the current time, not the statement's or
 * the transaction's start (`now()`): one that waited for the row's lock may see a nudge that is newer than its start, and would take it for the end of the lease.
 */
const HAS_NUDGE = 'w.due_at <= clock_timestamp()';

/** The rows that a condition names, locked in the order of their keys, so that two statements cannot deadlock. */
const lockedRows = (condition: string, others: 'WAIT' | 'SKIP LOCKED'): string => `
  SELECT w.tenant_id, w.kind, w.id, ${HAS_NUDGE} AS nudged FROM work w
  WHERE ${condition} ORDER BY w.kind, w.id FOR UPDATE OF w ${others === 'WAIT' ? '' : others}`;

/** The row that is locked as `o`. */
const THE_SAME = 'w.tenant_id = o.tenant_id AND w.kind = o.kind AND w.id = o.id';

/**
 * Releases rows: they are due at `dueAt` or, where they have been nudged, at once. A row that is not due again (`dueAt` null) is deleted.
 *
 * @returns for each row that stays, whether it is due
 */
const releasing = ({ rows, dueAt }: { rows: string; dueAt: string }): string => `
  WITH o AS MATERIALIZED (${lockedRows(rows, 'WAIT')}),
  ended AS (DELETE FROM work w USING o WHERE ${THE_SAME} AND NOT o.nudged AND ${dueAt} IS NULL)
  UPDATE work w SET lease_owner = NULL, lease_until = NULL, due_at = CASE WHEN o.nudged THEN w.due_at ELSE greatest(${dueAt}, clock_timestamp()) END
  FROM o WHERE ${THE_SAME} AND (o.nudged OR ${dueAt} IS NOT NULL)
  RETURNING ${HAS_NUDGE} AS due`;

const MAKE_DUE = `
  INSERT INTO work (tenant_id, kind, id, region_id, cluster_id, due_at)
  SELECT $1::uuid, n.kind, n.id, n.region_id, n.cluster_id, clock_timestamp()
  FROM jsonb_to_recordset($2::jsonb) AS n(kind text, id uuid, region_id uuid, cluster_id uuid) ORDER BY n.kind, n.id
  ON CONFLICT (tenant_id, kind, id) DO UPDATE SET due_at = least(work.due_at, excluded.due_at)`;

const FORGET = `
  WITH ended AS (
    SELECT w.tenant_id, w.kind, w.id FROM work w JOIN unnest($2::text[], $3::uuid[]) AS n (kind, id) ON n.kind = w.kind AND n.id = w.id
    WHERE w.tenant_id = $1::uuid ORDER BY w.kind, w.id FOR UPDATE OF w)
  DELETE FROM work w USING ended e WHERE w.tenant_id = e.tenant_id AND w.kind = e.kind AND w.id = e.id`;

const RELEASE = releasing({
  rows: 'w.tenant_id = $1::uuid AND w.kind = $2 AND w.id = $3::uuid AND w.lease_token = $4::bigint',
  dueAt: '$5::timestamptz',
});

/** A row is due at its time, if it is not leased. */
const DUE = 'w.due_at <= now() AND (w.lease_until IS NULL OR w.lease_until <= now())';
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

const RELEASE_TOKENS = releasing({ rows: 'w.lease_token = ANY($1::bigint[]) AND w.lease_owner IS NOT NULL', dueAt: '$2::timestamptz' });

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

const SWEEP = `
  SELECT now() AS now, ARRAY(
    SELECT k.kind FROM unnest($1::text[]) AS k (kind) WHERE EXISTS (SELECT 1 FROM work w WHERE w.kind = k.kind AND ${DUE})
    UNION ALL
    SELECT k.kind FROM unnest($2::text[]) AS k (kind) WHERE EXISTS (SELECT 1 FROM work w WHERE w.kind = k.kind AND ${DUE} AND w.region_id = ANY($3::uuid[]))
  ) AS kinds`;
