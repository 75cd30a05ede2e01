import { Controller, Headers, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { listOf } from '../common/model/fields.ts';
import { Arguments, Model } from '../common/model/model.ts';
import { PageOf, pageQuery, windowOf } from '../common/page.ts';
import { Route } from '../common/route.ts';
import { Event } from './event.model.ts';
import { EventService, isSequence, sequenceOf } from './event.service.ts';
import { sse, wantsStream } from './sse.ts';

/** `?limit=&cursor=&after=&type=&workload=&rollout=` */
@Arguments()
export class EventQuery extends Model({
  ...pageQuery,
  after: z.string().optional().describe('Id of an event: what came after it, oldest first.'),
  type: listOf(z.string().max(64), 'Any of these types.').optional(),
  workload: listOf(z.uuid(), 'Ids of workloads: any of them.').optional(),
  rollout: listOf(z.uuid(), 'Ids of rollouts: any of them.').optional(),
}) {}

@Controller()
export class EventController {
  constructor(private readonly events: EventService) {}

  @Route('GET', '/events', {
    action: 'events.list',
    summary: "Reads the tenant's events, or with `Accept: text/event-stream` follows them.",
    description: 'A stream begins now, or after the event that `Last-Event-ID` or `after` names; nothing is skipped between.',
    answers: PageOf(Event),
  })
  async read(
    @Query() query: EventQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const filter = { types: query.type, workloadIds: query.workload, rolloutIds: query.rollout };
    const after = query.after === undefined ? null : sequenceOf(query.after, 'after');
    if (!wantsStream(accept)) return this.events.page(windowOf(query, isSequence), filter, after);
    const from = lastEventId === undefined ? after : sequenceOf(lastEventId, 'Last-Event-ID');
    return sse(await this.events.stream(from ?? 'NOW', filter), reply);
  }
}
