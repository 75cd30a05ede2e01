import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { problemOf } from '../db/database-errors.ts';
import { type Code, factsOfCode, Problem } from '../problem.ts';

/** The body of an error, RFC 9457. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: Code;
  requestId: string | null;
  errors: Problem['faults'];
}

/** Errors of the frameworks before a handler is reached, by status. */
const REFUSED: Record<number, [Code, string]> = {
  400: ['UNREADABLE', 'The request cannot be read.'],
  404: ['NOT_FOUND', 'Nothing exists at this path.'],
  405: ['NOT_FOUND', 'Nothing exists at this path.'],
  411: ['UNREADABLE', 'The length of the body is missing.'],
  413: ['TOO_LARGE', 'The body is larger than 1 MiB.'],
  414: ['TOO_LARGE', 'The URL is too long.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'This content type is not supported here.'],
  431: ['TOO_LARGE', 'The headers are too large.'],
  503: ['UNAVAILABLE', 'The service is stopping or overloaded.'],
};

/** Any thrown value as a problem. The text of foreign errors never leaves the process. */
export function asProblem(error: unknown): Problem {
  const known = problemOf(error);
  if (known) return known;
  const status = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown } | null)?.statusCode;
  const refused = typeof status === 'number' ? REFUSED[status] : undefined;
  if (refused) return new Problem(refused[0], refused[1]);
  if (typeof status === 'number' && status >= 400 && status < 500) return new Problem('UNREADABLE', 'The request cannot be read.');
  return new Problem('INTERNAL', 'Internal error; find it in the log by the request id.');
}

export function problemBody(problem: Problem, requestId: string | null): ProblemBody {
  const { status, title } = factsOfCode(problem.code);
  return {
    type: `urn:slipway:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    requestId,
    errors: problem.faults,
  };
}

/** Sends a problem. Hooks use it too, because GraphQL would format a thrown error differently. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status } = factsOfCode(problem.code);
  const retryAfter = problem.retryAfterSeconds ?? (status === 503 ? 1 : null);
  if (retryAfter !== null) reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfter))));
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .header('x-request-id', reply.request.id)
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem, reply.request.id)));
}

const HEADERS_TOO_LARGE = 431;

/** A request that Node cannot parse never reaches Fastify, so its problem is written to the socket directly. */
export function refuseUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const problem = asProblem({ statusCode: error.code === 'HPE_HEADER_OVERFLOW' ? HEADERS_TOO_LARGE : 400 });
  const { status } = factsOfCode(problem.code);
  const body = JSON.stringify(problemBody(problem, null));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
