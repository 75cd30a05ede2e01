import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata, type Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Modelled } from '../model/model.ts';
import type { PageSchema } from './page.ts';

/** A response that is not one of our models. */
export interface Media {
  /** Content type -> JSON schema or nothing. */
  media: Record<string, object>;
}

export interface RouteOptions {
  /** Row of the role x action table. */
  action: string;
  summary: string;
  description?: string;
  /** Status of success; default 200. */
  status?: 200 | 201 | 202 | 204;
  /** Other statuses of success. */
  alsoAnswers?: (200 | 202 | 204)[];
  /** The response; undefined for 204. */
  answers?: Modelled | PageSchema | Media;
  /**
   * Required for every POST: the kind of resource (see `Resources`) that a repeated request reads again, or false if a repetition is harmless and the key is
   * ignored.
   */
  idempotent?: string | false;
  /** The kind of resource that `Prefer: wait` waits for. */
  waits?: string;
  /** Path of the created resource; default: the path of the request plus its id. */
  location?: (answer: never) => string;
  /** Content types of the body besides JSON. */
  consumes?: string[];
  /** Schema of the body if the handler parses it itself. */
  body?: object;
  /** Responds to `Accept: text/event-stream` with a stream. */
  streams?: true;
  /** Tokens that a request takes from the tenant's bucket; default 1. */
  cost?: number;
}

export interface RegisteredRoute extends RouteOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** For example `/v1/things/:thing`. */
  path: string;
  controller: Type;
  handler: string;
}

const METADATA = 'slipway:route';

/** Facts about a route for Fastify's hooks. */
export interface RouteFacts {
  action: string;
  cost: number;
  consumes: string[];
}

const registered: RegisteredRoute[] = [];

/** One decorator per route: method, path (below /v1), status, action, and entry in the OpenAPI document. */
export function Route(method: RegisteredRoute['method'], path: string, options: RouteOptions): MethodDecorator {
  if (method === 'POST' && options.idempotent === undefined) throw new Error(`POST ${path} does not declare whether it is idempotent`);
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

/** The route of a handler; null for a resolver's method. */
export const routeOf = (handler: object): RegisteredRoute | null =>
  (Reflect.getMetadata(METADATA, handler) as RegisteredRoute | undefined) ?? null;

/** Cost of an action in tokens, the same by GraphQL as by its route. */
export const costOf = (action: string): number =>
  Math.max(1, ...registered.filter((route) => route.action === action).map((route) => route.cost ?? 1));

/** Every route of the loaded controllers, in a stable order. */
export const routes = (): RegisteredRoute[] =>
  [...registered].sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
