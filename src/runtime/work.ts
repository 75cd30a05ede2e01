import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { currentContext } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { Statements } from '../platform/db/statements.ts';
import { Announce } from '../platform/queue/announce.ts';
import { Queues } from '../platform/queue/queue.ts';
import type { WorkKind } from './kinds.ts';
import type { Lease } from './lease.ts';
import { WorkRows } from './work-rows.ts';
import type { DueRow } from './work-rows.ts';

const tables = new Statements();

/** A row of another table for which there is something to do. */
export interface WorkRow {
  id: string;
  /** For kinds of scope REGION. */
  regionId?: string;
  /** The cluster that is connected to, whose share of a worker is bounded. */
  clusterId?: string;
}

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** A row is due. Its holder reads it again. */
    due: { work: string; tenantId: string; id: string };
    /** A worker has released its leases: what it held is due. */
    released: object;
  }
}

/** The queue of a region's work; null: that of the work of all workers. */
export const queueOf = (regionId: string | null): string => (regionId === null ? 'work' : `work-${regionId}`);

/** Handles nudges in the process that sends them. Returns true if it handles this one now. */
export type NudgeListener = (queue: string, kind: string) => boolean;

/** Delay of the job when this process handles the nudge itself. */
const BEHIND_MILLISECONDS = 50;

/** Version of the jobs' shape. A job only wakes a worker; the work itself is in the rows. */
const JOB_VERSION = 1;

interface Pending {
  due: Map<string, DueRow>;
  forgotten: Pick<DueRow, 'kind' | 'id'>[];
  released: { lease: Lease; dueAt: Date | null }[];
}

/**
 * What there is to do, as the table `work` says: a row for each row of another table that is due at some time, with its lease. It changes in the transaction of what
 * makes it due. After the commit a nudge follows: a job wakes a worker to claim rows without a lease, and an announcement wakes the holder of a lease. A lost nudge
 * costs at most a second, because the sweep finds due rows. So a nudge never fails the caller.
 *
 * All changes of a transaction are at its end: what is due, then what is forgotten, both ordered by kind and id, then what is released. So two transactions that
 * make the rows of each other due do not deadlock on them.
 */
@Injectable()
export class Work implements BeforeApplicationShutdown {
  /** By what the open transaction does last. */
  private readonly pending = new WeakMap<object, Pending>();
  private readonly listeners = new Set<NudgeListener>();
  /** Timers of delayed jobs, by queue and kind. */
  private readonly behind = new Map<string, NodeJS.Timeout>();

  constructor(
    @Inject(Database) private readonly database: Pick<Database, 'beforeCommit' | 'afterCommit'>,
    @Inject(Queues) private readonly queues: Pick<Queues, 'open'>,
    @Inject(Announce) private readonly announce: Pick<Announce, 'publish'>,
    @Inject(WorkRows) private readonly rows: Pick<WorkRows, 'makeDue' | 'forget' | 'release'>,
  ) {}

  /** Makes rows due when the open transaction commits, and nudges whoever serves them. */
  due(kind: WorkKind, rows: readonly WorkRow[]): void {
    const { due } = this.gathered();
    for (const { id, regionId = null, clusterId = null } of rows) due.set(`${kind} ${id}`, { kind, id, regionId, clusterId });
  }

  /** There is nothing to do for these rows any more. Their holders lose their leases. */
  forget(kind: WorkKind, ids: readonly string[]): void {
    this.gathered().forgotten.push(...ids.map((id) => ({ kind, id })));
  }

  /** Releases a lease with the open transaction. `dueAt`: when the row is due next, null = not before the next nudge. A nudge that came in the meantime is kept. */
  release(lease: Lease, dueAt: Date | null): void {
    this.gathered().released.push({ lease, dueAt });
  }

  /** Calls the listener at each nudge, so that a worker in the same process starts before the job arrives. Returns the function that ends this. */
  listen(listener: NudgeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Wakes one worker of the queue. A job that is already waiting covers this row too. A running one may have read before, so one more job follows it.
   * Resolves when the job has been added or given up; never rejects.
   */
  wake(queue: string, kind: string): Promise<void> {
    return this.queues.open(queue).add({ name: kind, data: { version: JOB_VERSION } }, kind);
  }

  /** Delayed jobs are dropped: the rows stay due, and another worker's sweep finds them. */
  beforeApplicationShutdown(): void {
    for (const timer of this.behind.values()) clearTimeout(timer);
  }

  private gathered(): Pending {
    const { beforeCommit } = currentContext();
    if (!beforeCommit) throw new Error('work is made due in the transaction of what makes it due');
    const known = this.pending.get(beforeCommit);
    if (known) return known;
    const pending: Pending = { due: new Map(), forgotten: [], released: [] };
    this.pending.set(beforeCommit, pending);
    this.database.beforeCommit(this, () => this.write(pending));
    return pending;
  }

  private write({ due, forgotten, released }: Pending): void {
    const { tenantId } = currentContext();
    const rows = [...due.values()];
    if (rows.length > 0) this.rows.makeDue(tenantId, rows);
    if (forgotten.length > 0) this.rows.forget(tenantId, forgotten);
    for (const { lease, dueAt } of released) this.rows.release(lease, dueAt);
    this.database.afterCommit(() => {
      for (const { lease } of released) lease.lose();
      this.nudge(tenantId, rows);
    });
  }

  private nudge(tenantId: string, rows: readonly DueRow[]): void {
    for (const { kind, id } of rows) this.announce.publish({ kind: 'due', work: kind, tenantId, id });
    const queues = new Map(rows.map(({ kind, regionId }) => [`${kind} ${regionId ?? ''}`, { kind, queue: queueOf(regionId) }]));
    for (const { kind, queue } of queues.values()) this.nudgeQueue(queue, kind);
  }

  /** If this process handles the nudge itself, the job is delayed 50 ms and serves only as a fallback for other workers. */
  private nudgeQueue(queue: string, kind: string): void {
    const handled = [...this.listeners].map((listener) => listener(queue, kind)).includes(true);
    if (!handled) {
      void this.wake(queue, kind);
      return;
    }
    const key = `${queue} ${kind}`;
    if (this.behind.has(key)) return;
    const follow = (): void => {
      this.behind.delete(key);
      void this.wake(queue, kind);
    };
    this.behind.set(key, setTimeout(follow, BEHIND_MILLISECONDS).unref());
  }
}

/** A value, or the expression that stands for it. */
type Operand = string | RawBuilder<string>;

/**
 * For statements of tenants that hold only under a lease: the row of `work`, if it is held under this token. With `exists`, or locked (`forShare`) to keep a claim
 * from coming in between until the commit. A kind that is known when the statement is written goes in as `sql.lit`.
 */
export const leaseHeld = ({
  tenant,
  kind,
  id,
  token,
}: Record<'tenant' | 'id' | 'token', Operand> & { kind: WorkKind | RawBuilder<string> }) =>
  tables
    .selectFrom('work')
    .select(sql.lit(1).as('held'))
    .where('tenant_id', '=', tenant)
    .where('kind', '=', kind)
    .where('id', '=', id)
    .where('lease_token', '=', token)
    .where('lease_until', '>', sql<Date>`now()`);

/** Whether a worker holds anything in the region, of whatever tenant and kind: then one is there, and what is due waits for a slot or for its tenant's share. */
export const heldIn = (region: Operand) =>
  tables
    .selectFrom('work as l')
    .select(sql.lit(1).as('held'))
    .where('l.region_id', '=', region)
    .where('l.lease_until', '>', sql<Date>`now()`);
