import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Event } from './event.model.ts';
import type { Stream } from './event-streams.ts';

export const EVENT_STREAM = 'text/event-stream';

/** How long a client may take to read the rest of an ended stream, in milliseconds. Then its connection is closed. */
const GRACE_MILLISECONDS = 1_000;

/** Whether the request asks for a stream rather than a page. */
export const wantsStream = (accept: string | undefined): boolean =>
  (accept ?? '').split(',').some((range) => ACCEPTS.test(range.trim()) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range));
const ACCEPTS = /^text\/event-stream\s*(;|$)/i;

/** Server-sent events. A slow client does not block others: events are taken only while there is room, and a client that lags too far is disconnected. */
export function sse(stream: Stream, reply: FastifyReply): StreamableFile {
  let complete = false;
  const readable = Readable.from(
    blocks(stream.batches, () => (complete = true)),
    { objectMode: true, highWaterMark: 1 },
  );
  readable.once('close', stream.end);
  stream.over.addEventListener('abort', () => setTimeout(() => !complete && readable.destroy(), GRACE_MILLISECONDS).unref());
  reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no');
  return new StreamableFile(readable, { type: EVENT_STREAM });
}

async function* blocks(batches: AsyncGenerator<Event[]>, onEnd: () => void): AsyncGenerator<string> {
  yield ': connected\n\n';
  for await (const batch of batches) yield batch.map(blockOf).join('') || ': still here\n\n';
  onEnd();
}

const blockOf = (event: Event): string =>
  `${event.id === null ? '' : `id: ${event.id}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
