import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { GraphqlContext } from '../common/graphql/loaders.ts';
import { operationOf } from '../common/graphql/operation.ts';
import { authorize } from './actions.ts';

/** Checks each field of Query, Mutation and Subscription by the table that routes are checked by, in Fastify's hook. */
@Injectable()
export class Authorization implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    if (execution.getType<string>() !== 'graphql') return true;
    const operation = operationOf(execution.getHandler());
    if (!operation) throw new Error(`${execution.getHandler().name} has no action`);
    authorize(execution.getArgByIndex<GraphqlContext>(2).caller, operation.action);
    return true;
  }
}
