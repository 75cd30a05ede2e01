import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { currentContext, tenantId } from '../platform/db/context.ts';
import { canonical } from '../platform/id.ts';
import { CALLERS } from '../platform/graphql/module.ts';
import type { Callers } from '../platform/graphql/module.ts';
import { sealCursor } from '../platform/api/page.ts';
import type { Page, Window } from '../platform/api/page.ts';
import { invalid, Problem } from '../platform/problem.ts';
import { eventOf } from './event.model.ts';
import type { Event } from './event.model.ts';
import { EventRepository } from './event.repository.ts';
import type { EventFilter } from './event.repository.ts';
import { EventStreams } from './event-streams.ts';
import type { Stream } from './event-streams.ts';

/** Largest sequence number of Postgres' bigint. */
const LARGEST = 9_223_372_036_854_775_807n;

/** Whether this is the key of an event cursor. */
export const isSequence = (key: string): boolean => /^\d{1,19}$/.test(key) && BigInt(key) <= LARGEST;

/** Parses a client's sequence number; null if it sent none. @throws Problem INVALID with the parameter */
export function sequenceOf(text: string | null | undefined, parameter: string): bigint | null {
  if (text === undefined || text === null) return null;
  if (!isSequence(text)) throw invalid({ parameter, detail: 'must be the id of an event' });
  return BigInt(text);
}

/** The filter of a request. */
export interface EventWish {
  type?: string[] | undefined;
  /** Ids or names. */
  workload?: string[] | undefined;
  rollout?: string[] | undefined;
}

@Injectable()
export class EventService implements BeforeApplicationShutdown {
  private readonly ending = new AbortController();

  constructor(
    private readonly events: EventRepository,
    private readonly streams: EventStreams,
    @Inject(CALLERS) private readonly callers: Callers,
  ) {}

  beforeApplicationShutdown(): void {
    this.ending.abort();
  }

  async filterOf({ type, workload, rollout }: EventWish): Promise<EventFilter> {
    return { types: type, workloadIds: workload && (await this.events.workloadIds(workload)), rolloutIds: rollout?.map(canonical) };
  }

  /** Newest first; with `after`, later events, oldest first. */
  async page(window: Window, filter: EventFilter, after: bigint | null): Promise<Page<Event>> {
    const from = window.after === null ? null : BigInt(window.after);
    if (after !== null) await this.ensureKept(after);
    const rows =
      after === null
        ? await this.events.before(from, window.limit + 1, filter)
        : await this.events.after(from ?? after, window.limit + 1, filter);
    const held = rows.slice(0, window.limit);
    const last = held.at(-1);
    return { items: held.map(eventOf), nextCursor: rows.length > window.limit && last ? sealCursor(last.seq.toString()) : null };
  }

  /** Whether there is a matching event with a larger sequence number. */
  async hasMore(after: bigint, filter: EventFilter): Promise<boolean> {
    return (await this.events.after(after, 1, filter)).length > 0;
  }

  /** Follows events until the process or the caller's key ends. Begins after the event with that id; NOW means after the newest at the time of the call. */
  async follow(begin: bigint | 'FIRST' | 'NOW', filter: EventFilter, until?: (event: Event) => boolean): Promise<Stream> {
    if (typeof begin === 'bigint') await this.ensureKept(begin);
    const after = begin === 'FIRST' ? 0n : begin === 'NOW' ? await this.events.head() : begin;
    const stream = this.streams.open({ tenantId: tenantId(), after, filter, until });
    const unwatch = this.callers.watch(currentContext(), stream.end);
    this.ending.signal.addEventListener('abort', stream.end);
    stream.over.addEventListener('abort', () => {
      unwatch();
      this.ending.signal.removeEventListener('abort', stream.end);
    });
    return stream;
  }

  /** @throws Problem EXPIRED if events after this one have been deleted */
  private async ensureKept(after: bigint): Promise<void> {
    const first = (await this.events.oldest()) ?? (await this.events.head()) + 1n;
    if (after + 1n >= first) return;
    throw new Problem('EXPIRED', `Events up to ${first - 1n} are no longer kept: begin with ?after=${first - 1n}.`);
  }
}
