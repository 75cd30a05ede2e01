import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { GraphqlContext } from '../platform/graphql/loaders.ts';
import { operationOf } from '../platform/api/operation.ts';
import { Problem } from '../platform/problem.ts';
import { routeOf } from '../platform/api/route.ts';
import { authorize } from './actions.ts';
import { callerOf } from './hooks.ts';

/** Authorizes each field of Query, Mutation and Subscription, and each route a second time, in case a request bypassed Fastify's hook. */
@Injectable()
export class Authorization implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    if (execution.getType<string>() !== 'graphql') return this.mayAskFor(execution);
    const operation = operationOf(execution.getHandler());
    if (!operation) throw new Error(`${execution.getHandler().name} has no action`);
    authorize(execution.getArgByIndex<GraphqlContext>(2).caller, operation.action);
    return true;
  }

  private mayAskFor(execution: ExecutionContext): boolean {
    const route = routeOf(execution.getHandler());
    if (!route) return true;
    const caller = callerOf(execution.switchToHttp().getRequest<FastifyRequest>());
    if (!caller) throw new Problem('UNAUTHENTICATED', 'A key is required.');
    authorize(caller, route.action);
    return true;
  }
}
