/** The rows of `work` on Postgres in memory: what `src/runtime/work-rows.ts` does by SQL. Times are milliseconds of the database's clock. */
import { LEASE_SECONDS } from '../../src/runtime/lease.ts';
import type { LeasedRow } from '../../src/runtime/lease.ts';
import type { WorkKind } from '../../src/runtime/kinds.ts';
import type { Claim, DueRow, LeaseRows, Swept, WorkRows } from '../../src/runtime/work-rows.ts';
import { reading } from './postgres.ts';
import type { LockRequest, Statement, Transaction } from './postgres.ts';
import type { Session } from './session.ts';

export interface WorkRow {
  kind: WorkKind;
  tenantId: string;
  id: string;
  regionId: string | null;
  clusterId: string | null;
  dueAt: number;
  owner: string | null;
  token: string | null;
  until: number | null;
}

export const workKey = (kind: string, id: string): string => `${kind} ${id}`;
const keyOf = ({ kind, id }: Pick<WorkRow, 'kind' | 'id'>): string => workKey(kind, id);
const locked = (row: Pick<WorkRow, 'kind' | 'id'>, skip = false): LockRequest => ({ key: `work ${keyOf(row)}`, mode: 'UPDATE', skip });
const byKey = (a: Pick<WorkRow, 'kind' | 'id'>, b: Pick<WorkRow, 'kind' | 'id'>): number => (keyOf(a) < keyOf(b) ? -1 : 1);
const all = (transaction: Transaction): WorkRow[] => transaction.all('work') as WorkRow[];
const lease = (now: number): number => now + LEASE_SECONDS * 1000;
const isDue = ({ dueAt, until }: WorkRow, now: number): boolean => dueAt <= now && (until === null || until <= now);

export class SimulatedWorkRows implements Pick<WorkRows, 'makeDue' | 'forget' | 'release'> {
  constructor(private readonly session: Session) {}

  makeDue(tenantId: string, rows: readonly DueRow[]): void {
    this.session.write(function* (transaction) {
      for (const row of [...rows].sort(byKey)) {
        yield locked(row);
        const { now } = transaction.server;
        const before = transaction.get('work', keyOf(row)) as WorkRow | null;
        const fresh: WorkRow = { ...row, tenantId, dueAt: now, owner: null, token: null, until: null };
        transaction.put('work', keyOf(row), before === null ? { ...fresh } : { ...before, dueAt: Math.min(before.dueAt, now) });
      }
    });
  }

  forget(_tenantId: string, rows: readonly Pick<DueRow, 'kind' | 'id'>[]): void {
    this.session.write(function* (transaction) {
      for (const row of [...rows].sort(byKey)) {
        yield locked(row);
        transaction.put('work', keyOf(row), null);
      }
    });
  }

  release(row: Pick<LeasedRow, 'tenantId' | 'kind' | 'id' | 'token'>, dueAt: Date | null): void {
    this.session.write(releasing((one) => one.kind === row.kind && one.id === row.id && one.token === row.token, dueAt));
  }
}

/** Due at `dueAt` or, where a row has been nudged, at once; a row that is not due again is deleted. Answers whether any of them is due. */
function releasing(which: (row: WorkRow) => boolean, dueAt: Date | null): Statement<boolean> {
  return function* (transaction) {
    let due = false;
    for (const found of all(transaction).filter(which).sort(byKey)) {
      yield locked(found);
      const row = transaction.get('work', keyOf(found)) as WorkRow | null;
      if (row === null || !which(row)) continue;
      const { now } = transaction.server;
      const nudged = row.dueAt <= now;
      if (!nudged && dueAt === null) {
        transaction.put('work', keyOf(row), null);
        continue;
      }
      const next = nudged ? row.dueAt : Math.max(dueAt?.getTime() ?? now, now);
      transaction.put('work', keyOf(row), { ...row, owner: null, until: null, dueAt: next });
      due ||= next <= now;
    }
    return due;
  };
}

export class SimulatedLeaseRows implements Pick<LeaseRows, keyof LeaseRows> {
  constructor(private readonly session: Session) {}

  claim(owner: string, { kind, regions, limit, share, moving, sated = [] }: Claim): Promise<LeasedRow[]> {
    return this.alone(function* (transaction) {
      const now = transaction.startedAt;
      const due = all(transaction)
        .filter((row) => row.kind === kind && isDue(row, now) && !sated.includes(row.tenantId))
        .filter((row) => regions === null || (row.regionId !== null && regions.includes(row.regionId)))
        .sort((a, b) => a.dueAt - b.dueAt);
      const clusters = new Map<string | null, number>();
      const claimed: LeasedRow[] = [];
      for (const row of due) {
        const turn = (clusters.get(row.clusterId) ?? moving.filter((one) => one.clusterId === row.clusterId).length) + 1;
        clusters.set(row.clusterId, turn);
        if (claimed.length >= limit || (share.cluster !== null && turn > share.cluster)) continue;
        if (!(yield locked(row, true))) continue;
        const live = transaction.get('work', keyOf(row)) as WorkRow | null;
        if (live === null || !isDue(live, now)) continue;
        const token = transaction.server.nextToken();
        transaction.put('work', keyOf(row), { ...live, owner, token, until: lease(now), dueAt: lease(now) });
        claimed.push({ kind, tenantId: row.tenantId, id: row.id, clusterId: row.clusterId, token });
      }
      return claimed;
    });
  }

  release(tokens: readonly string[], dueAt: Date | null): Promise<boolean> {
    return this.alone(releasing((row) => row.owner !== null && row.token !== null && tokens.includes(row.token), dueAt));
  }

  takeNudges(tokens: readonly string[]): Promise<string[]> {
    return this.alone(function* (transaction) {
      const now = transaction.startedAt;
      const isNudged = (row: WorkRow | null): row is WorkRow => row !== null && row.dueAt <= now && row.until !== null && row.until > now;
      const taken: string[] = [];
      for (const { kind, id, token } of held(transaction, tokens)) {
        if (!isNudged(transaction.get('work', workKey(kind, id)) as WorkRow) || !(yield locked({ kind, id }, true))) continue;
        const row = transaction.get('work', workKey(kind, id)) as WorkRow | null;
        if (!isNudged(row) || row.token !== token) continue;
        transaction.put('work', keyOf(row), { ...row, dueAt: row.until! });
        taken.push(row.token!);
      }
      return taken;
    });
  }

  renew(tokens: readonly string[]): Promise<Map<string, boolean>> {
    return this.alone(function* (transaction) {
      const now = transaction.startedAt;
      const renewed = new Map<string, boolean>();
      for (const found of held(transaction, tokens)) {
        if (found.until === null || found.until <= now) continue;
        renewed.set(found.token!, false);
        if (!(yield locked(found, true))) continue;
        const row = transaction.get('work', keyOf(found)) as WorkRow | null;
        if (row === null || row.token !== found.token || row.until === null || row.until <= now) {
          renewed.delete(found.token!);
          continue;
        }
        const nudged = row.dueAt <= transaction.server.now;
        transaction.put('work', keyOf(row), { ...row, until: lease(now), dueAt: nudged ? row.dueAt : lease(now) });
        renewed.set(row.token!, true);
      }
      return renewed;
    });
  }

  unknown(owner: string, known: readonly string[]): Promise<{ kind: string; token: string }[]> {
    return this.alone(
      reading((transaction) =>
        all(transaction).flatMap(({ kind, token, owner: holder, until }) =>
          holder === owner && token !== null && until !== null && until > transaction.startedAt && !known.includes(token)
            ? [{ kind, token }]
            : [],
        ),
      ),
    );
  }

  sweep({ any, regional, regions }: Swept): Promise<{ now: Date; kinds: string[] }> {
    return this.alone(
      reading((transaction) => {
        const due = all(transaction).filter((row) => isDue(row, transaction.startedAt));
        const here = due.filter((row) => row.regionId !== null && regions.includes(row.regionId));
        const kinds = [
          ...any.filter((kind) => due.some((row) => row.kind === kind)),
          ...regional.filter((kind) => here.some((row) => row.kind === kind)),
        ];
        return { now: new Date(Math.floor(transaction.startedAt)), kinds };
      }),
    );
  }

  /** Outside of any transaction that may be open. */
  private alone<T>(statement: Statement<T>): Promise<T> {
    return this.session.alone(statement);
  }
}

const held = (transaction: Transaction, tokens: readonly string[]): WorkRow[] =>
  all(transaction)
    .filter((row) => row.token !== null && tokens.includes(row.token))
    .sort(byKey);
