import { Args, Context, Resolver } from '@nestjs/graphql';
import { Database } from '../platform/db/database.ts';
import type { GraphqlContext } from '../platform/graphql/loaders.ts';
import { Query, Subscription } from '../platform/api/operation.ts';
import { type Connected, Connection, windowOf } from '../platform/api/page.ts';
import { Event, EventArguments } from './event.model.ts';
import { EventService, isSequence, sequenceOf } from './event.service.ts';

export const EventConnection = Connection(Event);

@Resolver(() => Event)
export class EventResolver {
  constructor(
    private readonly database: Database,
    private readonly service: EventService,
  ) {}

  @Query(() => EventConnection, {
    name: 'events',
    action: 'events.list',
    description: "The tenant's events, newest first; with `afterId` oldest first.",
  })
  async list(@Args() page: EventArguments): Promise<Connected<Event>> {
    const window = windowOf(page, isSequence);
    const found = await this.service.page(window, await this.service.filterOf(page), sequenceOf(page.afterId, 'afterId'));
    return EventConnection.of(found, { after: page.after ?? page.afterId });
  }

  @Subscription(() => Event, {
    name: 'events',
    action: 'events.list',
    description: "The tenant's events as they occur.",
    resolve: (event: Event) => event,
  })
  async *follow(
    @Context() { caller }: GraphqlContext,
    @Args('afterId', { nullable: true, description: 'Id of an event: begins after it instead of now.' }) afterId?: string,
  ): AsyncGenerator<Event> {
    const stream = await this.database.as(caller, () => this.service.follow(sequenceOf(afterId, 'afterId') ?? 'NOW', {}));
    try {
      for await (const batch of stream.batches) yield* batch;
    } finally {
      stream.end();
    }
  }
}
