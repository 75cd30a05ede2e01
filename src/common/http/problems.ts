import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { problemOf } from '../database-errors.ts';
import { type Code, CODES, Problem } from '../problem.ts';

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

/** What frameworks refuse before a handler is reached, by status. */
const REFUSED: Record<number, [Code, string]> = {
  400: ['UNREADABLE', 'The request cannot be read.'],
  404: ['NOT_FOUND', 'There is nothing here.'],
  405: ['NOT_FOUND', 'There is nothing here.'],
  411: ['UNREADABLE', 'The length of the body is missing.'],
  413: ['TOO_LARGE', 'The body is larger than 1 MiB.'],
  414: ['TOO_LARGE', 'The address is too long.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'This content type is not taken here.'],
  431: ['TOO_LARGE', 'The headers are too large.'],
  503: ['UNAVAILABLE', 'The service is stopping or overloaded.'],
};

/** Whatever was thrown as a problem. Text of errors that we did not write never leaves the process. */
export function asProblem(error: unknown): Problem {
  const known = problemOf(error);
  if (known) return known;
  const status = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown } | null)?.statusCode;
  const refused = typeof status === 'number' ? REFUSED[status] : undefined;
  if (refused) return new Problem(refused[0], refused[1]);
  if (typeof status === 'number' && status >= 400 && status < 500) return new Problem('UNREADABLE', 'The request cannot be read.');
  return new Problem('INTERNAL', 'Something went wrong here; the request id leads to the log.');
}

export function problemBody(problem: Problem, requestId: string | null): ProblemBody {
  const { status, title } = CODES[problem.code];
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

/** Sends a problem; also from hooks, where throwing would let GraphQL answer in its own way. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status } = CODES[problem.code];
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

/** What Node cannot parse never becomes a request: the same problem, written to the socket by hand. */
export function refuseUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const problem = asProblem({ statusCode: error.code === 'HPE_HEADER_OVERFLOW' ? HEADERS_TOO_LARGE : 400 });
  const { status } = CODES[problem.code];
  const body = JSON.stringify(problemBody(problem, null));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
