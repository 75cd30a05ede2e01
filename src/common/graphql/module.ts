import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { type GqlOptionsFactory } from '@nestjs/graphql';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { Config } from '../../config.ts';
import type { Context } from '../context.ts';
import { CONFIG } from '../database.module.ts';
import { formatErrors } from './errors.ts';
import { checkCost, checkRequested, checkSource } from './limits.ts';
import { Loaders, type GraphqlContext } from './loaders.ts';

/** Authenticates callers for GraphQL, over HTTP and over a socket. Provided by the feature that knows keys. */
export interface Callers {
  ofRequest(request: FastifyRequest): Context;
  /** The caller of a socket, from its first message; null = refused. */
  ofSocket(first: { authorization?: unknown; slipwayTenant?: unknown }): Promise<Context | null>;
  /** Calls `end` when the caller's key has been revoked or has expired. Returns the function that stops watching. */
  watch(caller: Context, end: () => void): () => void;
  isOrigin(origin: string | undefined, host: string | undefined): boolean;
}

export const CALLERS = Symbol('callers');

/** Close codes of graphql-transport-ws. */
const FORBIDDEN = 4403;
const HEARTBEAT_MILLISECONDS = 15_000;

interface Socket {
  send(message: string, ...rest: unknown[]): void;
  close(code: number, reason: string): void;
  once(event: 'close', listener: () => void): void;
}

interface ConnectionInit {
  payload?: { authorization?: unknown; slipwayTenant?: unknown } | null;
}

type Held = { socket?: Socket };

/** Configuration of Mercurius: limits, errors as problems, and callers. */
@Injectable()
export class GraphqlSetup implements GqlOptionsFactory<MercuriusDriverConfig> {
  constructor(
    @Inject(CALLERS) private readonly callers: Callers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  createGqlOptions(): Omit<MercuriusDriverConfig, 'driver'> {
    return {
      autoSchemaFile: true,
      sortSchema: true,
      path: '/graphql',
      graphiql: this.config.environment !== 'production',
      buildSchemaOptions: { numberScalarMode: 'integer' },
      // A document is compiled after its third use, and only while the event loop has time; compiling costs more than one use.
      jit: { minCount: 3, eluThreshold: 0.8 },
      cache: 1024,
      queryDepth: 16,
      errorFormatter: (execution, context) => {
        const requestId =
          (context as unknown as Partial<GraphqlContext>).caller?.requestId ??
          (context as { reply?: FastifyReply }).reply?.request.id ??
          null;
        return formatErrors(execution, requestId);
      },
      context: (request: FastifyRequest): GraphqlContext => ({ caller: this.callers.ofRequest(request), loaders: new Loaders() }),
      hooks: {
        preParsing: async (_schema: GraphQLSchema, source: string) => checkSource(source),
        preExecution: async (schema: GraphQLSchema, document: DocumentNode, _context: unknown, variables: Record<string, unknown>) => {
          checkRequested(document);
          checkCost(schema, document, variables ?? {});
        },
        preSubscriptionParsing: async (_schema: GraphQLSchema, source: string) => checkSource(source),
        preSubscriptionExecution: async (schema: GraphQLSchema, document: DocumentNode) => checkCost(schema, document, {}),
      },
      subscription: this.sockets(),
    };
  }

  private sockets() {
    // Mercurius calls `context` and then, for the same socket, `onConnect`, but does not pass the socket on.
    let opening: Held = {};
    return {
      fullWsTransport: false,
      keepAlive: HEARTBEAT_MILLISECONDS,
      verifyClient: ({ origin, req }: { origin?: string; req: IncomingMessage }, done: (taken: boolean, status?: number) => void): void =>
        done(this.callers.isOrigin(origin, req.headers.host), 403),
      context: (socket: Socket): Held => {
        refuseAsProtocolSays(socket);
        opening = { socket };
        return {};
      },
      onConnect: (message: ConnectionInit) => this.connect(message, opening.socket),
    };
  }

  private async connect(message: ConnectionInit, socket: Socket | undefined): Promise<GraphqlContext | false> {
    const caller = await this.callers.ofSocket(message.payload ?? {});
    if (!caller) return false;
    if (socket)
      socket.once(
        'close',
        this.callers.watch(caller, () => socket.close(FORBIDDEN, 'Forbidden')),
      );
    return { caller, loaders: new Loaders(false) };
  }
}

/** Mercurius refuses a connection with a message that graphql-transport-ws does not have; its close code is sent instead. */
function refuseAsProtocolSays(socket: Socket): void {
  const send = socket.send.bind(socket);
  socket.send = (message, ...rest) =>
    String(message).includes('"connection_error"') ? socket.close(FORBIDDEN, 'Forbidden') : send(message, ...rest);
}
