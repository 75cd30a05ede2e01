import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { context } from '../platform/db/context.ts';
import { asProblem, sendProblem } from '../platform/api/problems.ts';
import { factsOf, isGraphql, isOpen } from '../platform/http/server.ts';
import { Problem } from '../platform/problem.ts';
import { authorize, isTenantless } from './actions.ts';
import { actorOf, Authentication, type Caller } from './authentication.ts';
import { Meter } from './meter.ts';

const CALLER = Symbol('caller');
type Called = FastifyRequest & { [CALLER]?: Caller };

/** The caller of a request that has passed the hooks. */
export const callerOf = (request: FastifyRequest): Caller | null => (request as Called)[CALLER] ?? null;

const header = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Authenticates, rate-limits and authorizes requests before the body is read. Nest's guards would run too late for that. */
@Injectable()
export class RequestHooks {
  constructor(
    private readonly authentication: Authentication,
    private readonly meter: Meter,
  ) {}

  install(server: FastifyInstance): void {
    server.addHook('onRequest', async (request, reply) => this.admit(request, reply));
    // Body parsers lose the asynchronous context, so it begins after them.
    server.addHook('preHandler', (request, reply, done) => {
      const caller = callerOf(request);
      if (!caller) return done();
      try {
        const author = { ...caller.author, actor: actorOf(header(request.headers['slipway-actor'])) };
        (request as Called)[CALLER] = { ...caller, author };
        context.run({ ...caller, author }, done);
      } catch (error) {
        void sendProblem(reply, asProblem(error));
      }
    });
  }

  /** Refusals are sent, not thrown: below /graphql, Mercurius would answer a thrown one. */
  private async admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    if (request.method === 'OPTIONS' || isOpen(request)) return undefined;
    // A socket authenticates in its first message.
    if (isGraphql(request) && request.method === 'GET' && request.headers.upgrade !== undefined) return undefined;
    try {
      const action = factsOf(request)?.action ?? null;
      const caller = await this.authenticate(request, action);
      (request as Called)[CALLER] = caller;
      // What a document of GraphQL costs besides is known, and taken, when it has been read.
      this.meter.take(caller, factsOf(request)?.cost ?? 1, reply);
      if (caller.refusal) throw caller.refusal;
      if (isGraphql(request) && request.method !== 'POST') throw new Problem('GRAPHQL_INVALID', 'GraphQL requests must use POST.');
      if (action !== null) authorize(caller, action);
      return undefined;
    } catch (error) {
      return sendProblem(reply, asProblem(error));
    }
  }

  private authenticate(request: FastifyRequest, action: string | null): Promise<Caller> {
    const { authorization, 'slipway-tenant': tenant } = request.headers;
    const named = action !== null && isTenantless(action) ? undefined : header(tenant);
    return this.authentication.caller({ authorization, tenant: named, address: request.ip }, request.id);
  }
}
