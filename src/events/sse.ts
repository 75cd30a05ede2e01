import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Event } from './event.model.ts';

export const EVENT_STREAM = 'text/event-stream';

/** Does the request want a stream rather than a page? */
export const wantsStream = (accept: string | undefined): boolean => accept?.includes(EVENT_STREAM) ?? false;

/** Server-sent events as a readable stream: a reader that does not read holds nobody up, because the generator is asked only when there is room. */
export function sse(events: AsyncGenerator<Event | null>, reply: FastifyReply): StreamableFile {
  reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no');
  return new StreamableFile(Readable.from(lines(events), { objectMode: true, highWaterMark: 16 }), { type: EVENT_STREAM });
}

async function* lines(events: AsyncGenerator<Event | null>): AsyncGenerator<string> {
  yield ': connected\n\n';
  for await (const event of events) {
    if (event === null) yield ': still here\n\n';
    else yield `${event.id === null ? '' : `id: ${event.id}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }
}
