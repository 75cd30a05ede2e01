import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata, type Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Modelled } from './model/model.ts';
import type { PageSchema } from './page.ts';

/** What answers in another form than one of our models. */
export interface Media {
  /** Content type -> JSON schema or nothing. */
  media: Record<string, object>;
}

export interface RouteOptions {
  /** Row of the role x action table. */
  action: string;
  summary: string;
  description?: string;
  /** The status of success; 200 unless said otherwise. */
  status?: 200 | 201 | 202 | 204;
  /** Further statuses of success. */
  alsoAnswers?: (200 | 202 | 204)[];
  /** What it answers with; nothing for 204. */
  answers?: Modelled | PageSchema | Media;
  /**
   * Every POST says: the resource by whose name a repeated request reads the effect of the first again (see `Resources`), or false where a repetition is
   * harmless and the key is ignored.
   */
  idempotent?: string | false;
  /** The resource whose settling `Prefer: wait` awaits. */
  waits?: string;
  /** Where what was made is found; below the path of the request by its id unless said otherwise. */
  location?: (answer: never) => string;
  /** Content types of the body besides JSON. */
  consumes?: string[];
  /** The body's schema where the handler reads it itself. */
  body?: object;
  /** Answers `Accept: text/event-stream` with a stream. */
  streams?: true;
  /** Tokens that a request takes from the tenant's bucket; 1 unless said otherwise. */
  cost?: number;
}

export interface RegisteredRoute extends RouteOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in `/v1/templates/:template`. */
  path: string;
  controller: Type;
  handler: string;
}

const METADATA = 'slipway:route';

/** What Fastify's hooks find at a route. */
export interface RouteFacts {
  action: string;
  cost: number;
  consumes: string[];
}

const registered: RegisteredRoute[] = [];

/** One decorator per route: method and path (below /v1), status, who may, and its place in the OpenAPI document. */
export function Route(method: RegisteredRoute['method'], path: string, options: RouteOptions): MethodDecorator {
  if (method === 'POST' && options.idempotent === undefined) throw new Error(`POST ${path} does not say whether it is idempotent`);
  const facts: RouteFacts = { action: options.action, cost: options.cost ?? 1, consumes: options.consumes ?? [] };
  const apply = applyDecorators(
    RequestMapping({ method: RequestMethod[method], path: `/v1${path}` }),
    HttpCode(options.status ?? 200),
    RouteConfig(facts),
  );
  return (target, key, descriptor) => {
    const route: RegisteredRoute = { ...options, method, path: `/v1${path}`, controller: target.constructor as Type, handler: String(key) };
    registered.push(route);
    SetMetadata(METADATA, route)(target, key, descriptor as TypedPropertyDescriptor<unknown>);
    apply(target, key, descriptor);
  };
}

/** The route of a handler, null for a resolver's. */
export const routeOf = (handler: object): RegisteredRoute | null =>
  (Reflect.getMetadata(METADATA, handler) as RegisteredRoute | undefined) ?? null;

/** What asking for an action costs in tokens: as much by GraphQL as by its route. */
export const costOf = (action: string): number =>
  Math.max(1, ...registered.filter((route) => route.action === action).map((route) => route.cost ?? 1));

/** Every route of the controllers that have been loaded, in a stable order. */
export const routes = (): RegisteredRoute[] =>
  [...registered].sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
