import { Injectable } from '@nestjs/common';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { Expiry } from '../platform/db/expiry.ts';
import { anyOf } from '../platform/db/statements.ts';
import { isId } from '../platform/id.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { tables } from './columns.ts';

export type EventRow = Prisma.EventGetPayload<object>;

export interface EventFilter {
  types?: string[] | undefined;
  workloadIds?: string[] | undefined;
  rolloutIds?: string[] | undefined;
}

@Injectable()
export class EventRepository {
  constructor(
    private readonly database: Database,
    expiry: Expiry,
  ) {
    expiry.add('events', () => database.system.query("DELETE FROM events WHERE time < now() - interval '30 days'"));
  }

  /** Events with a larger sequence number, oldest first. */
  async after(seq: bigint, take: number, filter: EventFilter = {}): Promise<EventRow[]> {
    return this.database.rows.event.findMany({ where: { ...where(filter), seq: { gt: seq } }, orderBy: { seq: 'asc' }, take });
  }

  /** Events with a smaller sequence number (or all), newest first. */
  async before(seq: bigint | null, take: number, filter: EventFilter = {}): Promise<EventRow[]> {
    const older = seq === null ? {} : { seq: { lt: seq } };
    return this.database.rows.event.findMany({ where: { ...where(filter), ...older }, orderBy: { seq: 'desc' }, take });
  }

  /** Sequence number of the tenant's newest event, 0 before the first. */
  async head(): Promise<bigint> {
    const head = await this.database.rows.eventHead.findUnique({ where: { tenantId: tenantId() } });
    return head?.seq ?? 0n;
  }

  /** Sequence number of the oldest stored event; null if there is none. */
  async oldest(): Promise<bigint | null> {
    const first = await this.database.rows.event.findFirst({
      where: { tenantId: tenantId() },
      orderBy: { seq: 'asc' },
      select: { seq: true },
    });
    return first?.seq ?? null;
  }

  /** Ids of the workloads with these ids or names, including removed ones, because their events stay. */
  async workloadIds(references: readonly string[]): Promise<string[]> {
    const list = [...references];
    const rows = await this.database.rows.workload.findMany({
      where: { tenantId: tenantId(), OR: [{ id: { in: list.filter(isId) } }, { name: { in: list } }] },
      select: { id: true },
    });
    return rows.map((row) => row.id);
  }

  /** Heads of several tenants, read by the system role. */
  async heads(tenantIds: readonly string[]): Promise<Map<string, bigint>> {
    const rows = await this.database.system.run(
      tables.selectFrom('event_heads').select(['tenant_id', 'seq']).where('tenant_id', '=', anyOf(tenantIds)),
    );
    return new Map(rows.map((row) => [row.tenant_id, BigInt(row.seq)]));
  }
}

const where = ({ types, workloadIds, rolloutIds }: EventFilter): Prisma.EventWhereInput => ({
  tenantId: tenantId(),
  ...(types ? { type: { in: types } } : {}),
  ...(workloadIds ? { workloadId: { in: workloadIds } } : {}),
  ...(rolloutIds ? { rolloutId: { in: rolloutIds } } : {}),
});
