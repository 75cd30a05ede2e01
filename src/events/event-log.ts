import { Injectable } from '@nestjs/common';
import type { Prisma } from '../generated/prisma/client.ts';
import { Announce } from '../common/announce.ts';
import { currentContext } from '../common/context.ts';
import { Database } from '../common/database.ts';

/** An event as its feature states it; the sequence number and the time come with the commit. */
export interface NewEvent {
  type: string;
  /** One sentence for a person, with the cause. */
  message: string;
  workloadId?: string | null;
  rolloutId?: string | null;
  targetId?: string | null;
  data?: Prisma.InputJsonValue;
}

/**
 * The tenant's events in one sequence without gaps. What is appended anywhere in a transaction is written by its last statement, which takes the numbers
 * from the tenant's head and so holds everybody else off until the commit: the order of the numbers is the order of the commits, and a transaction that
 * is rolled back gives its numbers back.
 */
@Injectable()
export class EventLog {
  /** Per open transaction, by its handle: what it has to say so far. */
  private readonly pending = new WeakMap<object, NewEvent[]>();

  constructor(
    private readonly database: Database,
    private readonly announce: Announce,
  ) {}

  /** Adds to what the open transaction says when it commits. Events belong to a change of rows, so outside a transaction it throws. */
  append(events: NewEvent[]): void {
    const { transaction } = currentContext();
    if (!transaction) throw new Error('events are appended in the transaction that they tell of');
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
    const rows = events.map(({ type, message, workloadId, rolloutId, targetId, data }) => ({
      type,
      message,
      workload_id: workloadId ?? null,
      rollout_id: rolloutId ?? null,
      target_id: targetId ?? null,
      data: data ?? {},
    }));
    this.database.send(APPEND, [tenantId, rows.length, JSON.stringify(rows)]);
    this.database.afterCommit(() => this.announce.publish({ kind: 'events', tenantId }));
  }
}

/**
 * The head's row is locked when the numbers are taken, and the clock is read after that: times never run against the sequence. Where a tenant had no head, there
 * would be no number, and an event without one is refused.
 */
const APPEND = `
  WITH head AS (UPDATE event_heads SET seq = seq + $2::bigint WHERE tenant_id = $1::uuid RETURNING seq - $2::bigint AS before)
  INSERT INTO events (tenant_id, seq, type, time, workload_id, rollout_id, target_id, message, data)
  SELECT $1::uuid, head.before + item.position, item.type, clock_timestamp(), item.workload_id, item.rollout_id, item.target_id, item.message, item.data
  FROM ROWS FROM (jsonb_to_recordset($3::jsonb)
    AS (type text, message text, workload_id uuid, rollout_id uuid, target_id uuid, data jsonb)) WITH ORDINALITY
    AS item (type, message, workload_id, rollout_id, target_id, data, position) LEFT JOIN head ON true`;
