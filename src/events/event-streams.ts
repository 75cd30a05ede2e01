import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import { EventHub } from './event-hub.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';
import type { EventFilter } from './event.repository.ts';
import { Reader } from './reader.ts';

const PAGE = 200;
const HEARTBEAT_MILLISECONDS = 15_000;

export interface StreamOptions {
  tenantId: string;
  /** Only events with a larger sequence number. */
  after: bigint;
  filter: EventFilter;
  /** The stream ends after this event. */
  until?: ((event: Event) => boolean) | undefined;
}

/** Events as they occur, for one follower. */
export interface Stream {
  /** Batches of events, oldest first. An empty batch after 15 seconds without events shows that the stream is alive. */
  batches: AsyncGenerator<Event[]>;
  /** Aborted once no more events follow, even if earlier ones have not been taken yet. */
  over: AbortSignal;
  /** Ends the stream: the follower has disconnected, or its key has ended. */
  end: () => void;
}

/** Streams a tenant's events: from the table up to where the hub begins, then from the hub. No event is skipped or repeated. */
@Injectable()
export class EventStreams {
  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly hub: EventHub,
  ) {}

  open(options: StreamOptions): Stream {
    const reader = new Reader((event) => matches(event, options.filter));
    return { batches: this.read(options, reader), over: reader.over, end: () => reader.close() };
  }

  private async *read(options: StreamOptions, reader: Reader): AsyncGenerator<Event[]> {
    try {
      for await (const batch of this.all(options, reader)) {
        const last = options.until ? batch.findIndex(options.until) : -1;
        yield last < 0 ? batch : batch.slice(0, last + 1);
        if (last >= 0) return;
      }
    } finally {
      reader.close();
    }
  }

  private async *all({ tenantId, after, filter }: StreamOptions, reader: Reader): AsyncGenerator<Event[]> {
    const joined = await this.hub.join(tenantId, reader);
    for (let last = after; last < joined && !reader.over.aborted;) {
      const rows = await this.database.as({ tenantId }, () => this.events.after(last, PAGE, filter));
      const kept = rows.filter((row) => row.seq <= joined);
      if (kept.length > 0) yield kept.map(eventOf);
      last = kept.length < PAGE ? joined : rows[PAGE - 1]!.seq;
    }
    const seen = after > joined ? after : joined;
    for (;;) {
      const events = await reader.next(HEARTBEAT_MILLISECONDS);
      if (events === null) return;
      yield events.filter(({ id }) => id === null || BigInt(id) > seen);
    }
  }
}

const isOneOf = (id: string | null, ids: readonly string[] | undefined): boolean => ids === undefined || (id !== null && ids.includes(id));

const matches = ({ type, workload, rollout }: Event, { types, workloadIds, rolloutIds }: EventFilter): boolean =>
  isOneOf(type, types) && isOneOf(workload, workloadIds) && isOneOf(rollout, rolloutIds);
