import { Controller, Headers, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { PageOf, windowOf } from '../common/page.ts';
import { Route } from '../common/route.ts';
import { Event, EventQuery } from './event.model.ts';
import { EventService, isSequence, sequenceOf } from './event.service.ts';
import { sse, wantsStream } from './sse.ts';

@Controller()
export class EventController {
  constructor(private readonly events: EventService) {}

  @Route('GET', '/events', {
    action: 'events.list',
    summary: "Reads the tenant's events, or with `Accept: text/event-stream` follows them.",
    description: 'A stream begins now, or after the event that `Last-Event-ID` or `after` names; nothing is skipped between.',
    answers: PageOf(Event),
    streams: true,
  })
  async read(
    @Query() query: EventQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const filter = await this.events.filterOf(query);
    const after = sequenceOf(query.after, 'after');
    if (!wantsStream(accept)) return this.events.page(windowOf(query, isSequence), filter, after);
    return sse(await this.events.follow(sequenceOf(lastEventId, 'Last-Event-ID') ?? after ?? 'NOW', filter), reply);
  }
}
