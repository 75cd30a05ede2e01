import { Global, Module } from '@nestjs/common';
import { EventLog } from './event-log.ts';

/** Provides `EventLog`, which every feature uses to append events to its transactions. */
@Global()
@Module({ providers: [EventLog], exports: [EventLog] })
export class EventLogModule {}
