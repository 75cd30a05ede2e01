import { Global, Module } from '@nestjs/common';
import { EventLog } from './event-log.ts';

/** What writes events, for every feature: their transactions end with it. */
@Global()
@Module({ providers: [EventLog], exports: [EventLog] })
export class EventLogModule {}
