import { isUtf8 } from 'node:buffer';
import { createHash, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BODY_DIGEST } from '../api/idempotency.ts';
import { invalid, Problem } from '../problem.ts';
import type { RouteFacts } from '../api/route.ts';
import { asProblem, refuseUnparsed, sendProblem } from '../api/problems.ts';
import { lookAt, mayBeUnstorable, prototypeKey, UNSTORABLE, unstorable, YamlText } from '../model/text.ts';

const BODY_LIMIT = 1024 * 1024;
const DEEPEST = 100;
const log = new Logger('http');

/** Nest sets its error handler after Mercurius has booted the routes, too late for hooks and parsers. Ours is set first and kept. */
class Adapter extends FastifyAdapter {
  override setErrorHandler(): never {
    return this as never;
  }
}

/** Answers with the error as a problem, and logs unexpected errors. */
function answer(error: unknown, reply: FastifyReply): FastifyReply {
  const problem = asProblem(error);
  if (problem.getStatus() >= 500) log.error({ message: problem.message, requestId: reply.request.id, error });
  return sendProblem(reply, problem);
}

/** For errors of handlers and of Nest itself. GraphQL formats its own. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType<string>() === 'graphql') throw error;
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (reply.sent) return;
    void answer(error, reply);
  }
}

const factsIn = (config: unknown): RouteFacts | null =>
  typeof config === 'object' && config !== null && 'action' in config && typeof config.action === 'string' ? (config as RouteFacts) : null;

/** Facts of the matched route; null if there is none or it is not one of ours. */
export const factsOf = (request: FastifyRequest): RouteFacts | null => factsIn(request.routeOptions.config);

/** Routes that answer without a key, the same to everyone. */
const OPEN = /^\/(healthz|readyz|openapi\.json|schema\.graphql|docs|graphiql)(\/|$)|^\/(docs-json|docs-yaml)$/;
/** Routes of libraries that need no action: GraphQL checks each field, and preflight requests reach no handler. */
const CHECKED_ELSEWHERE = /^\/graphql$|^\*?$/;
const BELOW_V1 = /^\/v1(\/|\?|$)/;

const LONGEST_SEGMENT = 300;

/** Addresses that the router would refuse before anybody is asked who they are lead to where nothing is, and there in turn to a 401 or a 404. */
function routable({ url = '/' }: { url?: string | undefined }): string {
  const [path = ''] = url.split('?');
  try {
    decodeURIComponent(path);
    if (path.split('/').every((segment) => segment.length <= LONGEST_SEGMENT)) return url;
  } catch {
    // What is no UTF-8 names nothing.
  }
  return BELOW_V1.test(url) ? '/v1/-' : '/-';
}

export const isGraphql = (request: FastifyRequest): boolean => request.routeOptions.url === '/graphql';

/**
 * Whether a request is answered without a key. The matched route decides, never the URL, which can be written in many ways. A request without a route has
 * nothing to protect, but below /v1 its 404 also requires a key.
 */
export function isOpen(request: FastifyRequest): boolean {
  const { url } = request.routeOptions;
  return request.is404 || url === undefined ? !BELOW_V1.test(request.url) : OPEN.test(url);
}

/** Nest's adapter on a server that answers all errors as problems, including those of parsers and hooks. */
export function createAdapter(): FastifyAdapter {
  const adapter = new Adapter({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: 'idle',
    // Limits how long a request takes to arrive, not to be answered.
    requestTimeout: 60_000,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    frameworkErrors: (error: unknown, _request: unknown, reply: unknown) => void answer(error, reply as FastifyReply),
    clientErrorHandler: (error: Error, socket: Socket) => refuseUnparsed(error, socket),
    routerOptions: { maxParamLength: LONGEST_SEGMENT },
    rewriteUrl: routable,
  });
  const server = adapter.getInstance<FastifyInstance>();
  server.setErrorHandler((error, _request, reply) => answer(error, reply));
  server.addHook('onRoute', (route) => {
    if (!OPEN.test(route.url) && !CHECKED_ELSEWHERE.test(route.url) && !factsIn(route.config))
      throw new Error(`${String(route.method)} ${route.url} has no action`);
  });
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  // After the caller is known and before any query: Postgres accepts no NUL.
  server.addHook('preParsing', async (request) => {
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') throw new Problem('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding is not supported.');
    if (request.url.includes('%00')) throw new Problem('UNREADABLE', 'The URL contains a NUL byte (%00).');
  });
  addParsers(server);
  return adapter;
}

/** The body's text, or a problem: bytes that are not UTF-8 must not be replaced by other characters. */
function decoded(request: FastifyRequest, raw: Buffer): string | Problem {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) return new Problem('UNSUPPORTED_MEDIA_TYPE', 'The charset must be UTF-8.');
  return isUtf8(raw) ? raw.toString('utf8') : new Problem('UNREADABLE', 'The body is not UTF-8.');
}

/** Every route accepts JSON or an empty body; other types only if the route declares them. */
function addParsers(server: FastifyInstance): void {
  // The key that secure-json-parse would refuse is looked for below, where its place can be said.
  const json = server.getDefaultJsonParser('ignore', 'ignore');
  const parseJson = (request: FastifyRequest, raw: string | Buffer, done: (error: Error | null, body?: unknown) => void): void => {
    if (raw.length === 0) return done(null, undefined);
    const text = decoded(request, raw as Buffer);
    if (text instanceof Problem) return done(text);
    Object.assign(request, { [BODY_DIGEST]: createHash('sha256').update(text).digest('hex') });
    if (text.trim() === '') return done(null, undefined);
    const { depth, repeated } = lookAt(text, DEEPEST);
    if (depth > DEEPEST) return done(new Problem('UNREADABLE', `The body is nested deeper than ${DEEPEST} levels.`));
    if (repeated !== null) return done(new Problem('UNREADABLE', `An object in the body has the key ${repeated.slice(0, 100)} twice.`));
    void json(request, text, (error, body) => {
      if (error) return done(new Problem('UNREADABLE', 'The body is not JSON.'));
      const prototype = prototypeKey(text, body);
      if (prototype !== null) return done(invalid({ pointer: prototype, detail: 'is not a field' }));
      // GraphQL's arguments are looked through one by one, where their places are known.
      const place = mayBeUnstorable(text) && !isGraphql(request) ? unstorable(body) : null;
      return place === null ? done(null, body) : done(invalid({ pointer: place, detail: UNSTORABLE }));
    });
  };
  const asText = (request: FastifyRequest, raw: string | Buffer, done: (error: Error | null, body?: unknown) => void): void => {
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    const isTaken = factsOf(request)?.consumes.includes(type) === true;
    if (!isTaken && raw.length === 0) return done(null, undefined);
    if (!isTaken) return done(new Problem('UNSUPPORTED_MEDIA_TYPE', 'JSON is expected here.'));
    const text = decoded(request, raw as Buffer);
    if (text instanceof Problem) return done(text);
    Object.assign(request, { [BODY_DIGEST]: createHash('sha256').update(raw).digest('hex') });
    return done(null, new YamlText(text));
  };
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'buffer' }, parseJson);
  server.addContentTypeParser('application/yaml', { parseAs: 'buffer' }, asText);
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, raw, done) =>
    raw.length === 0 ? done(null, undefined) : done(new Problem('UNSUPPORTED_MEDIA_TYPE', 'JSON is expected here.')),
  );
}
