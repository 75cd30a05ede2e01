import { Module } from '@nestjs/common';
import { EventController } from './event.controller.ts';
import { EventHub } from './event-hub.ts';
import { EventRepository } from './event.repository.ts';
import { EventResolver } from './event.resolver.ts';
import { EventService } from './event.service.ts';
import { EventStreams } from './event-streams.ts';

/** Reading events. They are written by `EventLog`, which is in `EventLogModule`, because every feature uses it. */
@Module({
  controllers: [EventController],
  providers: [EventRepository, EventHub, EventStreams, EventService, EventResolver],
  exports: [EventService],
})
export class EventModule {}
