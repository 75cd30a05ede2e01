import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, type Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import type { z } from 'zod';
import type { Fault } from '../fault.ts';
import { UNSTORABLE, unstorable } from '../model/text.ts';
import { faultsOf, parameterFaults, withoutNulls } from '../model/faults.ts';
import { unwrapped } from '../model/fields.ts';
import { messageOf } from '../model/messages.ts';
import { fieldsOf } from '../model/model.ts';
import type { Modelled } from '../model/model.ts';
import { invalid } from '../problem.ts';

/** The models of a handler's parameters, used for validation and for the OpenAPI document. */
export interface Taken {
  body: Modelled | null;
  /** The handler parses the body itself, for example because it is free JSON. */
  freeBody: boolean;
  query: Modelled | null;
  /** GraphQL arguments by name; '' for a class of arguments. */
  arguments: { name: string; model: Modelled }[];
}

const known = new WeakMap<object, Taken>();
const isModelled = (type: unknown): type is Modelled => typeof type === 'function' && 'schema' in type;

/** The models of the handler. In Nest's metadata, GraphQL's arguments have the same number as a body. */
export function takenBy(owner: Type, handler: string): Taken {
  const method = (owner.prototype as Record<string, object>)[handler] as object;
  const before = known.get(method);
  if (before) return before;
  const types = (Reflect.getMetadata('design:paramtypes', owner.prototype as object, handler) ?? []) as unknown[];
  const metadata = (Reflect.getMetadata(ROUTE_ARGS_METADATA, owner, handler) ?? {}) as Record<string, { index: number; data?: unknown }>;
  const taken: Taken = { body: null, freeBody: false, query: null, arguments: [] };
  for (const [key, { index, data }] of Object.entries(metadata)) {
    const kind = Number(key.split(':')[0]) as RouteParamtypes;
    const model = types[index];
    if (kind === RouteParamtypes.BODY) {
      if (isModelled(model)) Object.assign(taken, { body: model }).arguments.push({ name: typeof data === 'string' ? data : '', model });
      else taken.freeBody = true;
    }
    if (kind === RouteParamtypes.QUERY && isModelled(model)) taken.query = model;
  }
  known.set(method, taken);
  return taken;
}

type Place = 'pointer' | 'parameter';

function parsed(model: Modelled, value: unknown, place: Place, at = ''): { value: unknown; faults: Fault[] } {
  const result = model.schema.safeParse(value ?? {}, { error: messageOf });
  if (result.success) return { value: result.data, faults: [] };
  return { value: null, faults: place === 'pointer' ? faultsOf(result.error.issues, at) : parameterFaults(result.error.issues) };
}

/** Parses unnamed arguments, which correspond to a query string: a null there is an omitted parameter. */
function parsedArguments(model: Modelled, given: unknown): { value: unknown; faults: Fault[] } {
  const result = model.schema.safeParse(given, { error: messageOf });
  return parsed(model, result.success ? given : withoutNulls(given, result.error.issues), 'parameter');
}

/** The value as parsed by the model. Throws INVALID with a pointer (below `at`) or parameter for each fault. */
export function checked<M extends Modelled>(model: M, value: unknown, place: Place = 'pointer', at = ''): z.output<M['schema']> {
  const result = parsed(model, value, place, at);
  if (result.faults.length > 0) throw invalid(...result.faults);
  return result.value as z.output<M['schema']>;
}

const isEmpty = (body: unknown): boolean =>
  body === undefined || body === null || (typeof body === 'object' && !Array.isArray(body) && Object.keys(body).length === 0);

/**
 * Validates a handler's input against its models before anything else, and replaces it by the parsed values. Pipes would run only after the interceptors,
 * one of which opens the transaction of an idempotent request.
 */
@Injectable()
export class Shapes implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const taken = takenBy(execution.getClass(), execution.getHandler().name);
    if (execution.getType() === 'http') checkRequest(execution.switchToHttp().getRequest<FastifyRequest>(), taken);
    else checkArguments(execution.getArgs<[unknown, Record<string, unknown>]>()[1], taken);
    return next.handle();
  }
}

function checkRequest(request: FastifyRequest, taken: Taken): void {
  const query = request.query as Record<string, unknown>;
  const inQuery = taken.query ? parsed(taken.query, query, 'parameter') : { value: query, faults: strayParameters(query) };
  const inBody = taken.body ? parsed(taken.body, request.body, 'pointer') : { value: request.body, faults: [] as Fault[] };
  if (!taken.body && !taken.freeBody && !isEmpty(request.body))
    inBody.faults.push({ pointer: '', detail: 'must be empty: this route takes no body' });
  const faults = [...inQuery.faults, ...inBody.faults];
  if (faults.length > 0) throw invalid(...faults);
  if (taken.query) request.query = inQuery.value;
  if (taken.body) request.body = inBody.value;
}

const strayParameters = (query: Record<string, unknown>): Fault[] =>
  Object.keys(query).map((parameter) => ({ parameter, detail: 'is not a parameter' }));

/** Faults of an argument that cannot be stored. In an object they have a pointer; otherwise the argument's name is given. */
function unstorableArgument(name: string, value: unknown, taken: Taken): Fault[] {
  const model = taken.arguments.find((argument) => argument.name === name)?.model;
  const place = unstorable(model ? unwrapped(model.schema, value) : value);
  if (place === null) return [];
  const isBody = typeof value === 'object' && !Array.isArray(value);
  return [{ ...(isBody ? { pointer: place } : { parameter: name }), detail: UNSTORABLE }];
}

/** Arguments are replaced in place, because the resolver receives the same object. */
function checkArguments(given: Record<string, unknown>, taken: Taken): void {
  const stored = Object.entries(given).flatMap(([name, value]) => unstorableArgument(name, value, taken));
  if (stored.length > 0) throw invalid(...stored);
  const faults = taken.arguments.flatMap(({ name, model }) => {
    if (name !== '') {
      // An input is a body, and null in it is what it is there. One that may be omitted, and has fields that may not, is then nothing at all.
      const isOmitted = (given[name] ?? null) === null;
      if (isOmitted && !model.schema.safeParse({}).success) return [];
      const result = parsed(model, unwrapped(model.schema, given[name]), 'pointer');
      given[name] = result.value;
      return result.faults;
    }
    const own = fieldsOf(model).filter((key) => Object.hasOwn(given, key));
    const result = parsedArguments(model, Object.fromEntries(own.map((key) => [key, given[key]])));
    for (const key of own) Reflect.deleteProperty(given, key);
    Object.assign(given, result.value);
    return result.faults;
  });
  if (faults.length > 0) throw invalid(...faults);
}
