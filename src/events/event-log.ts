import { Injectable } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import { currentContext } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
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
 * The tenant's events in one sequence without gaps. All events appended in a transaction are written by its last statement. It takes the numbers from the
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
    this.database.beforeCommit(this, () => this.write(transaction));
  }

  private write(transaction: object): void {
    const { tenantId } = currentContext();
    const events = this.pending.get(transaction) ?? [];
    const rows = events.map(({ type, message, workloadId, rolloutId, targetId, reason, data }) => ({
      type,
      code: reason?.code ?? null,
      message,
      workload_id: workloadId ?? null,
      rollout_id: rolloutId ?? null,
      target_id: targetId ?? null,
      data: reason ? { ...data, reasonData: reason.data } : (data ?? {}),
    }));
    this.database.send(APPEND, [tenantId, rows.length, JSON.stringify(rows)]);
    this.database.afterCommit(() => this.announce.publish({ kind: 'events', tenantId }));
  }
}

/**
 * The clock is read after the head's row is locked, so times never contradict the sequence. For a tenant without a head there would be no number, and an event
 * without a number is refused.
 */
const APPEND = `
  WITH head AS (UPDATE event_heads SET seq = seq + $2::bigint WHERE tenant_id = $1::uuid RETURNING seq - $2::bigint AS before)
  INSERT INTO events (tenant_id, seq, type, code, time, workload_id, rollout_id, target_id, message, data)
  SELECT $1::uuid, head.before + item.position, item.type, item.code, clock_timestamp(), item.workload_id, item.rollout_id, item.target_id, item.message, item.data
  FROM ROWS FROM (jsonb_to_recordset($3::jsonb)
    AS (type text, code text, message text, workload_id uuid, rollout_id uuid, target_id uuid, data jsonb)) WITH ORDINALITY
    AS item (type, code, message, workload_id, rollout_id, target_id, data, position) LEFT JOIN head ON true`;
