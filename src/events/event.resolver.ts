import { Args, Context, Resolver } from '@nestjs/graphql';
import { z } from 'zod';
import { Database } from '../common/database.ts';
import type { GraphqlContext } from '../common/graphql/loaders.ts';
import { Query, Subscription } from '../common/graphql/operation.ts';
import { listOf } from '../common/model/fields.ts';
import { Arguments, Model } from '../common/model/model.ts';
import { type Connected, Connection, pageArguments, windowOf } from '../common/page.ts';
import { Event } from './event.model.ts';
import { EventService, isSequence, sequenceOf } from './event.service.ts';

export const EventConnection = Connection(Event);

@Arguments()
export class EventArguments extends Model({
  ...pageArguments,
  afterId: z.string().nullish().describe('Id of an event: what came after it, oldest first.'),
  type: listOf(z.string().max(64), 'Any of these types.').optional(),
  workload: listOf(z.uuid(), 'Ids of workloads: any of them.').optional(),
  rollout: listOf(z.uuid(), 'Ids of rollouts: any of them.').optional(),
}) {}

@Resolver(() => Event)
export class EventResolver {
  constructor(
    private readonly database: Database,
    private readonly service: EventService,
  ) {}

  @Query(() => EventConnection, { name: 'events', action: 'events.list', description: "The tenant's events, newest first." })
  async list(@Args() page: EventArguments): Promise<Connected<Event>> {
    const filter = { types: page.type, workloadIds: page.workload, rolloutIds: page.rollout };
    const after = page.afterId == null ? null : sequenceOf(page.afterId, 'afterId');
    return EventConnection.of(await this.service.page(windowOf(page, isSequence), filter, after));
  }

  @Subscription(() => Event, { name: 'events', action: 'events.list', description: "The tenant's events as they come.", resolve: (event: Event) => event })
  async *follow(
    @Context() { caller }: GraphqlContext,
    @Args('afterId', { nullable: true, description: 'Id of an event: begin after it instead of now.' }) afterId?: string,
  ): AsyncGenerator<Event> {
    const begin = afterId === undefined || afterId === null ? 'NOW' : sequenceOf(afterId, 'afterId');
    const stream = await this.database.as(caller, () => this.service.stream(begin, {}));
    for await (const event of stream) if (event !== null) yield event;
  }
}
