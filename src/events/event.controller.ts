import { Controller, Headers, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { PageOf, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { Event, EventQuery } from './event.model.ts';
import { EventService, isSequence, sequenceOf } from './event.service.ts';
import { sse, wantsStream } from './sse.ts';

@Controller()
export class EventController {
  constructor(private readonly events: EventService) {}

  @Route('GET', '/events', {
    action: 'events.list',
    summary: "Lists the tenant's events, or follows them with `Accept: text/event-stream`.",
    description: 'A stream begins now, or after the event given by `Last-Event-ID` or `after`. No event is skipped.',
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
