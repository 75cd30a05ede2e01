import { Injectable } from '@nestjs/common';
import { Problem } from '../common/problem.ts';
import { Database } from '../common/database.ts';
import { EventHub, Reader } from './event-hub.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';
import type { EventFilter } from './event.repository.ts';

const PAGE = 200;
const HEARTBEAT_MILLISECONDS = 15_000;

export interface StreamOptions {
  tenantId: string;
  /** Only events with a larger sequence number. */
  after: bigint;
  filter?: EventFilter;
  /** The stream ends after this event. */
  until?: (event: Event) => boolean;
  signal: AbortSignal;
}

/** A tenant's events as they come: a page from the table up to where the hub begins, then the hub. Nothing is skipped and nothing comes twice. */
@Injectable()
export class EventStream {
  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly hub: EventHub,
  ) {}

  /** @throws Problem EXPIRED where events after this one have been deleted */
  async ensureKept(after: bigint): Promise<void> {
    const oldest = await this.events.oldest();
    if (oldest !== null && after + 1n < oldest) {
      throw new Problem('EXPIRED', `Events up to ${oldest - 1n} are no longer kept; begin with ?after=${oldest - 1n}.`);
    }
  }

  /** Yields events, and null every 15 seconds in which none came (the heartbeat). */
  async *read({ tenantId, after, filter, until, signal }: StreamOptions): AsyncGenerator<Event | null> {
    const reader = new Reader();
    const stop = () => reader.close();
    const { seq, leave } = await this.hub.join(tenantId, reader);
    signal.addEventListener('abort', stop);
    try {
      if (signal.aborted) return;
      let last = after;
      for await (const event of this.stored(tenantId, last, seq, filter)) {
        yield event;
        last = BigInt(event.id!);
        if (until?.(event)) return;
      }
      last = last > seq ? last : seq;
      for (;;) {
        const events = await reader.next(HEARTBEAT_MILLISECONDS);
        if (events === undefined) return;
        if (events === null) yield null;
        for (const event of events ?? []) {
          if (event.id !== null && BigInt(event.id) <= last) continue;
          if (!matches(event, filter)) continue;
          yield event;
          if (until?.(event)) return;
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      leave();
    }
  }

  private async *stored(tenantId: string, after: bigint, upTo: bigint, filter: EventFilter | undefined): AsyncGenerator<Event> {
    let last = after;
    while (last < upTo) {
      const rows = await this.database.as({ tenantId }, () => this.events.after(last, PAGE, filter));
      for (const row of rows) {
        if (row.seq > upTo) return;
        yield eventOf(row);
        last = row.seq;
      }
      if (rows.length < PAGE) return;
    }
  }
}

const matches = (event: Event, filter: EventFilter | undefined): boolean =>
  (!filter?.types || filter.types.includes(event.type)) &&
  (!filter?.workloadIds || (event.workload !== null && filter.workloadIds.includes(event.workload))) &&
  (!filter?.rolloutIds || (event.rollout !== null && filter.rolloutIds.includes(event.rollout)));
