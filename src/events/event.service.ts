import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { tenantId } from '../common/context.ts';
import { sealCursor } from '../common/page.ts';
import type { Page, Window } from '../common/page.ts';
import { invalid } from '../common/problem.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';
import type { EventFilter } from './event.repository.ts';
import { EventStream } from './event-stream.ts';

/** Largest sequence number of Postgres' bigint. */
const LARGEST = 9_223_372_036_854_775_807n;

/** A sequence number as a client sends it. @throws Problem INVALID that names the parameter */
export function sequenceOf(text: string, parameter: string): bigint {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) > LARGEST) throw invalid({ parameter, detail: 'must be the id of an event' });
  return BigInt(text);
}

/** Is this the key of a cursor of events? */
export const isSequence = (key: string): boolean => /^\d{1,19}$/.test(key) && BigInt(key) <= LARGEST;

@Injectable()
export class EventService implements BeforeApplicationShutdown {
  private readonly ending = new AbortController();

  constructor(
    private readonly events: EventRepository,
    private readonly streams: EventStream,
  ) {}

  beforeApplicationShutdown(): void {
    this.ending.abort();
  }

  /** Newest first; with `after` oldest first, from there on. */
  async page(window: Window, filter: EventFilter, after: bigint | null): Promise<Page<Event>> {
    if (after !== null) {
      await this.streams.ensureKept(after);
      const from = window.after === null ? after : BigInt(window.after);
      return this.shown(await this.events.after(from, window.limit + 1, filter), window);
    }
    return this.shown(await this.events.before(window.after === null ? null : BigInt(window.after), window.limit + 1, filter), window);
  }

  /** Events as they come, to the end of the process at the latest; null is a heartbeat. They begin after the event of that id; NOW is the moment of the call, whenever the first is taken. */
  async stream(begin: bigint | 'FIRST' | 'NOW', filter: EventFilter, until?: (event: Event) => boolean): Promise<AsyncGenerator<Event | null>> {
    if (typeof begin === 'bigint') await this.streams.ensureKept(begin);
    const after = begin === 'FIRST' ? 0n : begin === 'NOW' ? await this.events.head() : begin;
    return this.streams.read({ tenantId: tenantId(), after, filter, ...(until ? { until } : {}), signal: this.ending.signal });
  }

  private shown(rows: Parameters<typeof eventOf>[0][], window: Window): Page<Event> {
    const held = rows.slice(0, window.limit);
    const last = held.at(-1);
    return { items: held.map(eventOf), nextCursor: rows.length > window.limit && last ? sealCursor(last.seq.toString()) : null };
  }
}
