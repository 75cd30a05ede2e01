import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { context, currentContext, NO_TENANT } from '../db/context.ts';
import { CALLERS, type Callers } from './module.ts';
import { operationOf } from '../api/operation.ts';

/** Runs an operation that concerns no tenant for none, even if the request names one. For a route, its hook ignores the name. */
@Injectable()
export class Tenantless implements NestInterceptor {
  constructor(@Inject(CALLERS) private readonly callers: Callers) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const operation = operationOf(execution.getHandler());
    if (!operation || !this.callers.isTenantless(operation.action)) return next.handle();
    return from(context.run({ ...currentContext(), tenantId: NO_TENANT }, () => lastValueFrom(next.handle())));
  }
}
