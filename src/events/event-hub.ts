import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import type { Announcement } from '../platform/queue/announce.ts';
import { Database } from '../platform/db/database.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';
import type { Reader } from './reader.ts';

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** A target's pods changed. It is shown to those who watch and not stored, so it is sent by value. */
    progress: { tenantId: string; workloadId: string; rolloutId: string; targetId: string; data: Record<string, unknown> };
  }
}

/** Events read by one statement. */
const PAGE = 500;
/** How often heads are polled in case an announcement was lost, in milliseconds. */
const POLL_MILLISECONDS = 1000;

/** A tenant's events, up to what this process has delivered. */
interface Tail {
  /** Sequence number up to which the readers have received everything. */
  seq: bigint;
  readers: Set<Reader>;
  reading: boolean;
  /** A read was asked for since the last one began. */
  pending: boolean;
}

/** Delivers each new event of a tenant to all streams of this process. Each event is read once, for any number of streams. */
@Injectable()
export class EventHub implements OnModuleInit, BeforeApplicationShutdown {
  private readonly tails = new Map<string, Tail>();
  private poll: NodeJS.Timeout | null = null;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly announce: Announce,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.announce.subscribe((message) => {
      if (message.kind === 'events') this.advance(message.tenantId);
      if (message.kind === 'progress') this.tails.get(message.tenantId)?.readers.forEach((reader) => reader.push(progressOf(message)));
      if (message.kind === 'gap') [...this.tails.keys()].forEach((tenant) => this.advance(tenant));
    });
  }

  beforeApplicationShutdown(): void {
    this.stopListening();
    for (const { readers } of this.tails.values()) [...readers].forEach((reader) => reader.close());
  }

  /** Adds a reader. Until it ends, it receives events newer than the returned number; older ones are in the table. */
  async join(tenantId: string, reader: Reader): Promise<bigint> {
    const head = await this.database.as({ tenantId }, () => this.events.head());
    if (reader.over.aborted) return head;
    const tail = this.tails.get(tenantId) ?? { seq: head, readers: new Set(), reading: false, pending: false };
    this.tails.set(tenantId, tail);
    tail.readers.add(reader);
    reader.over.addEventListener('abort', () => this.leave(tenantId, tail, reader), { once: true });
    this.poll ??= setInterval(() => void this.look(), POLL_MILLISECONDS).unref();
    const { seq } = tail;
    // An announcement during the read of the head had no reader yet.
    this.advance(tenantId);
    return seq;
  }

  private leave(tenantId: string, tail: Tail, reader: Reader): void {
    tail.readers.delete(reader);
    if (tail.readers.size === 0) this.tails.delete(tenantId);
    if (this.tails.size > 0 || !this.poll) return;
    clearInterval(this.poll);
    this.poll = null;
  }

  /** Announcements may be lost, so the heads are polled. If the database is unreachable, the next poll retries. */
  private async look(): Promise<void> {
    const heads = await this.events.heads([...this.tails.keys()]).catch(() => new Map<string, bigint>());
    for (const [tenantId, seq] of heads) if (seq > (this.tails.get(tenantId)?.seq ?? seq)) this.advance(tenantId);
  }

  /** Reads further, one statement at a time. A call during a read causes one more read. */
  private advance(tenantId: string): void {
    const tail = this.tails.get(tenantId);
    if (!tail) return;
    tail.pending = true;
    if (!tail.reading) void this.read(tenantId, tail);
  }

  private async read(tenantId: string, tail: Tail): Promise<void> {
    tail.reading = true;
    while (tail.pending) {
      tail.pending = false;
      // A failed read is retried at the next announcement or poll.
      const rows = await this.database.as({ tenantId }, () => this.events.after(tail.seq, PAGE)).catch(() => []);
      for (const row of rows) {
        const event = eventOf(row);
        for (const reader of [...tail.readers]) reader.push(event);
        tail.seq = row.seq;
      }
      if (rows.length === PAGE) tail.pending = true;
    }
    tail.reading = false;
  }
}

const progressOf = (message: Extract<Announcement, { kind: 'progress' }>): Event => ({
  id: null,
  type: 'target.progress',
  code: null,
  time: new Date(),
  workload: message.workloadId,
  rollout: message.rolloutId,
  target: message.targetId,
  message: 'Pods changed.',
  data: message.data,
});
