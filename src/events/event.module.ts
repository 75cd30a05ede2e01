import { Module } from '@nestjs/common';
import { EventController } from './event.controller.ts';
import { EventHub } from './event-hub.ts';
import { EventRepository } from './event.repository.ts';
import { EventResolver } from './event.resolver.ts';
import { EventService } from './event.service.ts';
import { EventStreams } from './event-streams.ts';

/** Reading events. Writing them is `EventLog`, which belongs to the database's module: every feature's transactions end with it. */
@Module({
  controllers: [EventController],
  providers: [EventRepository, EventHub, EventStreams, EventService, EventResolver],
  exports: [EventService],
})
export class EventModule {}
