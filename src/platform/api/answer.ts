import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { concatMap, map, type Observable } from 'rxjs';
import { Resources } from './resources.ts';
import { routeOf, type RegisteredRoute } from './route.ts';

/** An answer with a status or headers besides its value. A handler may also return the bare value. */
export class Answered<T = unknown> {
  constructor(
    readonly value: T,
    /** Replaces the route's status; null = the route's. */
    readonly status: number | null = null,
    readonly headers: Record<string, string> = {},
  ) {}

  /** Wraps the value, or adds the status and headers to one already wrapped. */
  static of(value: unknown, status: number | null, headers: Record<string, string> = {}): Answered {
    if (!(value instanceof Answered)) return new Answered(value, status, headers);
    return new Answered(value.value, status ?? value.status, { ...value.headers, ...headers });
  }
}

/** A resource that existed already: 200 instead of the route's 201. */
export const alreadyThere = <T>(value: T): T => new Answered(value, 200) as T;

/** A reference to a resource that was changed, instead of the resource T: it is read once, when the answer is sent. */
export class Referred<T extends { id: string }> {
  constructor(
    readonly resource: string,
    readonly id: T['id'],
  ) {}
}

const isReferred = (value: unknown): value is Referred<{ id: string }> => value instanceof Referred;

/** Answers with the resource of this id; `resource` names it as `Resources` does. */
export const referTo = <T extends { id: string }>(resource: string, id: T['id']): Referred<T> => new Referred<T>(resource, id);

export const valueOf = (answer: unknown): unknown => (answer instanceof Answered ? answer.value : answer);

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;

export const idOf = (value: unknown): string | null => {
  const id = fieldOf(value, 'id');
  return typeof id === 'string' ? id : null;
};

function locationOf(route: RegisteredRoute, request: FastifyRequest, value: unknown): string | null {
  if (route.location) return route.location(value as never);
  const id = idOf(value);
  return id === null ? null : `${request.url.split('?')[0]}/${id}`;
}

/** The outermost interceptor: resolves references and splits an answer into status, headers (ETag, Location) and body. */
@Injectable()
export class Answers implements NestInterceptor {
  constructor(private readonly resources: Resources) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const answers = next.handle().pipe(concatMap((answer) => this.read(answer)));
    const route = routeOf(execution.getHandler());
    if (!route) return answers.pipe(map(valueOf));
    const http = execution.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    return answers.pipe(map((answer) => send(route, request, reply, answer)));
  }

  private async read(answer: unknown): Promise<unknown> {
    const value = valueOf(answer);
    if (!isReferred(value)) return answer;
    const { status, headers } = Answered.of(answer, null);
    return new Answered(await this.resources.read(value.resource, value.id), status, headers);
  }
}

function send(route: RegisteredRoute, request: FastifyRequest, reply: FastifyReply, answer: unknown): unknown {
  const { value, status, headers } = Answered.of(answer, null);
  if (status !== null) reply.status(status);
  reply.headers(headers);
  const version = fieldOf(value, 'version');
  if (typeof version === 'number') reply.header('etag', `"${version}"`);
  const made = route.status === 201 || route.status === 202;
  const location = made ? locationOf(route, request, value) : null;
  if (location !== null) reply.header('location', location);
  return value;
}
