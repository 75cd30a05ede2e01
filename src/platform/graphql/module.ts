import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type GqlOptionsFactory, GraphQLSchemaHost } from '@nestjs/graphql';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Context } from '../db/context.ts';
import { CONFIG } from '../settings.ts';
import type { PlatformSettings } from '../settings.ts';
import { asProblem } from '../api/problems.ts';
import { formatErrors } from './errors.ts';
import { checkCost, checkRequested, checkSource } from './limits.ts';
import { Loaders, type GraphqlContext } from './loaders.ts';
import { CLOSE, PROTOCOL, type Socket, SocketGate } from './socket-gate.ts';
import { checkSubscription } from './subscription.ts';

/** Authenticates callers for GraphQL, over HTTP and over a socket. Provided by the feature that knows keys. */
export interface Callers {
  ofRequest(request: FastifyRequest): Context;
  /** The caller of a socket, from its first message. Throws the problem with which it is refused. */
  ofSocket(first: { authorization?: unknown; slipwayTenant?: unknown }, address: string): Promise<Context>;
  /** Takes tokens from the bucket of the caller's tenant, and sets the rate headers of `reply`. Throws RATE_LIMITED. */
  take(caller: Context, cost: number, reply: FastifyReply | null): void;
  /** Calls `end` when the caller's key has been revoked or has expired. Returns the function that stops watching. */
  watch(caller: Context, end: () => void): () => void;
  /** Whether the action never runs for a tenant, even if the request names one. */
  isTenantless(action: string): boolean;
  isOrigin(origin: string | undefined, host: string | undefined): boolean;
}

export const CALLERS = Symbol('callers');

const HEARTBEAT_MILLISECONDS = 15_000;
const log = new Logger('graphql');

interface ConnectionInit {
  payload?: { authorization?: unknown; slipwayTenant?: unknown } | null;
}

type WebSocketHandler = (socket: Socket, request: FastifyRequest) => unknown;

/** A socket that is open, with what is known of it. */
interface Opened {
  socket: Socket;
  gate: SocketGate;
  /** Where it comes from. */
  address: string;
}

/** Configuration of Mercurius: limits, errors as problems, and callers. */
@Injectable()
export class GraphqlSetup implements GqlOptionsFactory<MercuriusDriverConfig> {
  private readonly opened = new WeakMap<Socket, Opened>();

  constructor(
    @Inject(CALLERS) private readonly callers: Callers,
    @Inject(CONFIG) private readonly config: PlatformSettings,
    private readonly adapter: HttpAdapterHost,
    private readonly schema: GraphQLSchemaHost,
  ) {}

  createGqlOptions(): Omit<MercuriusDriverConfig, 'driver'> {
    this.guardSockets();
    return {
      autoSchemaFile: true,
      sortSchema: true,
      path: '/graphql',
      graphiql: this.config.environment !== 'production',
      buildSchemaOptions: { numberScalarMode: 'integer' },
      // A document is compiled after its third use, and only while the event loop has time; compiling costs more than one use.
      jit: { minCount: 3, eluThreshold: 0.8 },
      cache: 1024,
      errorFormatter: (execution, context) => {
        // An error before the context is made comes with none of it.
        const { caller, reply }: Partial<GraphqlContext & { reply: FastifyReply }> = context;
        const requestId = caller?.requestId ?? reply?.request.id ?? null;
        const { retryAfterSeconds, ...answer } = formatErrors(execution, requestId);
        if (retryAfterSeconds !== null) reply?.header('retry-after', String(retryAfterSeconds));
        return answer;
      },
      context: (request: FastifyRequest): GraphqlContext => ({ caller: this.callers.ofRequest(request), loaders: new Loaders() }),
      hooks: {
        preParsing: async (_schema: GraphQLSchema, source: string) => checkSource(source),
        preExecution: async (schema: GraphQLSchema, document: DocumentNode, context: unknown, variables: Record<string, unknown>) => {
          checkRequested(document);
          const { caller, reply } = context as GraphqlContext & { reply: FastifyReply };
          // One was taken when the request came.
          this.callers.take(caller, checkCost(schema, document, variables ?? {}) - 1, reply);
        },
      },
      subscription: this.sockets(),
    };
  }

  /** Puts a gate before each socket that Mercurius is given. */
  private guardSockets(): void {
    const server = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRoute', (route) => {
      if (!('wsHandler' in route) || typeof route.wsHandler !== 'function') return;
      const handle = route.wsHandler as WebSocketHandler;
      route.wsHandler = (socket: Socket, request: FastifyRequest) => (this.open(socket, request) ? handle(socket, request) : undefined);
    });
  }

  private open(socket: Socket, request: FastifyRequest): boolean {
    if (socket.protocol !== PROTOCOL) {
      log.warn({ message: 'a socket that does not speak the protocol was closed', protocol: socket.protocol, requestId: request.id });
      socket.close(CLOSE.WRONG_PROTOCOL, 'Subprotocol not acceptable');
      return false;
    }
    const gate = new SocketGate(socket, (caller, asked) => {
      this.callers.take(caller, 1, null);
      this.callers.take(caller, checkSubscription(this.schema.schema, asked) - 1, null);
    });
    this.opened.set(socket, { socket, gate, address: request.ip });
    return true;
  }

  private sockets() {
    // Mercurius calls `context` and then, for the same socket, `onConnect`, but does not pass the socket on.
    let opening: Opened | undefined;
    return {
      fullWsTransport: false,
      keepAlive: HEARTBEAT_MILLISECONDS,
      verifyClient: ({ origin, req }: { origin?: string; req: IncomingMessage }, done: (taken: boolean, status?: number) => void): void =>
        done(this.callers.isOrigin(origin, req.headers.host), 403),
      context: (socket: Socket): object => {
        opening = this.opened.get(socket);
        return {};
      },
      onConnect: (message: ConnectionInit) => (opening ? this.connect(message, opening) : false),
    };
  }

  private async connect(message: ConnectionInit, { socket, gate, address }: Opened): Promise<GraphqlContext | false> {
    try {
      const caller = await this.callers.ofSocket(message.payload ?? {}, address);
      const unwatch = this.callers.watch(caller, () => socket.close(CLOSE.FORBIDDEN, 'Forbidden'));
      gate.admit(caller, unwatch);
      return { caller, loaders: new Loaders(false) };
    } catch (error) {
      const problem = asProblem(error);
      const status = problem.getStatus();
      if (problem.code === 'INTERNAL') log.error({ message: problem.message, error });
      if (status === 429 || status >= 500) gate.end(CLOSE.TRY_AGAIN, `${problem.code}: ${problem.message}`);
      else gate.end(CLOSE.FORBIDDEN, 'Forbidden');
      return false;
    }
  }
}
