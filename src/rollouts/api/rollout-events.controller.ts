import { Controller, Headers, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { PageOf, windowOf } from '../../platform/api/page.ts';
import { Route } from '../../platform/api/route.ts';
import { Event, RolloutEventQuery } from '../../events/event.model.ts';
import { EventService, isSequence, sequenceOf } from '../../events/event.service.ts';
import { sse, wantsStream } from '../../events/sse.ts';
import { isSettled } from '../core/phases.ts';
import { terminalEvents } from '../store/rollout.events.ts';
import { RolloutReader } from './rollout.reader.ts';

@Controller()
export class RolloutEventsController {
  constructor(
    private readonly events: EventService,
    private readonly reader: RolloutReader,
  ) {}

  @Route('GET', '/rollouts/:rollout/events', {
    action: 'events.list',
    summary: "Lists a rollout's events, or with `Accept: text/event-stream` follows them from the first to the last.",
    description:
      'The stream ends after the terminal event. A later request with its id in `Last-Event-ID` is answered 204, so that an EventSource stops.',
    answers: PageOf(Event),
    streams: true,
    alsoAnswers: [204],
  })
  async read(
    @Param('rollout') rollout: string,
    @Query() query: RolloutEventQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    // The shape of the request is refused before a rollout that is not there.
    const after = sequenceOf(query.after, 'after');
    const window = wantsStream(accept) ? null : windowOf(query, isSequence);
    const from = window ? after : (sequenceOf(lastEventId, 'Last-Event-ID') ?? after);
    const row = await this.reader.find(rollout);
    const filter = { rolloutIds: [row.id] };
    if (window) return this.events.page(window, filter, after);
    if (isSettled(row.phase) && !(await this.events.hasMore(from ?? 0n, filter))) {
      reply.status(204);
      return undefined;
    }
    return sse(await this.events.follow(from ?? 'FIRST', filter, (event) => terminalEvents.has(event.type)), reply);
  }
}
