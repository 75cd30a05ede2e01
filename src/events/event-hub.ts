import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Announce } from '../common/announce.ts';
import { Database } from '../common/database.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';

/** How many events a reader may lag behind before it is cut: it comes back with its last id. */
const BUFFER = 1000;
/** Events that one statement reads. */
const PAGE = 500;
/** How often heads are looked at where an announcement may have been lost, in milliseconds. */
const POLL_MILLISECONDS = 1000;

/** One stream's end of the hub: what it has not yet taken. */
export class Reader {
  private readonly events: Event[] = [];
  private wake: (() => void) | null = null;
  private open = true;

  /** False when the reader is too slow and has been cut. */
  push(event: Event): boolean {
    if (this.events.length >= BUFFER) this.close();
    else this.events.push(event);
    this.wake?.();
    return this.open;
  }

  /** The next events; null when nothing came for this long, undefined when the stream is over. */
  async next(milliseconds: number): Promise<Event[] | null | undefined> {
    if (this.events.length === 0 && this.open) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
      this.wake = null;
    }
    if (this.events.length > 0) return this.events.splice(0);
    return this.open ? null : undefined;
  }

  close(): void {
    this.open = false;
    this.wake?.();
  }
}

interface Feed {
  /** Up to here the feed's readers have been given everything. */
  seq: bigint;
  readers: Set<Reader>;
  reading: Promise<void> | null;
  again: boolean;
}

/** Hands each new event of a tenant to all of this process's streams, read once however many they are. */
@Injectable()
export class EventHub implements OnModuleInit, BeforeApplicationShutdown {
  private readonly feeds = new Map<string, Feed>();
  private poll: NodeJS.Timeout | null = null;
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly announce: Announce,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.announce.subscribe((message) => {
      if (message.kind === 'events') this.advance(message.tenantId);
      if (message.kind === 'progress') this.feeds.get(message.tenantId)?.readers.forEach((reader) => reader.push(progressOf(message)));
      if (message.kind === 'gap') [...this.feeds.keys()].forEach((tenant) => this.advance(tenant));
    });
  }

  beforeApplicationShutdown(): void {
    this.stopListening?.();
    if (this.poll) clearInterval(this.poll);
    for (const feed of this.feeds.values()) feed.readers.forEach((reader) => reader.close());
    this.feeds.clear();
  }

  /** From now on the reader is given what is newer than `seq`; what is older is in the table. */
  async join(tenantId: string, reader: Reader): Promise<{ seq: bigint; leave: () => void }> {
    const head = await this.database.as({ tenantId }, () => this.events.head());
    let feed = this.feeds.get(tenantId);
    if (!feed) this.feeds.set(tenantId, (feed = { seq: head, readers: new Set(), reading: null, again: false }));
    feed.readers.add(reader);
    this.poll ??= setInterval(() => void this.look(), POLL_MILLISECONDS).unref();
    return { seq: feed.seq, leave: () => this.leave(tenantId, reader) };
  }

  private leave(tenantId: string, reader: Reader): void {
    const feed = this.feeds.get(tenantId);
    feed?.readers.delete(reader);
    if (feed?.readers.size === 0) this.feeds.delete(tenantId);
    if (this.feeds.size === 0 && this.poll) {
      clearInterval(this.poll);
      this.poll = null;
    }
  }

  /** Announcements may be lost with a connection; the heads tell. A database that is away is looked at again a second later. */
  private async look(): Promise<void> {
    const heads = await this.events.heads([...this.feeds.keys()]).catch(() => new Map<string, bigint>());
    for (const [tenantId, seq] of heads) if (seq > (this.feeds.get(tenantId)?.seq ?? seq)) this.advance(tenantId);
  }

  private advance(tenantId: string): void {
    const feed = this.feeds.get(tenantId);
    if (!feed) return;
    if (feed.reading) {
      feed.again = true;
      return;
    }
    feed.reading = this.read(tenantId, feed).finally(() => {
      feed.reading = null;
      if (feed.again) {
        feed.again = false;
        this.advance(tenantId);
      }
    });
  }

  private async read(tenantId: string, feed: Feed): Promise<void> {
    for (;;) {
      // What cannot be read now is read at the next announcement or look.
      const rows = await this.database.as({ tenantId }, () => this.events.after(feed.seq, PAGE)).catch(() => []);
      for (const row of rows) {
        for (const reader of feed.readers) if (!reader.push(eventOf(row))) feed.readers.delete(reader);
        feed.seq = row.seq;
      }
      if (rows.length < PAGE) return;
    }
  }
}

const progressOf = (message: { rolloutId: string; workloadId: string; targetId: string; data: Record<string, unknown> }): Event => ({
  id: null,
  type: 'target.progress',
  time: new Date(),
  workload: message.workloadId,
  rollout: message.rolloutId,
  target: message.targetId,
  message: 'Pods changed.',
  data: message.data,
});
