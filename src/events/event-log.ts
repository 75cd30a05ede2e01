import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Announce } from '../platform/queue/announce.ts';
import { currentContext } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { uuid } from '../platform/db/statements.ts';
import { tables } from './columns.ts';
import type { EventType } from './event-types.ts';

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** The tenant has new events. */
    events: { tenantId: string };
  }
}

/** An event as given by its feature. The sequence number and the time are added at the commit. */
export interface NewEvent {
  type: EventType;
  /** One sentence for a person, with the cause. */
  message: string;
  workloadId?: string | null;
  rolloutId?: string | null;
  targetId?: string | null;
  /** Why, as code and data; `message` is then the sentence as it is said now. */
  reason?: { code: string; data: object } | null;
  data?: object;
}

/**
 * The tenant's events in one sequence without gaps. All events appended in a transaction are written by its last statement before the commit. It takes the numbers from the
 * tenant's head and keeps that row locked until the commit. So numbers are in the order of commits, and a rollback also rolls back its numbers.
 */
@Injectable()
export class EventLog {
  /** Events appended so far, by the open transaction's handle. */
  private readonly pending = new WeakMap<object, NewEvent[]>();

  constructor(
    private readonly database: Database,
    private readonly announce: Announce,
  ) {}

  /** Appends an event, to be written when the open transaction commits. Throws outside a transaction, because events belong to a change of rows. */
  append(events: NewEvent[]): void {
    const { transaction } = currentContext();
    if (!transaction) throw new Error('events must be appended in the transaction that they describe');
    if (events.length === 0) return;
    const gathered = this.pending.get(transaction);
    if (gathered) {
      gathered.push(...events);
      return;
    }
    this.pending.set(transaction, [...events]);
    this.database.beforeCommit(this, () => this.write(transaction), 'LAST');
  }

  private write(transaction: object): void {
    const { tenantId } = currentContext();
    const events = this.pending.get(transaction) ?? [];
    this.database.write(appended(tenantId, events));
    this.database.afterCommit(() => this.announce.publish({ kind: 'events', tenantId }));
  }
}

const records = tables.recordsOf<NewEvent>().into('events', {
  type: ({ type }) => type,
  code: ({ reason }) => reason?.code ?? null,
  message: ({ message }) => message,
  workload_id: ({ workloadId }) => workloadId ?? null,
  rollout_id: ({ rolloutId }) => rolloutId ?? null,
  target_id: ({ targetId }) => targetId ?? null,
  data: ({ reason, data }) => (reason ? { ...data, reasonData: reason.data } : (data ?? {})),
});

/**
 * The clock is read after the head's row is locked, so times never contradict the sequence. For a tenant without a head there would be no number, and an event
 * without a number is refused.
 */
const appended = (tenantId: string, events: readonly NewEvent[]) =>
  tables
    .with('head', (db) =>
      db
        .updateTable('event_heads')
        .set({ seq: sql`seq + ${events.length}` })
        .where('tenant_id', '=', tenantId)
        .returning(sql<string>`seq - ${events.length}`.as('before')),
    )
    .insertInto('events')
    .columns(['tenant_id', 'seq', 'time', ...records.columns])
    .expression((select) =>
      select
        .selectFrom(records.of(events).as('n'))
        .leftJoin('head', (join) => join.onTrue())
        .select((e) => [
          uuid(tenantId).as('tenant_id'),
          e('head.before', '+', e.ref('n.ordinality')).as('seq'),
          sql`clock_timestamp()`.as('time'),
        ])
        .select(records.under('n')),
    );
